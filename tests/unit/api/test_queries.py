"""Parsing of query strings."""

import re
import urllib.parse

import pytest

from pod_index.api import queries
from pod_index.api.queries import ListQuery, LookupQuery, WatchQuery
from pod_index.api.responses import RequestError
from pod_index.store.identifiers import Identifier, Kind
from pod_index.store.indexers import INDEX_NAMES, IndexName
from pod_index.store.views import View
from tests.support.served import CONFIG_HASH, CONTAINER_ID, UID


def lookup(query: str, index_names: frozenset[IndexName] = INDEX_NAMES) -> LookupQuery:
    return queries.parse_lookup(query.encode(), index_names)


def listing(query: str, index_names: frozenset[IndexName] = INDEX_NAMES) -> ListQuery:
    return queries.parse_list(query.encode(), index_names)


def refusal(query: str, index_names: frozenset[IndexName] = INDEX_NAMES) -> str:
    with pytest.raises(RequestError) as caught:
        lookup(query, index_names)
    assert caught.value.status == 400
    return str(caught.value)


@pytest.mark.parametrize(
    ("query", "identifier", "missing"),
    [
        (f"uid={UID}", ("uid", UID), f"pod with UID {UID} not found"),
        ("uid=U", ("uid", "U"), "pod with UID U not found"),
        (
            f"uid=pod{UID.upper().replace('-', '_')}",
            ("uid", UID),
            f"pod with UID pod{UID.upper().replace('-', '_')} not",
        ),
        (f"uid={CONFIG_HASH}", ("uid", CONFIG_HASH), f"pod with UID {CONFIG_HASH} not found"),
        (f"id={UID}", ("uid", UID), f"pod with ID {UID} not found"),
        ("id=10.0.0.1", ("ip", "10.0.0.1"), "pod with ID 10.0.0.1 not found"),
        ("id=default/web", ("name", "default/web"), "pod with ID default/web not found"),
        (f"id={CONTAINER_ID}", ("containerID", CONTAINER_ID), f"pod with ID {CONTAINER_ID} not found"),
        (
            f"containerID={CONTAINER_ID}",
            ("containerID", CONTAINER_ID),
            f"pod with container ID {CONTAINER_ID} not found",
        ),
        (f"containerID=containerd://{CONTAINER_ID}", ("containerID", CONTAINER_ID), "pod with container ID containerd"),
        ("containerID=some-vm", ("containerID", "some-vm"), "pod with container ID some-vm not found"),
        ("ip=10.0.0.1", ("ip", "10.0.0.1"), "pod with IP 10.0.0.1 not found"),
        ("ip=FD00:0:0::1", ("ip", "fd00::1"), "pod with IP FD00:0:0::1 not found"),
        ("ip=%20::ffff:10.0.0.1", ("ip", "10.0.0.1"), "pod with IP  ::ffff:10.0.0.1 not found"),
        ("namespace=default&name=web", ("name", "default/web"), "pod default/web not found"),
    ],
)
def test_every_selector_is_parsed(query: str, identifier: tuple[Kind, str], missing: str) -> None:
    parsed = lookup(query)
    assert [found[:2] for found in parsed.identifiers] == [identifier]
    assert parsed.not_found.startswith(missing)
    assert (parsed.include_deleted, parsed.wait_seconds) == (False, 0.0)


def test_an_id_may_name_several_pods_and_containers() -> None:
    path = urllib.parse.quote(f"0::/kubepods/burstable/pod{UID}/{CONTAINER_ID}")
    assert lookup(f"id={path}").identifiers == (
        Identifier("uid", UID, (CONTAINER_ID,)),
        Identifier("containerID", CONTAINER_ID),
    )


@pytest.mark.parametrize("query", ["", "uid", "uid=", "uid=&id=&ip=&containerID=&namespace=&name=", "wait=2s", "UID=x"])
def test_a_query_without_selector_is_refused(query: str) -> None:
    assert refusal(query) == "uid parameter is required"


