"""The OpenAPI document is valid and complete."""

import ast
import inspect
import json
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from pod_index import __version__
from pod_index.api import clusters, queries
from pod_index.api.app import create_app
from pod_index.api.authentication import METRICS, PROTECTED, Authenticator, Login
from pod_index.api.endpoints import IDS_MAX
from pod_index.api.openapi import PATH
from pod_index.api.page import FILES
from pod_index.api.queries import LIST_DEFAULT, LIST_MAX
from pod_index.api.responses import RequestError
from pod_index.api.tokens import TokenFile
from pod_index.api.waiting import WAITERS_MAX
from pod_index.containers import ContainerState, RunningState, TerminatedState, WaitingState
from pod_index.pods import PodRecord
from pod_index.server.gate import BODY_FACTOR
from pod_index.server.heads import HEADERS_MAX
from pod_index.settings import Settings
from pod_index.store import detailed_records
from pod_index.store.detailed_records import ContainerRecord, DetailsRecord, MatchedContainer
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES
from pod_index.store.workloads import Workload
from tests.support.documents import OPERATOR, table
from tests.support.openapi import (
    COMPONENTS,
    DOCUMENT,
    HEADERS,
    JSON,
    OPERATIONS,
    PARAMETERS,
    RESPONSES,
    SCHEMAS,
    SERVER_ERRORS,
    examples,
    media_types,
    resolved,
    validator,
)
from tests.support.served import served


def parameters(operation: JSON, where: str = "query") -> dict[str, JSON]:
    found = [resolved(parameter) for parameter in operation.get("parameters", ())]
    return {parameter["name"]: parameter for parameter in found if parameter["in"] == where}


def error_examples() -> set[tuple[int, str]]:
    """The status and the message of every example of an error."""
    return {
        (int(status), body["error"])
        for _, _, operation in OPERATIONS
        for status, response in operation["responses"].items()
        if status >= "400"
        for media_type in media_types(resolved(response))
        for body in examples(media_type).values()
    }


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_its_paths_and_methods_are_the_routes() -> None:
    routes = [route for route in create_app(PodIndex(), lambda: None).routes if isinstance(route, Route)]
    assert {(path, method.upper()) for path, method, _ in OPERATIONS} == {
        (route.path, method) for route in routes for method in route.methods or ()
    }


