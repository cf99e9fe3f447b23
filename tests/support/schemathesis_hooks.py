"""Constraints for schemathesis that the OpenAPI document cannot express."""

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
"""The maximum of ``wait``: there are hundreds of requests."""

SELECTORS = (("uid",), ("id",), ("containerID",), ("ip",), ("namespace", "name"))

# The format is not a standard one.
schemathesis.openapi.format(
    "pod-identifier", st.sampled_from([spelling.text for spelling in SPELLINGS] + ["default/gone"])
)


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Let valid requests have one selector, and let no request wait for long.

    OpenAPI 3.1 cannot say that parameters exclude each other.
    """
    return _constrained(case)


@schemathesis.hook
def before_add_examples(context: HookContext, examples: list[Case[Any]]) -> None:
    """Do the same with the examples of the document, which have one parameter each."""
    for case in examples:
        _constrained(case)


def _constrained(case: Case[Any]) -> Case[Any]:
    query = case.query
    if case.meta is not None and case.meta.generation.mode.is_positive:
        if case.path == "/api/v1/pod":
            _keep_one_selector(query)
        elif (
            case.path == "/api/v1/pods"
            and not query.get("namespace")
            and (query.get("workload") or not query.get("node"))
        ):
            query["namespace"] = "default"
    wait = query.get("wait")
    if isinstance(wait, str) and _waits_long(wait):
        query["wait"] = WAIT
    return case


def _keep_one_selector(query: dict[str, object]) -> None:
    """Keep one selector, which depends on the query only."""
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
