"""What schemathesis cannot read in the OpenAPI document: the tests have it loaded by its command line."""

import urllib.parse
import zlib
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext

from pod_index.api import queries
from pod_index.api.responses import RequestError
from tests.support.spellings import SPELLINGS

WAIT = "20ms"
"""The longest that a request waits here: there are hundreds of them."""

SELECTORS = (("uid",), ("id",), ("containerID",), ("ip",), ("namespace", "name"))

# A format of our own, as JSON Schema allows them: it is for people, and no pattern would be readable.
schemathesis.openapi.format(
    "pod-identifier", st.sampled_from([spelling.text for spelling in SPELLINGS] + ["default/gone"])
)


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Let valid requests ask for one pod, or for a list of something, and let none of them wait for long.

    That some parameters exclude each other is beyond OpenAPI 3.1, whose parameters are described one by one.
    """
    return _askable(case)


@schemathesis.hook
def before_add_examples(context: HookContext, examples: list[Case[Any]]) -> None:
    """Do the same with the document's examples, each of which is of one parameter."""
    for case in examples:
        _askable(case)


def _askable(case: Case[Any]) -> Case[Any]:
    query = case.query
    if case.meta is not None and case.meta.generation.mode.is_positive:
        if case.path == "/api/v1/pod":
            _keep_one_selector(query)
        elif case.path == "/api/v1/pods" and not query.get("node") and not query.get("namespace"):
            query["namespace"] = "default"
    wait = query.get("wait")
    if isinstance(wait, str) and _waits_long(wait):
        query["wait"] = WAIT
    return case


def _keep_one_selector(query: dict[str, object]) -> None:
    """Keep one, always the same of the same query."""
    given = [names for names in SELECTORS if all(query.get(name) for name in names)]
    kept = given[zlib.crc32(repr(query).encode()) % len(given)] if given else ("uid",)
    for names in SELECTORS:
        if names != kept:
            for name in names:
                query.pop(name, None)
    for name in kept:
        query[name] = query.get(name) or "unknown"


def _waits_long(text: str) -> bool:
    try:
        query = urllib.parse.urlencode({"uid": "U", "wait": text}).encode()
        return queries.parse_lookup(query, frozenset()).wait_seconds > 0
    except (RequestError, UnicodeError):
        return False