async def test_it_is_served_without_authentication_and_has_the_version() -> None:
    async with served(PodIndex(), authenticator=Authenticator(Login("ann", "s3cret"), None)) as client:
        answer = await client.get(PATH)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == DOCUMENT
        assert answer.json()["info"]["version"] == __version__
        known = await client.get(PATH, headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


def test_operation_ids_are_unique_and_every_tag_is_described() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    tags = {tag for _, _, operation in OPERATIONS for tag in operation["tags"]}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == tags


def test_every_component_is_used() -> None:
    text = json.dumps(DOCUMENT)
    for kind in ("schemas", "parameters", "headers", "responses"):
        for name in COMPONENTS[kind]:
            used = f'"#/components/{kind}/{name}"' in text
            # POST has no HEAD, so the HEAD variants of its responses are unused.
            assert used or name.endswith("WithoutContent"), name


def test_everything_is_described() -> None:
    for path, _, operation in OPERATIONS:
        assert operation["summary"], path
        assert operation["description"], path
    for kind in ("parameters", "headers", "responses", "securitySchemes"):
        for name, component in COMPONENTS[kind].items():
            assert component["description"].endswith("."), name


@pytest.mark.parametrize(
    ("path", "base", "read"),
    [
        ("/api/v1/pod", "uid=U", lambda *query: (queries.parse_lookup(*query), _clusters(query[0]))),
        ("/api/v1/pods", "namespace=default", lambda *query: (queries.parse_list(*query), queries.is_watch(query[0]))),
        ("/api/v1/pods/lookup", "", lambda query, _: (queries.parse_batch(query), _clusters(query))),
    ],
)
def test_its_parameters_are_those_of_the_code(path: str, base: str, read: Callable[..., object]) -> None:
    def outcome(query: str) -> object:
        try:
            return read(query.encode(), INDEX_NAMES)
        except RequestError as refusal:
            return str(refusal)

    ((_, _, operation),) = [found for found in OPERATIONS if found[0] == path and found[1] != "head"]
    # The first of several values counts.
    matters = {name for name in _names_in_the_code() if outcome(f"{name}=nonsense&{base}") != outcome(base)}
    assert set(parameters(operation)) == matters


def _clusters(query: bytes) -> object:
    return clusters.parse_clusters(query).names if clusters.names_clusters(query) else None


def _names_in_the_code() -> set[str]:
    """The names that the modules look up in ``parameters`` or with ``values``."""
    found = set(queries.SELECTORS)
    for node in ast.walk(ast.parse(inspect.getsource(queries) + inspect.getsource(clusters))):
        if isinstance(node, ast.Call):
            within = [node.func.value] if isinstance(node.func, ast.Attribute) else node.args
            if any(isinstance(name, ast.Name) and name.id in ("parameters", "values") for name in (node.func, *within)):
                found |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    return found - {""}


def test_only_static_files_have_header_parameters() -> None:
    with_headers = {path for path, _, operation in OPERATIONS if parameters(operation, "header")}
    assert with_headers == {PATH, *FILES}


def test_protected_paths_have_optional_authentication() -> None:
    for path, _, operation in OPERATIONS:
        protected = path.startswith(PROTECTED) or path == METRICS
        assert operation["security"] == ([{}, {"basic": []}, {"bearer": []}] if protected else [])
        assert ("401" in operation["responses"]) == protected


def test_errors_of_the_server_are_in_every_operation() -> None:
    for _, method, operation in OPERATIONS:
        assert {"400", "405", "408", "414", "431", "500", "503"} <= operation["responses"].keys()
        if method != "head":
            found = {
                name
                for response in operation["responses"].values()
                for media_type in media_types(resolved(response))
                for name in examples(media_type)
            }
            assert found >= SERVER_ERRORS


def test_head_is_get_without_content() -> None:
    for path, method, head in OPERATIONS:
        if method == "head":
            get = DOCUMENT["paths"][path]["get"]
            assert head["responses"].keys() == get["responses"].keys()
            for status, response in head["responses"].items():
                of_get = resolved(get["responses"][status])
                assert resolved(response).get("headers") == of_get.get("headers")
                assert not resolved(response).keys() & {"content", "links"}


def test_every_example_validates_against_its_schema() -> None:
    count = 0
    bodies = [operation["requestBody"] for _, _, operation in OPERATIONS if "requestBody" in operation]
    for holder in (*PARAMETERS.values(), *HEADERS.values(), *media_types(*RESPONSES.values(), *bodies)):
        for value in examples(holder).values():
            validator(holder["schema"]).validate(value)
            count += 1
    assert count > 100


def test_everything_except_static_files_has_an_example() -> None:
    for holder in (*PARAMETERS.values(), *HEADERS.values()):
        assert examples(holder)
    without = {name for name, response in RESPONSES.items() if not all(map(examples, media_types(response)))}
    assert without == {"OpenAPI", "Page", "PageStyle", "PageScript", "PageIcon"}


def test_every_documented_error_is_among_its_examples() -> None:
    texts = error_examples()
    for row in table(OPERATOR, "error"):
        for text in re.findall(r'`(\{"error":"[^`]*"\})`', row[1]):
            # U stands for any UID.
            pattern = re.escape(json.loads(text)["error"]).replace(r"UID\ U\ ", r"UID\ \S+\ ")
            status = int(row[0][:3])
            assert any(found == status and re.fullmatch(pattern, message) for found, message in texts), text


def test_a_pod_has_the_fields_of_its_record() -> None:
    fields = SCHEMAS["PodFields"]
    assert list(fields["properties"]) == list(PodRecord.__struct_encode_fields__)
    assert set(fields["properties"]) - set(fields["required"]) == {"labels", "annotations"}


def test_details_have_the_fields_of_their_records() -> None:
    for name, record in {
        "PodDetails": DetailsRecord,
        "Owner": detailed_records.Owner,
        "Workload": Workload,
        "Container": ContainerRecord,
        "ContainerState": ContainerState,
        "MatchedContainer": MatchedContainer,
    }.items():
        assert list(SCHEMAS[name]["properties"]) == list(record.__struct_encode_fields__)
    for name, state in {"waiting": WaitingState, "running": RunningState, "terminated": TerminatedState}.items():
        schema = SCHEMAS["ContainerState"]["properties"][name]
        assert list(schema["properties"]) == list(state.__struct_encode_fields__)


def test_the_pattern_of_workload_has_the_kinds_of_the_code() -> None:
    pattern = PARAMETERS["workload"]["schema"]["anyOf"][1]["pattern"]
    assert pattern.startswith(f"^(?:{'|'.join(queries.GROUPS)}|")
    assert ", ".join(queries.GROUPS) in PARAMETERS["workload"]["description"].replace(" and", ",")


@given(text=st.from_regex(r"(Pod|Rollout)?\.?[a-z.]{0,5}/?[a-z/]{0,3}", fullmatch=True) | st.text(max_size=5))
def test_the_pattern_of_workload_matches_what_the_code_accepts(text: str) -> None:
    query = urllib.parse.urlencode({"namespace": "default", "workload": text}, errors="surrogatepass").encode()
    try:
        queries.parse_list(query, INDEX_NAMES)
        accepted = True
    except RequestError:
        accepted = False
    assert validator(PARAMETERS["workload"]["schema"]).is_valid(text) == accepted


def test_every_limit_is_that_of_the_code() -> None:
    assert SCHEMAS["LookupRequest"]["properties"]["ids"]["maxItems"] == IDS_MAX
    assert SCHEMAS["LookupResults"]["properties"]["results"]["maxItems"] == IDS_MAX
    assert SCHEMAS["PodList"]["properties"]["pods"]["maxItems"] == LIST_MAX
    limit = PARAMETERS["limit"]["schema"]
    assert (limit["maximum"], limit["default"]) == (LIST_MAX, LIST_DEFAULT)
    texts = error_examples()
    assert (413, f"body is longer than {Settings().max_body_bytes} bytes") in texts
    assert (414, f"query string is longer than {Settings().max_query_bytes} bytes") in texts
    assert (503, f"{WAITERS_MAX} lookups are already waiting") in texts
    # tests/unit/server/test_connections.py requests the errors of the server.
    assert (408, f"request did not come within {Settings().client_timeout_seconds:g} s") in texts
    assert (413, f"request is longer than {BODY_FACTOR * Settings().max_body_bytes} bytes") in texts
    assert (414, f"request target is longer than {Settings().max_header_bytes // 2} bytes") in texts
    assert (431, f"header is longer than {Settings().max_header_bytes} bytes") in texts
    assert (431, f"more than {HEADERS_MAX} header fields") in texts


@given(text=st.from_regex(r"[0-9]{0,10}(\.[0-9]{0,10})?(ms|s|m)?", fullmatch=True) | st.text(max_size=5))
@example("10")
@example("10.0s")
@example("10.1")
@example("10000ms")
@example("10000.1ms")
@example("0000000010")
@example("000000010")
@example("00000.5ms")
def test_the_pattern_of_wait_matches_what_the_code_accepts(text: str) -> None:
    try:
        queries.parse_lookup(urllib.parse.urlencode({"uid": "U", "wait": text}).encode(), INDEX_NAMES)
        accepted = True
    except RequestError:
        accepted = False
    assert (re.fullmatch(PARAMETERS["wait"]["schema"]["pattern"], text) is not None) == accepted


def test_every_challenge_matches_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("t0ken\n")
    login, tokens = Login("ann", "s3cret"), TokenFile(str(path))
    schema = validator(HEADERS["WwwAuthenticate"]["schema"])
    for authenticator in (Authenticator(login, None), Authenticator(None, tokens), Authenticator(login, tokens)):
        for headers in ([], [(b"authorization", b"Bearer wrong")]):
            schema.validate(", ".join(value.decode() for _, value in authenticator.challenges(headers)))
