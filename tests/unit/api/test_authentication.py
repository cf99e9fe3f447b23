"""Authentication: accepted credentials, and challenges."""

import base64
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.routing import Route

from pod_index.api.app import create_app
from pod_index.api.authentication import HEADER_LIMIT, METRICS, PROTECTED, Authenticator, Login
from pod_index.api.openapi import PATH as OPENAPI
from pod_index.api.page import FILES
from pod_index.api.tokens import TokenFile
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from tests.support.served import UID, example_pod, served, synced_index

BASIC = 'Basic realm="Restricted"'
BEARER = 'Bearer realm="Restricted"'
WRONG_TOKEN = 'Bearer realm="Restricted", error="invalid_token"'
LOOKUP = f"/api/v1/pod?uid={UID}"


def basic(text: str | bytes, scheme: str = "Basic") -> bytes:
    """The Authorization header of a login."""
    return f"{scheme} {base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()}".encode()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenFile:
    path = tmp_path_factory.mktemp("secret") / "tokens"
    path.write_text("t0ken\nother==\n")
    return TokenFile(str(path))


@pytest.fixture(scope="module")
def authenticator(tokens: TokenFile) -> Authenticator:
    return Authenticator(Login("ann", "s3:cr:et"), tokens)


async def ask(
    authenticator: Authenticator | None, *authorization: bytes, path: str = LOOKUP, method: str = "GET"
) -> httpx.Response:
    async with served(synced_index(example_pod()), 7.0, authenticator=authenticator) as client:
        headers = [(b"Authorization", value) for value in authorization]
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    "header",
    [
        basic("ann:s3:cr:et"),
        basic("ann:s3:cr:et", "basic"),
        basic("ann:s3:cr:et", "BASIC"),
        basic("ann:s3:cr:et", "Basic  "),
        basic("ann:s3:cr:et") + b" ",
        b"Bearer t0ken",
        b"bearer t0ken",
        b"BEARER  other==",
    ],
)
async def test_valid_credentials_are_accepted(header: bytes, authenticator: Authenticator) -> None:
    answer = await ask(authenticator, header)
    assert (answer.status_code, answer.json()["uid"]) == (200, UID)
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Basic ",
        basic(""),
        basic(":"),
        basic("ann"),
        basic("ann:"),
        basic(":s3:cr:et"),
        basic("ann:s3:cr"),
        basic("Ann:s3:cr:et"),
        basic("ann:s3:cr:et:"),
        basic("ann:s3:cr:et\n"),
        basic(b"\xff:\xff"),
        b"Basic ann:s3:cr:et",
        b"Basic YW5uOnMzOmNyOmV",
        b"Basic YW5uO nMzOmNyOmV0",
        b"Basic YW5uOnMzOmNyOmV\xe9",
        b"Basic\tYW5uOnMzOmNyOmV0",
        b"YW5uOnMzOmNyOmV0",
        b"Digest username=ann",
        b"t0ken",
        basic("t0ken:"),
        basic("ann:" + "x" * HEADER_LIMIT),
        b"Bearer t0ken" + b" " * HEADER_LIMIT,
    ],
)
async def test_other_credentials_are_401_with_all_challenges(header: bytes, authenticator: Authenticator) -> None:
    answer = await ask(authenticator, header)
    assert (answer.status_code, answer.content) == (401, b'{"error":"Unauthorized"}')
    assert answer.headers.get_list("www-authenticate") == [BASIC, BEARER]
    assert (answer.headers["age"], answer.headers["content-type"]) == ("7", "application/json")


@pytest.mark.parametrize("token", [b"", b"T0ken", b"t0ke", b"t0ken=", b"other", b"t0ken other==", b"\xff", b'"t0ken"'])
async def test_a_wrong_token_is_401_with_invalid_token(token: bytes, authenticator: Authenticator) -> None:
    answer = await ask(authenticator, b"Bearer " + token)
    assert (answer.status_code, answer.content) == (401, b'{"error":"Unauthorized"}')
    assert answer.headers.get_list("www-authenticate") == [BASIC, WRONG_TOKEN]


async def test_several_headers_are_refused_even_if_valid(authenticator: Authenticator) -> None:
    answer = await ask(authenticator, b"Bearer t0ken", basic("ann:s3:cr:et"))
    assert (answer.status_code, answer.headers.get_list("www-authenticate")) == (401, [BASIC, BEARER])
    assert (await ask(authenticator, b"Bearer t0ken", b"Bearer t0ken")).status_code == 401


async def test_each_scheme_alone_has_its_own_challenge_and_refuses_the_other(tokens: TokenFile) -> None:
    login = Authenticator(Login("ann", "s3cret"), None)
    assert (await ask(login, basic("ann:s3cret"))).status_code == 200
    answer = await ask(login, b"Bearer t0ken")
    assert (answer.status_code, answer.headers.get_list("www-authenticate")) == (401, [BASIC])
    bearer = Authenticator(None, tokens)
    assert (await ask(bearer, b"Bearer t0ken")).status_code == 200
    answer = await ask(bearer, basic("ann:s3cret"))
    assert (answer.status_code, answer.headers.get_list("www-authenticate")) == (401, [BEARER])