@pytest.mark.parametrize(
    "query",
    [
        "uid=U&id=U",
        "uid=U&ip=10.0.0.1",
        "uid=U&containerID=c",
        "id=U&containerID=c",
        "ip=10.0.0.1&containerID=c",
        "uid=U&namespace=default",
        "uid=U&name=web",
        "ip=10.0.0.1&namespace=default&name=web",
        "uid=U&id=U&containerID=c&ip=10.0.0.1&namespace=default&name=web",
    ],
)
def test_several_selectors_are_refused(query: str) -> None:
    assert refusal(query) == "give one of uid, id, containerID, ip, or namespace with name"


@pytest.mark.parametrize("query", ["namespace=default", "name=web", "namespace=default&name=", "name=web&namespace"])
def test_namespace_and_name_require_each_other(query: str) -> None:
    assert refusal(query) == "namespace and name parameters must be given together"


def test_an_empty_value_counts_as_absent() -> None:
    query = f"uid={UID}&id=&ip=&containerID=&namespace=&name=&wait=&includeDeleted=&"
    assert lookup(query) == lookup(f"uid={UID}")
    assert listing("node=n&namespace=&limit=&continue=") == listing("node=n")


def test_of_several_values_the_first_counts() -> None:
    assert lookup("ip=10.0.0.1&ip=nonsense&wait=1&wait=x").identifiers == (Identifier("ip", "10.0.0.1"),)
    assert refusal(f"uid=&uid={UID}") == "uid parameter is required"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2.0),
        ("500ms", 0.5),
        ("1.5", 1.5),
        ("1.5s", 1.5),
        ("0.5ms", 0.0005),
        ("0", 0.0),
        ("0s", 0.0),
        ("10", 10.0),
        ("10s", 10.0),
        ("10.0", 10.0),
        ("10000ms", 10.0),
    ],
)
def test_a_wait_is_a_duration_in_seconds_or_milliseconds(text: str, seconds: float) -> None:
    assert lookup(f"uid=U&wait={text}").wait_seconds == seconds


@pytest.mark.parametrize(
    "text",
    [
        *(
            "-1",
            "%2B1",
            "1e3",
            "1e-3",
            "11",
            "11s",
            "10001ms",
            "10.000000001",
            "2m",
            "2S",
            "2 s",
            "%202s",
            "2s%0A",
            "s",
        ),
        *(
            "inf",
            "nan",
            "infs",
            ".5",
            "5.",
            "1.2.3",
            "0x1",
            "1_0",
            "two",
            "%D9%A2",
            "%D9%A2s",
            "9" * 8000,
            "1." + "0" * 99,
        ),
    ],
)
def test_an_invalid_wait_is_refused(text: str) -> None:
    message = refusal(f"uid=U&wait={text}")
    assert message.startswith("wait must be a duration such as 2s, 500ms or 1.5, at most 10s, not '")
    assert len(message) < 200


@pytest.mark.parametrize(
    ("text", "deleted"), [("true", True), ("1", True), ("false", False), ("0", False), ("", False)]
)
def test_include_deleted_and_details_are_flags(text: str, deleted: bool) -> None:
    for name, attribute in (("includeDeleted", "include_deleted"), ("details", "details")):
        assert getattr(lookup(f"uid=U&{name}={text}"), attribute) is deleted
        assert getattr(queries.parse_batch(f"{name}={text}".encode()), attribute) is deleted
    assert queries.parse_list(f"node=n&details={text}".encode(), INDEX_NAMES).view.details is deleted


