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

CLUSTER = "a"
"""The name of the only cluster."""

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
        elif case.path == "/api/v1/pods":
            _make_consistent(query)
        if case.path in ("/api/v1/pod", "/api/v1/pods/lookup") and "cluster" in query:
            del query["cluster"]
            if not query.get("clusters"):
                query["cluster"] = [CLUSTER]
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


def _make_consistent(query: dict[str, object]) -> None:
    """Keep a view, and of the parameters of lists and streams those that go together."""
    if query.get("node") or query.get("namespace"):
        query.pop("all", None)
    elif not _is_true(query.get("all")):
        query["namespace"] = "default"
    if query.get("workload") and not query.get("namespace"):
        query.pop("all", None)
        query["namespace"] = "default"
    query.pop("resume", None)  # Only a stream knows a valid one.
    if _is_true(query.get("watch")):
        for name in ("limit", "continue", "workload", "details"):
            query.pop(name, None)


def _is_true(value: object) -> bool:
    return value is True or value in ("true", "1")


def _waits_long(text: str) -> bool:
    try:
        query = urllib.parse.urlencode({"uid": "U", "wait": text}).encode()
        return queries.parse_lookup(query, frozenset()).wait_seconds > 0
    except (RequestError, UnicodeError):
        return False