async def test_a_token_in_the_query_is_refused(authenticator: Authenticator) -> None:
    assert (await ask(authenticator, path=f"{LOOKUP}&access_token=t0ken")).status_code == 401


async def test_a_login_is_utf_8() -> None:
    authenticator = Authenticator(Login("zoë", "geh€im"), None)
    assert (await ask(authenticator, basic("zoë:geh€im"))).status_code == 200
    assert (await ask(authenticator, basic("zoë:geh€im".encode("cp1252")))).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/pod"),
        ("HEAD", LOOKUP),
        ("DELETE", LOOKUP),
        ("GET", "/api/v1/pods?node=node-1"),
        ("POST", "/api/v1/pods/lookup"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1%2Fpod?uid=U"),
    ],
)
async def test_everything_below_the_api_is_protected(method: str, path: str, authenticator: Authenticator) -> None:
    assert (await ask(authenticator, path=path, method=method)).status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/ready", 200), ("/", 200), ("//api/v1/pod", 404), ("/API/v1/pod", 404), ("/api/v1", 404)],
)
async def test_probes_and_unknown_paths_are_open(path: str, status: int, authenticator: Authenticator) -> None:
    assert (await ask(authenticator, path=path)).status_code == status
    assert (await ask(authenticator, b"Basic nonsense", path=path)).status_code == status


@pytest.mark.parametrize(("setting", "status"), [("true", 401), ("", 200)])
async def test_metrics_are_protected_if_the_setting_says_so(setting: str, status: int) -> None:
    environ = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret", "AUTH_METRICS": setting}
    authenticator = Authenticator.from_settings(Settings.from_environ(environ))
    assert authenticator is not None
    assert (await ask(authenticator, path="/metrics")).status_code == status
    assert (await ask(authenticator, basic("ann:s3cret"), path="/metrics")).status_code == 200


def test_every_route_is_protected_except_probes_metrics_and_static_files() -> None:
    """For a new route, decide here and in PROTECTED whether it is protected."""
    routes = {route.path for route in create_app(PodIndex(), lambda: None).routes if isinstance(route, Route)}
    assert {path for path in routes if not path.startswith(PROTECTED)} == {
        "/health",
        "/ready",
        METRICS,
        OPENAPI,
        *FILES,
    }


async def test_wrong_credentials_are_401_before_the_first_sync(authenticator: Authenticator) -> None:
    async with served(PodIndex(), None, authenticator=authenticator) as client:
        answer = await client.get(LOOKUP)
    assert (answer.status_code, answer.headers["age"]) == (401, "0")


async def test_without_settings_there_is_no_authentication() -> None:
    assert Authenticator.from_settings(Settings()) is None
    assert (await ask(None, b"Basic nonsense")).status_code == 200


async def test_the_settings_configure_the_authenticator(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("t0ken")
    login = Authenticator.from_settings(Settings(basic_auth_username="ann", basic_auth_password="s3cret"))
    assert (await ask(login, basic("ann:s3cret"))).status_code == 200
    bearer = Authenticator.from_settings(Settings(auth_token_file=str(tmp_path / "tokens")))
    assert (await ask(bearer, b"Bearer t0ken")).status_code == 200
    assert (await ask(bearer, basic("ann:s3cret"))).status_code == 401


HEADERS = (
    st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda rest: b"Basic " + rest)
    | st.binary(max_size=60).map(lambda rest: b"Bearer " + rest)
    | st.binary(max_size=40).map(basic)
    | st.text("an:s3cret", max_size=12).map(basic)
)


@given(headers=st.lists(HEADERS, max_size=3))
@example(headers=[basic("ann:s3:cr:et")])
@example(headers=[b"Bearer " + b"=" * 100_000])
@example(headers=[b"Basic " + b"A" * 100_000])
def test_any_header_is_accepted_or_refused(headers: list[bytes], authenticator: Authenticator) -> None:
    challenges = authenticator.challenges([(b"authorization", value) for value in headers])
    right = headers in ([basic("ann:s3:cr:et")], [b"Bearer t0ken"], [b"Bearer other=="])
    assert (challenges == ()) == right
    assert len(headers) != 1 or authenticator.accepts(headers[0]) == right
    for name, value in challenges:
        assert name == b"www-authenticate"
        assert value.decode() in (BASIC, BEARER, WRONG_TOKEN)


@given(username=st.text(max_size=8), password=st.text(max_size=8))
def test_a_login_accepts_itself_only(username: str, password: str) -> None:
    username = username.replace(":", "").encode("utf-8", "replace").decode()
    password = password.encode("utf-8", "replace").decode()
    login = Login(username, password)
    assert login.accepts(base64.b64encode(f"{username}:{password}".encode()))
    assert not login.accepts(base64.b64encode(f"{username}:{password}x".encode()))
    assert not login.accepts(base64.b64encode(f"x{username}:{password}".encode()))