@pytest.mark.parametrize(
    ("text", "workload"),
    [
        ("", ""),
        ("Deployment/web", "Deployment.apps/web"),
        ("ReplicaSet/web-1", "ReplicaSet.apps/web-1"),
        ("StatefulSet/db", "StatefulSet.apps/db"),
        ("DaemonSet/agent", "DaemonSet.apps/agent"),
        ("Job/report", "Job.batch/report"),
        ("CronJob/report", "CronJob.batch/report"),
        ("ReplicationController/rc", "ReplicationController./rc"),
        ("Pod/etcd", "Pod./etcd"),
        ("Deployment.apps/web", "Deployment.apps/web"),
        ("Job.batch.volcano.sh/train", "Job.batch.volcano.sh/train"),
        ("Rollout.argoproj.io/web", "Rollout.argoproj.io/web"),
        ("Gr%C3%B6%C3%9Fe.example.com/n.1", "Größe.example.com/n.1"),
        (f"Workflow.example.com/{'n' * 253}", f"Workflow.example.com/{'n' * 253}"),
    ],
)
def test_a_workload_is_parsed_with_the_group_of_its_kind(text: str, workload: str) -> None:
    assert queries.parse_list(f"namespace=shop&workload={text}".encode(), INDEX_NAMES).view.workload == workload


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("workload=Deployment/web", "workload needs the namespace parameter"),
        ("workload=Deployment/web&node=node-1", "workload needs the namespace parameter"),
        ("workload=web&namespace=shop", "workload must be KIND/NAME or KIND.GROUP/NAME, not 'web'"),
        ("workload=/web&namespace=shop", "workload must be KIND/NAME or KIND.GROUP/NAME, not '/web'"),
        ("workload=.apps/web&namespace=shop", "workload must be KIND/NAME or KIND.GROUP/NAME, not '.apps/web'"),
        ("workload=Deployment/&namespace=shop", "workload must be KIND/NAME or KIND.GROUP/NAME, not 'Deployment/'"),
        (
            "workload=deployment/web&namespace=shop",
            f"workload 'deployment/web' needs the group of its kind; only {', '.join(queries.GROUPS)} need none",
        ),
    ],
)
def test_an_invalid_workload_is_refused(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=f"^{re.escape(message)}$") as refusal:
        queries.parse_list(query.encode(), INDEX_NAMES)
    assert refusal.value.status == 400


def test_a_workload_is_refused_if_the_key_is_switched_off() -> None:
    with pytest.raises(RequestError, match=r"^lookups by workload are switched off by LOOKUP_KEYS$"):
        queries.parse_list(b"workload=Pod/etcd&namespace=shop", INDEX_NAMES - {"workload"})


@pytest.mark.parametrize("text", ["yes", "2", "truer", "x" * 1000, "%0A"])
def test_an_invalid_flag_is_refused(text: str) -> None:
    message = refusal(f"uid=U&includeDeleted={text}")
    assert message.startswith("includeDeleted must be true or false, not '")
    assert len(message) < 200


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("ip=10.0.0", "ip '10.0.0' is not an IP address"),
        ("ip=010.0.0.1", "ip '010.0.0.1' is not an IP address"),
        ("ip=fe80::1%25eth0", "ip 'fe80::1%eth0' is not an IP address"),
        ("ip=%20", "ip ' ' is not an IP address"),
        ("containerID=containerd://", "containerID 'containerd://' has no ID"),
        ("containerID=%20", "containerID ' ' has no ID"),
        ("id=we_b", "id 'we_b' is not an identifier of a pod: give a UID, "),
        ("id=web", "id 'web' is not an identifier of a pod: a name needs its namespace, for example shop/web-1"),
        ("id=%20", "id '' is not an identifier of a pod: give a UID, "),
        ("id=a/b/c/d", "id 'a/b/c/d' is not an identifier of a pod: give a UID, "),
    ],
)
def test_an_invalid_identifier_is_refused(query: str, message: str) -> None:
    assert refusal(query).startswith(message)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("ip=10.0.0.1", "ip"),
        ("id=10.0.0.1", "ip"),
        ("containerID=c", "containerID"),
        (f"id={CONTAINER_ID}", "containerID"),
        ("namespace=default&name=web", "name"),
        ("id=default/web", "name"),
    ],
)
def test_a_selector_that_is_switched_off_is_refused(query: str, kind: IndexName) -> None:
    lookup(query, frozenset({kind}))
    assert refusal(query, INDEX_NAMES - {kind}) == f"lookups by {kind} are switched off by LOOKUP_KEYS"


