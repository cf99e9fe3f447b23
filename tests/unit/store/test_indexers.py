"""What a pod is found by, and the table that finds it."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from pod_index.pods import Pod, decode_list
from pod_index.store.identifiers import parse, parse_container_id
from pod_index.store.indexers import (
    INDEX_NAMES,
    IndexName,
    Indices,
    config_hash_value,
    container_id_value,
    index_values,
    ip_value,
    is_in_namespace,
    name_value,
    node_value,
    rank_of,
    split,
    uid_value,
)

ID = "3f" * 32
OTHER_ID = "a1" * 32
THIRD_ID = "0b" * 32
SHORT_ID = "0a" * 16
# Containers whose IDs have, as bytes, what ends a line and what ends the lines.
NEWLINES = "0a" * 32
NULS = "00" * 32
END_OF_LINES = "0a00" * 16
END_OF_LINES_INSIDE = "630a00630a0a0000" * 4
STATIC_UID = "6f1ed7d5d1ba2f15eb8b5fe5f6d8a9ac"


class Item(Struct, eq=False):
    """An entry of a table."""

    keys: bytes


def sent(
    *,
    namespace: str = "shop",
    name: str = "web-1",
    annotations: dict[str, str] | None = None,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> Pod:
    """A pod as the API server sends it."""
    metadata = {"uid": "u1", "name": name, "namespace": namespace, "resourceVersion": "1", "annotations": annotations}
    item = {"kind": "Pod", "metadata": metadata, "spec": spec or {}, "status": status}
    page = {"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": [item]}
    (pod,) = decode_list(json.dumps(page).encode()).items or []
    return pod


def container(container_id: str | None, *, last: str | None = None) -> dict[str, Any]:
    """The status of a container, and of what it was before its restart."""
    status: dict[str, Any] = {"name": "main", "state": {"running": {}}, "lastState": {}, "restartCount": 0}
    if container_id is not None:
        status["containerID"] = container_id
    if last is not None:
        status["lastState"] = {"terminated": {"exitCode": 1, "containerID": last}}
    return status


def keys(pod: Pod, *kinds: IndexName) -> list[bytes]:
    """The keys of a pod, of these kinds only."""
    return split(index_values(pod, frozenset(kinds)))


def finds(pod: Pod, text: str) -> bool:
    """Whether what a caller holds finds the pod."""
    table: Indices[Item] = Indices()
    item = Item(index_values(pod))
    table.add(item)
    kind_of = {"containerID": container_id_value, "ip": ip_value, "name": name_value, "uid": config_hash_value}
    return any(table.find(kind_of[kind](value)) == [item] for kind, value in parse(text))


@pytest.mark.parametrize("statuses", ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"])
@pytest.mark.parametrize("scheme", ["containerd", "cri-o", "docker"])
def test_a_container_of_any_sort_and_runtime_is_a_key_without_its_scheme(statuses: str, scheme: str) -> None:
    status: dict[str, Any] = {statuses: [container(f"{scheme}://{ID}"), container(f"{scheme}://{OTHER_ID}")]}
    pod = sent(**status)
    assert keys(pod, "containerID") == [container_id_value(ID), container_id_value(OTHER_ID)]
    assert finds(pod, f"{scheme}://{ID}")
    assert finds(pod, OTHER_ID.upper())


@pytest.mark.parametrize("statuses", ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"])
def test_a_restarted_container_is_found_by_what_it_was_before(statuses: str) -> None:
    status: dict[str, Any] = {statuses: [container(f"containerd://{ID}", last=f"containerd://{OTHER_ID}")]}
    assert keys(sent(**status), "containerID") == [container_id_value(ID), container_id_value(OTHER_ID)]


def test_containers_of_all_sorts_are_found_together() -> None:
    pod = sent(
        initContainerStatuses=[container(f"cri-o://{ID}")],
        containerStatuses=[container(f"cri-o://{OTHER_ID}")],
        ephemeralContainerStatuses=[container(f"cri-o://{THIRD_ID}")],
    )
    assert set(keys(pod, "containerID")) == {container_id_value(id_) for id_ in (ID, OTHER_ID, THIRD_ID)}


def test_a_container_that_waits_to_be_restarted_and_is_told_twice_is_one_key() -> None:
    pod = sent(containerStatuses=[container(f"containerd://{ID}", last=f"containerd://{ID}")])
    assert keys(pod, "containerID") == [container_id_value(ID)]


@pytest.mark.parametrize("container_id", [None, "", "containerd://"])
def test_a_container_that_was_not_made_yet_is_no_key(container_id: str | None) -> None:
    pod = sent(containerStatuses=[container(container_id, last=container_id)])
    assert keys(pod, "containerID") == []


@pytest.mark.parametrize(
    "container_id",
    [
        "aci://foo-bar",
        "aci://foo://bar",
        "rkt://" + "3f" * 16,
        "mock://" + "g1" * 32,
        "mock://" + "é" * 64,
        "mock://" + "٣" * 64,
        "no-scheme",
        "mock://2f-日本",
    ],
)
def test_a_container_id_of_any_other_form_is_a_key_too(container_id: str) -> None:
    pod = sent(containerStatuses=[container(container_id)])
    assert keys(pod, "containerID") == [container_id_value(parse_container_id(container_id))]


@pytest.mark.parametrize(
    "container_id",
    [
        "x\nnshop/web-2",
        "x\ni10.0.0.2",
        "x\0nshop/web-2",
        "x\n\0" + "c" * 33,
        "x\r\nh" + STATIC_UID,
        "x\u2028y",
        "x\u0085y",
        "\n\0",
        "\n" * 64,
        "\0" * 64,
    ],
)
def test_a_container_id_that_no_runtime_has_forges_no_key(container_id: str) -> None:
    forged = sent(containerStatuses=[container(f"containerd://{container_id}"), container(f"containerd://{ID}")])
    honest = sent(containerStatuses=[container(f"containerd://{ID}")])
    assert index_values(forged) == index_values(honest)


@pytest.mark.parametrize("letter", "nioh")
def test_a_container_id_that_reads_like_another_key_is_none(letter: str) -> None:
    pod = sent(containerStatuses=[container(f"mock://{letter}10.0.0.2")])
    assert keys(pod, "containerID") == [container_id_value(f"{letter}10.0.0.2")]
    assert not finds(pod, "10.0.0.2")


@pytest.mark.parametrize("id_", [ID, NEWLINES, NULS, END_OF_LINES, END_OF_LINES_INSIDE])
def test_the_bytes_of_a_container_id_are_kept_apart_from_the_lines_before_them(id_: str) -> None:
    pod = sent(
        podIPs=[{"ip": "10.0.0.1"}],
        spec={"nodeName": "node-1"},
        containerStatuses=[container(f"mock://{other}") for other in (id_, OTHER_ID, "foo", SHORT_ID)],
    )
    texts = [name_value("shop/web-1"), node_value("node-1"), ip_value("10.0.0.1"), container_id_value("foo")]
    texts.append(container_id_value(SHORT_ID))
    assert split(index_values(pod)) == [*texts, container_id_value(id_), container_id_value(OTHER_ID)]


@pytest.mark.parametrize("namespace", ["", "shop"])
@pytest.mark.parametrize("kinds", [frozenset[IndexName](), frozenset[IndexName]({"containerID"})])
def test_without_namespace_start_time_or_lines_the_container_ids_are_kept_apart(
    namespace: str, kinds: frozenset[IndexName]
) -> None:
    pod = sent(namespace=namespace, containerStatuses=[container(f"mock://{END_OF_LINES}")])
    text = index_values(pod, kinds)
    assert split(text) == ([container_id_value(END_OF_LINES)] if kinds else [])
    assert is_in_namespace(text, namespace)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00:0:0:0:0:0:0:1"),
        ("FD00:0000::0001", "fd00::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "[::ffff:a00:1]"),
    ],
)
def test_an_ip_is_found_in_any_notation(told: str, asked: str) -> None:
    assert finds(sent(podIPs=[{"ip": told}]), asked)


def test_both_ips_of_a_dual_stack_pod_are_keys() -> None:
    pod = sent(podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}, {"ip": "FD00::0:1"}])
    assert keys(pod, "ip") == [ip_value("10.0.0.1"), ip_value("fd00::1")]


def test_the_ips_of_a_pod_on_the_hosts_network_are_no_keys() -> None:
    pod = sent(spec={"hostNetwork": True}, podIP="192.168.1.1", podIPs=[{"ip": "192.168.1.1"}])
    assert keys(pod, "ip") == []
    assert not finds(pod, "192.168.1.1")


@pytest.mark.parametrize("ip", ["", "none", "10.0.0.256", "10.0.0.1\nnshop/web-2", "10.0.0.1\n\0"])
def test_an_ip_that_is_none_is_no_key(ip: str) -> None:
    pod = sent(podIPs=[{"ip": ip}, {"ip": "10.0.0.2"}, {}])
    assert keys(pod, "ip") == [ip_value("10.0.0.2")]


@pytest.mark.parametrize("uid", [STATIC_UID, STATIC_UID.upper(), "1234abcd-5678-90ef-aaaa-bbbbccccdddd"])
def test_a_mirror_pod_is_found_by_the_kubelets_uid(uid: str) -> None:
    annotations = {"kubernetes.io/config.hash": uid, "kubernetes.io/config.mirror": uid}
    pod = sent(annotations=annotations)
    assert keys(pod, "config.hash") == [config_hash_value(uid.lower())]
    assert finds(pod, f"/kubepods/burstable/pod{uid}")


def test_a_pod_that_is_no_mirror_is_not_found_by_the_hash_it_claims() -> None:
    assert keys(sent(annotations={"kubernetes.io/config.hash": STATIC_UID}), "config.hash") == []


@pytest.mark.parametrize("hash_", [None, "", "x", "10.0.0.1", STATIC_UID + "0", f"{STATIC_UID}\nnshop/web-2", "\n\0"])
def test_a_hash_that_is_none_is_no_key(hash_: str | None) -> None:
    annotations = {"kubernetes.io/config.mirror": "yes"}
    if hash_ is not None:
        annotations["kubernetes.io/config.hash"] = hash_
    assert keys(sent(annotations=annotations), "config.hash") == []


def test_the_node_is_a_key_as_soon_as_there_is_one() -> None:
    assert keys(sent(), "node") == []
    assert keys(sent(spec={"nodeName": "node-1.example"}), "node") == [node_value("node-1.example")]


def test_namespace_and_name_are_a_key() -> None:
    assert keys(sent(namespace="shop", name="web-1"), "name") == [name_value("shop/web-1")]


FULL = sent(
    annotations={"kubernetes.io/config.hash": STATIC_UID, "kubernetes.io/config.mirror": "yes"},
    spec={"nodeName": "node-1"},
    phase="Running",
    podIPs=[{"ip": "10.0.0.1"}],
    containerStatuses=[container(f"containerd://{ID}"), container("aci://foo")],
)
FULL_KEYS: dict[IndexName, set[bytes]] = {
    "containerID": {container_id_value(ID), container_id_value("foo")},
    "ip": {ip_value("10.0.0.1")},
    "name": {name_value("shop/web-1")},
    "node": {node_value("node-1")},
    "config.hash": {config_hash_value(STATIC_UID)},
}


def test_each_kind_is_tested_here() -> None:
    assert set(FULL_KEYS) == INDEX_NAMES


@pytest.mark.parametrize("kind", sorted(INDEX_NAMES))
def test_a_kind_alone_gives_its_keys_and_switched_off_none_of_them(kind: IndexName) -> None:
    everything = set().union(*FULL_KEYS.values())
    assert set(keys(FULL, kind)) == FULL_KEYS[kind]
    assert set(split(index_values(FULL, INDEX_NAMES - {kind}))) == everything - FULL_KEYS[kind]
    assert set(split(index_values(FULL))) == everything


def test_no_key_is_one_of_another_kind() -> None:
    of_one_text = [
        key("x") for key in (container_id_value, ip_value, name_value, node_value, config_hash_value, uid_value)
    ]
    of_an_id = [key(ID) for key in (container_id_value, ip_value, name_value, node_value, config_hash_value, uid_value)]
    assert len({*of_one_text, *of_an_id}) == 12


@pytest.mark.parametrize("text", ["é", "\ud800", "\ud800" * 64, "\n", "\0", ""])
def test_any_text_at_all_has_a_key(text: str) -> None:
    for key in (container_id_value, ip_value, name_value, node_value, config_hash_value, uid_value):
        assert len(key(text)) > len(text)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
@pytest.mark.parametrize("other", ["Running", "Pending", "Unknown", None])
def test_a_pod_that_has_finished_ranks_below_one_that_has_not_whenever_they_started(
    phase: str, other: str | None
) -> None:
    finished = index_values(sent(phase=phase, startTime="2025-01-01T00:00:00Z"))
    running = index_values(sent(phase=other, startTime="2024-01-01T00:00:00Z"))
    assert rank_of(finished) < rank_of(running)
    assert rank_of(finished) < rank_of(index_values(sent(phase=other)))


def test_of_two_that_run_the_one_that_started_last_ranks_first_and_one_that_did_not_start_last() -> None:
    pods = [sent(), sent(startTime="2024-12-31T23:59:59Z"), sent(startTime="2025-01-01T00:00:00Z")]
    ranks = [rank_of(index_values(pod)) for pod in pods]
    assert ranks == sorted(set(ranks))


def test_names_and_keys_do_not_count_for_the_rank() -> None:
    other = sent(namespace="a", name="z", podIPs=[{"ip": "10.0.0.1"}], phase="Running")
    assert rank_of(index_values(other)) == rank_of(index_values(sent(phase="Pending")))


@pytest.mark.parametrize("kinds", [INDEX_NAMES, frozenset[IndexName]()])
@pytest.mark.parametrize("started", [None, "2025-01-01T00:00:00Z"])
def test_a_pod_is_in_its_namespace_and_in_no_other(kinds: frozenset[IndexName], started: str | None) -> None:
    for namespace in ("team", "team-a", "a", "team-"):
        text = index_values(sent(namespace=namespace, startTime=started), kinds)
        asked = [other for other in ("team", "team-a", "a", "team-", "te", "", "m-a") if is_in_namespace(text, other)]
        assert asked == [namespace]


def test_keys_that_contain_each_other_are_not_each_other() -> None:
    table: Indices[Item] = Indices(1)
    longer = sent(
        name="web-10",
        spec={"nodeName": "node-10"},
        podIPs=[{"ip": "10.0.0.11"}, {"ip": "fd00::11"}],
        containerStatuses=[container("aci://foo-bar")],
    )
    table.add(Item(index_values(longer)))
    for key in (
        name_value("shop/web-1"),
        name_value("shop/web-"),
        node_value("node-1"),
        node_value(""),
        ip_value("10.0.0.1"),
        ip_value("fd00::1"),
        container_id_value("foo"),
        container_id_value("foo-ba"),
    ):
        assert table.find(key) == []
    assert len(table.find(name_value("shop/web-10"))) == 1


def test_two_container_ids_side_by_side_are_not_a_third_between_them() -> None:
    table: Indices[Item] = Indices(1)
    # c is 63, so a key can be read across the border of two.
    first, second = "00" * 31 + "63", "11" * 32
    table.add(Item(index_values(sent(containerStatuses=[container(f"mock://{id_}") for id_ in (first, second)]))))
    across = "63" + "11" * 31
    assert b"c" + bytes.fromhex(across) in index_values(
        sent(containerStatuses=[container(f"mock://{id_}") for id_ in (first, second)])
    )
    assert table.find(container_id_value(across)) == []


def test_an_entry_that_has_a_key_twice_is_found_once_and_gone_when_it_is_removed() -> None:
    table: Indices[Item] = Indices()
    item = Item(index_values(sent(podIPs=[{"ip": "10.0.0.1"}, {"ip": "::ffff:10.0.0.1"}])))
    table.add(item)
    assert table.find(ip_value("10.0.0.1")) == [item]
    table.remove(item)
    assert table.find(ip_value("10.0.0.1")) == []


def test_of_entries_with_the_same_keys_the_one_that_is_meant_is_removed() -> None:
    table: Indices[Item] = Indices()
    first, second = Item(index_values(sent())), Item(index_values(sent()))
    table.add(first)
    table.add(second)
    assert table.find(name_value("shop/web-1")) == [first, second]
    table.remove(second)
    assert table.find(name_value("shop/web-1")) == [first]


# Bytes that end lines and begin keys, so that they meet often.
CONTAINER_IDS = (
    st.lists(st.sampled_from(b"\n\0cdn\xff"), min_size=32, max_size=32).map(lambda octets: bytes(octets).hex())
    | st.binary(min_size=32, max_size=32).map(bytes.hex)
    | st.sampled_from([NEWLINES, NULS, END_OF_LINES, SHORT_ID, "foo", "foo-bar", "nshop/web-1", "g" * 64])
)
IPS = st.sampled_from(["10.0.0.1", "10.0.0.11", "fd00::1", "fd00::11"])
NAMES = st.sampled_from(["web-1", "web-10", "web-11"])
PODS = st.builds(
    lambda ids, ips, name, node: (
        sent(
            name=name,
            spec={"nodeName": node} if node else {},
            podIPs=[{"ip": ip} for ip in ips],
            containerStatuses=[container(f"mock://{id_}") for id_ in ids],
        ),
        {container_id_value(id_) for id_ in ids}
        | {ip_value(ip) for ip in ips}
        | {name_value(f"shop/{name}")}
        | ({node_value(node)} if node else set()),
    ),
    st.lists(CONTAINER_IDS, max_size=4),
    st.lists(IPS, max_size=2),
    NAMES,
    st.sampled_from(["", "node-1", "node-10"]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(PODS, max_size=12),
    st.lists(st.integers(0, 11), max_size=40),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_a_table_finds_what_a_dictionary_of_sets_would(
    pods: list[tuple[Pod, set[bytes]]], steps: list[int], buckets: int, order: random.Random
) -> None:
    table: Indices[Item] = Indices(buckets)
    items = [(Item(index_values(pod)), expected) for pod, expected in pods]
    naive: dict[bytes, set[Item]] = {key: set() for _, expected in items for key in expected}
    added: set[int] = set()
    for item, expected in items:
        assert set(split(item.keys)) == expected
    for step in [*steps, *order.sample(range(len(items)), len(items))]:
        if step >= len(items):
            continue
        item, expected = items[step]
        if step in added:
            added.remove(step)
            table.remove(item)
            for key in expected:
                naive[key].remove(item)
        else:
            added.add(step)
            table.add(item)
            for key in expected:
                naive[key].add(item)
        for key, having in naive.items():
            found = table.find(key)
            assert len(found) == len(having)
            assert set(found) == having
