"""Any query string is parsed, or refused in one bounded line."""

import urllib.parse
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from pod_index.api import queries
from pod_index.api.queries import ListQuery, LookupQuery, WatchQuery
from pod_index.api.responses import RequestError
from pod_index.store.indexers import INDEX_NAMES, IndexName
from pod_index.store.views import View
from tests.support.served import CONTAINER_ID, UID

PARAMETERS = (
    "uid",
    "id",
    "containerID",
    "ip",
    "namespace",
    "name",
    "node",
    "workload",
    "wait",
    "includeDeleted",
    "details",
    "limit",
    "continue",
    "all",
    "watch",
    "resume",
)
NAMES = st.sampled_from(PARAMETERS) | st.text(max_size=5)
VALUES = (
    st.sampled_from(
        [
            UID,
            CONTAINER_ID,
            "10.0.0.1",
            "::1",
            "1s",
            "true",
            "default",
            "default/web",
            "Deployment/web",
            "\n",
            "\u2028",
            "%",
        ]
    )
    | st.text(max_size=30)
    | st.text("0123456789abcdef./:-_[]\n\0 %", max_size=80)
)
QUERIES = (
    st.binary(max_size=60)
    | st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
        lambda pairs: urllib.parse.urlencode(pairs, errors="replace").encode()
    )
    | st.builds(lambda name, value: f"{name}={urllib.parse.quote(value, errors='replace')}".encode(), NAMES, VALUES)
)


@given(query=QUERIES, index_names=st.frozensets(st.sampled_from(sorted(INDEX_NAMES))))
@example(query=b"uid=U&wait=" + b"9" * 8000, index_names=INDEX_NAMES)
@example(query=b"id=" + b"/pods/" * 1300, index_names=INDEX_NAMES)
@example(query=b"uid=" + b"&" * 9000, index_names=INDEX_NAMES)
def test_any_query_is_parsed_or_refused_in_one_bounded_line(query: bytes, index_names: frozenset[IndexName]) -> None:
    for parse in (queries.parse_lookup, queries.parse_list, queries.parse_watch):
        match outcome(parse, query, index_names):
            case LookupQuery() as lookup:
                assert lookup.identifiers
                assert 0.0 <= lookup.wait_seconds <= queries.WAIT_MAX_SECONDS
            case ListQuery() as listing:
                assert 1 <= listing.limit <= queries.LIST_MAX
            case RequestError() as refusal:
                assert refusal.status in (400, 414)
                assert len(str(refusal)) <= 300
                assert str(refusal).isprintable()


def outcome(
    parse: Callable[[bytes, frozenset[IndexName]], LookupQuery | ListQuery | WatchQuery],
    query: bytes,
    index_names: frozenset[IndexName],
) -> LookupQuery | ListQuery | WatchQuery | RequestError:
    try:
        return parse(query, index_names)
    except RequestError as refusal:
        return refusal


ENCODED = st.lists(
    st.sampled_from(
        [
            *(b"%", b"&", b"=", b"+", b"continue", b"&continue=", b"a", b"%zz", b"%4", b"%25", b"%00", b";", b"/"),
            *(b"%c3", b"%A9", b"%e2", b"%82", b"%F0", b"%90", b"%ff", b"%ed%a0%80", b"\xc3", b"\xa9", b"\xff"),
        ]
    ),
    max_size=14,
).map(b"".join)


@given(query=ENCODED)
@example(query=b"&&continue=%C3%A9%zz&continue=x&=&a+b=%2B+&&c")
@example(query=b"c%6Fntinue=%E2%82\xe9%A9")
def test_a_query_is_decoded_as_the_standard_library_does(query: bytes) -> None:
    query = b"namespace=n&" + query
    expected = urllib.parse.parse_qs(query.decode("latin-1"), keep_blank_values=True)
    namespace, after = expected["namespace"][0], expected.get("continue", [""])[0]
    assert queries.parse_list(query, INDEX_NAMES) == ListQuery(View("", namespace), queries.LIST_DEFAULT, after)