def test_uids_are_never_switched_off() -> None:
    path = urllib.parse.quote(f"/pod{UID}/{CONTAINER_ID}")
    assert lookup(f"uid={UID}", frozenset()).identifiers == (Identifier("uid", UID),)
    assert lookup(f"id={path}", frozenset()).identifiers[0][:2] == ("uid", UID)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("node=n", ListQuery(View("n"), 500, "")),
        ("namespace=a", ListQuery(View("", "a"), 500, "")),
        (f"node=n&namespace=a&limit=5000&continue={UID}", ListQuery(View("n", "a"), 5000, UID)),
        ("node=n&limit=1", ListQuery(View("n"), 1, "")),
        ("node=n&limit=007&continue=nonsense", ListQuery(View("n"), 7, "nonsense")),
        ("all=true", ListQuery(View(), 500, "")),
        ("node=n&all=false&watch=0", ListQuery(View("n"), 500, "")),
    ],
)
def test_a_list_is_of_a_node_or_a_namespace_or_both(query: str, expected: ListQuery) -> None:
    assert listing(query) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "node, namespace, workload or all=true is required"),
        ("node=&namespace=&limit=1", "node, namespace, workload or all=true is required"),
        ("all=false", "node, namespace, workload or all=true is required"),
        ("all=true&node=n", "all=true is not possible with node or namespace"),
        ("all=yes", "all must be true or false, not 'yes'"),
        ("node=n&watch=yes", "watch must be true or false, not 'yes'"),
        ("node=n&resume=token", "resume is only possible with watch=true"),
        *(
            (f"node=n&limit={text}", f"limit must be a whole number from 1 to 5000, not {urllib.parse.unquote(text)!r}")
            for text in ("0", "-1", "5001", "1.0", "1e2", "all", "%20 1", "%D9%A2", "%0A", "999999999999")
        ),
    ],
)
def test_an_invalid_list_query_is_refused(query: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        listing(query)
    assert (caught.value.status, str(caught.value)) == (400, message)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("watch=true&node=n", WatchQuery(View("n", ""), "")),
        ("node=n&namespace=a&watch=1&resume=token", WatchQuery(View("n", "a"), "token")),
        ("w%61tch=true&all=true", WatchQuery(View(), "")),
        ("watch=true&all=true&details=true", WatchQuery(View(details=True), "")),
        ("watch=true&namespace=a&workload=Job/x&node=n", WatchQuery(View("n", "a", "Job.batch/x"), "")),
    ],
)
def test_a_stream_is_of_a_node_or_a_namespace_or_both_or_all(query: str, expected: WatchQuery) -> None:
    assert queries.is_watch(query.encode())
    assert queries.parse_watch(query.encode(), INDEX_NAMES) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("watch=true", "node, namespace, workload or all=true is required"),
        ("watch=true&all=true&namespace=a", "all=true is not possible with node or namespace"),
        ("watch=true&node=n&limit=1", "limit is not possible with watch=true"),
        ("watch=true&node=n&continue=x", "continue is not possible with watch=true"),
        ("watch=true&workload=Job/x", "workload needs the namespace parameter"),
        ("watch=true&node=n&details=maybe", "details must be true or false, not 'maybe'"),
    ],
)
def test_an_invalid_query_of_a_stream_is_refused(query: str, message: str) -> None:
    assert queries.is_watch(query.encode())
    with pytest.raises(RequestError) as caught:
        queries.parse_watch(query.encode(), INDEX_NAMES)
    assert (caught.value.status, str(caught.value)) == (400, message)


def test_lists_by_node_are_refused_if_switched_off() -> None:
    index_names = INDEX_NAMES - {"node"}
    with pytest.raises(RequestError, match=r"^lookups by node are switched off by LOOKUP_KEYS$"):
        listing("node=n&namespace=a", index_names)
    assert listing("namespace=a", frozenset()) == ListQuery(View("", "a"), 500, "")


def test_a_query_has_up_to_100_parameters() -> None:
    assert lookup("&".join(["uid=U", *["a=b"] * 99])).subject == "UID U"
    for query in ("&".join(["uid=U", *["a=b"] * 100]), "&" * 8_000):
        assert refusal(query) == "query string has more than 100 parameters"
        assert queries.selector_of(query.encode()) == "none"
