"""Tests of index values, and of the indices that find entries by them."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pod_index.informer.json_wire import decode_list
from pod_index.pods import Pod
from pod_index.store.identifiers import parse, parse_container_id
from pod_index.store.indexers import (
    INDEX_NAMES,
    WORKLOAD_PARTS,
    IndexName,
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
    workload_values,
)
from pod_index.store.indices import Indices

ID = "3f" * 32
OTHER_ID = "a1" * 32
THIRD_ID = "0b" * 32
SHORT_ID = "0a" * 16
# Container IDs whose bytes contain the separators of packed index values.
NEWLINES = "0a" * 32
NULS = "00" * 32
END_OF_LINES = "0a00" * 16
END_OF_LINES_INSIDE = "630a00630a0a0000" * 4
STATIC_UID = "6f1ed7d5d1ba2f15eb8b5fe5f6d8a9ac"
VALUE_FUNCTIONS = (
    *(container_id_value, ip_value, name_value, node_value, config_hash_value, uid_value),
    lambda text: workload_values("shop", text)[0],
)


def workload_value(workload: str) -> bytes:
    """Return the value of the pod that ``received`` returns."""
    return workload_values("shop", workload)[hash("u1") % WORKLOAD_PARTS]


WEB = workload_value("Pod./web-1")


class Item(Struct, eq=False):
    """An entry of indices."""

    index_values: bytes


def received(
    *,
    namespace: str = "shop",
    name: str = "web-1",
    annotations: dict[str, str] | None = None,
    spec: dict[str, Any] | None = None,
    owner: tuple[str, str, str] | None = None,
    labels: dict[str, str] | None = None,
    uid: str = "u1",
    **status: Any,
) -> Pod:
    """Return a pod as decoded from the API server; ``owner`` is the apiVersion, kind and name of its controller."""
    metadata: dict[str, Any] = {"uid": uid, "name": name, "namespace": namespace, "resourceVersion": "1"}
    metadata |= {"annotations": annotations, "labels": labels}
    if owner is not None:
        api_version, kind, owner_name = owner
        reference = {"apiVersion": api_version, "kind": kind, "name": owner_name, "uid": "o1", "controller": True}
        metadata["ownerReferences"] = [reference]
    item = {"kind": "Pod", "metadata": metadata, "spec": spec or {}, "status": status}
    page = {"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": [item]}
    (pod,) = decode_list(json.dumps(page).encode()).items or []
    return pod


def container(container_id: str | None, *, last: str | None = None) -> dict[str, Any]:
    """Return the status of a container. ``last`` is the container ID from before its restart."""
    status: dict[str, Any] = {"name": "main", "state": {"running": {}}, "lastState": {}, "restartCount": 0}
    if container_id is not None:
        status["containerID"] = container_id
    if last is not None:
        status["lastState"] = {"terminated": {"exitCode": 1, "containerID": last}}
    return status


def values(pod: Pod, *names: IndexName) -> list[bytes]:
    """Return the values of a pod in the named indices."""
    return split(index_values(pod, frozenset(names)))


def finds(pod: Pod, text: str) -> bool:
    """Return whether an identifier finds the pod."""
    indices: Indices[Item] = Indices()
    item = Item(index_values(pod))
    indices.add(item)
    index_value = {"containerID": container_id_value, "ip": ip_value, "name": name_value, "uid": config_hash_value}
    return any(indices.find(index_value[kind](value)) == [item] for kind, value, *_ in parse(text))


@pytest.mark.parametrize("statuses", ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"])
@pytest.mark.parametrize("scheme", ["containerd", "cri-o", "docker"])
def test_the_id_of_any_container_of_any_runtime_is_an_index_value_without_its_scheme(
    statuses: str, scheme: str
) -> None:
    status: dict[str, Any] = {statuses: [container(f"{scheme}://{ID}"), container(f"{scheme}://{OTHER_ID}")]}
    pod = received(**status)
    assert values(pod, "containerID") == [container_id_value(ID), container_id_value(OTHER_ID)]
    assert finds(pod, f"{scheme}://{ID}")
    assert finds(pod, OTHER_ID.upper())


@pytest.mark.parametrize("statuses", ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"])
def test_a_restarted_container_is_found_by_its_former_id(statuses: str) -> None:
    status: dict[str, Any] = {statuses: [container(f"containerd://{ID}", last=f"containerd://{OTHER_ID}")]}
    assert values(received(**status), "containerID") == [container_id_value(ID), container_id_value(OTHER_ID)]


def test_init_regular_and_ephemeral_containers_are_all_found() -> None:
    pod = received(
        initContainerStatuses=[container(f"cri-o://{ID}")],
        containerStatuses=[container(f"cri-o://{OTHER_ID}")],
        ephemeralContainerStatuses=[container(f"cri-o://{THIRD_ID}")],
    )
    assert set(values(pod, "containerID")) == {container_id_value(id_) for id_ in (ID, OTHER_ID, THIRD_ID)}


def test_the_repeated_id_of_a_container_that_waits_for_its_restart_is_one_index_value() -> None:
    pod = received(containerStatuses=[container(f"containerd://{ID}", last=f"containerd://{ID}")])
    assert values(pod, "containerID") == [container_id_value(ID)]


@pytest.mark.parametrize("container_id", [None, "", "containerd://"])
def test_a_container_without_an_id_has_no_index_value(container_id: str | None) -> None:
    pod = received(containerStatuses=[container(container_id, last=container_id)])
    assert values(pod, "containerID") == []


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
def test_a_container_id_of_any_other_form_is_an_index_value_too(container_id: str) -> None:
    pod = received(containerStatuses=[container(container_id)])
    assert values(pod, "containerID") == [container_id_value(parse_container_id(container_id))]


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
def test_a_container_id_with_separators_cannot_forge_an_index_value(container_id: str) -> None:
    forged = received(containerStatuses=[container(f"containerd://{container_id}"), container(f"containerd://{ID}")])
    honest = received(containerStatuses=[container(f"containerd://{ID}")])
    assert index_values(forged) == index_values(honest)


@pytest.mark.parametrize("letter", "nioh")
def test_a_container_id_cannot_imitate_a_value_of_another_index(letter: str) -> None:
    pod = received(containerStatuses=[container(f"mock://{letter}10.0.0.2")])
    assert values(pod, "containerID") == [container_id_value(f"{letter}10.0.0.2")]
    assert not finds(pod, "10.0.0.2")


@pytest.mark.parametrize("id_", [ID, NEWLINES, NULS, END_OF_LINES, END_OF_LINES_INSIDE])
def test_the_bytes_of_a_container_id_are_not_mistaken_for_separators(id_: str) -> None:
    pod = received(
        podIPs=[{"ip": "10.0.0.1"}],
        spec={"nodeName": "node-1"},
        containerStatuses=[container(f"mock://{other}") for other in (id_, OTHER_ID, "foo", SHORT_ID)],
    )
    texts = [name_value("shop/web-1"), node_value("node-1"), ip_value("10.0.0.1"), WEB]
    texts += map(container_id_value, ("foo", SHORT_ID))
    assert split(index_values(pod)) == [*texts, container_id_value(id_), container_id_value(OTHER_ID)]


@pytest.mark.parametrize("namespace", ["", "shop"])
@pytest.mark.parametrize("names", [frozenset[IndexName](), frozenset[IndexName]({"containerID"})])
def test_container_ids_are_split_correctly_without_namespace_start_time_or_other_values(
    namespace: str, names: frozenset[IndexName]
) -> None:
    pod = received(namespace=namespace, containerStatuses=[container(f"mock://{END_OF_LINES}")])
    packed = index_values(pod, names)
    assert split(packed) == ([container_id_value(END_OF_LINES)] if names else [])
    assert is_in_namespace(packed, namespace)


@pytest.mark.parametrize(
    ("reported", "requested"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00:0:0:0:0:0:0:1"),
        ("FD00:0000::0001", "fd00::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "[::ffff:a00:1]"),
    ],
)
def test_an_ip_is_found_in_any_notation(reported: str, requested: str) -> None:
    assert finds(received(podIPs=[{"ip": reported}]), requested)


def test_both_ips_of_a_dual_stack_pod_are_index_values() -> None:
    pod = received(podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}, {"ip": "FD00::0:1"}])
    assert values(pod, "ip") == [ip_value("10.0.0.1"), ip_value("fd00::1")]


@pytest.mark.parametrize("pod_ips", [{}, {"podIPs": []}, {"podIPs": None}])
def test_a_pod_ip_without_pod_ips_is_an_index_value(pod_ips: dict[str, Any]) -> None:
    assert values(received(podIP="FD00::0:1", **pod_ips), "ip") == [ip_value("fd00::1")]
    assert values(received(podIP="none", **pod_ips), "ip") == []
    assert values(received(podIP="10.0.0.1", spec={"hostNetwork": True}, **pod_ips), "ip") == []


def test_the_ips_of_a_pod_with_host_network_are_not_index_values() -> None:
    pod = received(spec={"hostNetwork": True}, podIP="192.168.1.1", podIPs=[{"ip": "192.168.1.1"}])
    assert values(pod, "ip") == []
    assert not finds(pod, "192.168.1.1")


@pytest.mark.parametrize("ip", ["", "none", "10.0.0.256", "10.0.0.1\nnshop/web-2", "10.0.0.1\n\0"])
def test_an_invalid_ip_is_not_an_index_value(ip: str) -> None:
    pod = received(podIPs=[{"ip": ip}, {"ip": "10.0.0.2"}, {}])
    assert values(pod, "ip") == [ip_value("10.0.0.2")]


@pytest.mark.parametrize("uid", [STATIC_UID, STATIC_UID.upper(), "1234abcd-5678-90ef-aaaa-bbbbccccdddd"])
def test_a_mirror_pod_is_found_by_the_kubelets_uid(uid: str) -> None:
    annotations = {"kubernetes.io/config.hash": uid, "kubernetes.io/config.mirror": uid}
    pod = received(annotations=annotations)
    assert values(pod, "config.hash") == [config_hash_value(uid.lower())]
    assert finds(pod, f"/kubepods/burstable/pod{uid}")


def test_a_pod_that_is_not_a_mirror_pod_is_not_found_by_its_config_hash() -> None:
    assert values(received(annotations={"kubernetes.io/config.hash": STATIC_UID}), "config.hash") == []


@pytest.mark.parametrize("hash_", [None, "", "x", "10.0.0.1", STATIC_UID + "0", f"{STATIC_UID}\nnshop/web-2", "\n\0"])
def test_an_invalid_config_hash_is_not_an_index_value(hash_: str | None) -> None:
    annotations = {"kubernetes.io/config.mirror": "yes"}
    if hash_ is not None:
        annotations["kubernetes.io/config.hash"] = hash_
    assert values(received(annotations=annotations), "config.hash") == []


def test_the_node_is_an_index_value_after_scheduling() -> None:
    assert values(received(), "node") == []
    assert values(received(spec={"nodeName": "node-1.example"}), "node") == [node_value("node-1.example")]


def test_namespace_and_name_are_an_index_value() -> None:
    assert values(received(namespace="shop", name="web-1"), "name") == [name_value("shop/web-1")]


FULL = received(
    annotations={"kubernetes.io/config.hash": STATIC_UID, "kubernetes.io/config.mirror": "yes"},
    spec={"nodeName": "node-1"},
    phase="Running",
    podIPs=[{"ip": "10.0.0.1"}],
    containerStatuses=[container(f"containerd://{ID}"), container("aci://foo")],
)
FULL_VALUES: dict[IndexName, set[bytes]] = {
    "containerID": {container_id_value(ID), container_id_value("foo")},
    "ip": {ip_value("10.0.0.1")},
    "name": {name_value("shop/web-1")},
    "node": {node_value("node-1")},
    "config.hash": {config_hash_value(STATIC_UID)},
    "workload": {WEB},
}


def test_every_index_has_a_test() -> None:
    assert set(FULL_VALUES) == INDEX_NAMES


@pytest.mark.parametrize("name", sorted(INDEX_NAMES))
def test_an_index_has_its_own_values_and_none_if_disabled(name: IndexName) -> None:
    everything = set().union(*FULL_VALUES.values())
    assert set(values(FULL, name)) == FULL_VALUES[name]
    assert set(split(index_values(FULL, INDEX_NAMES - {name}))) == everything - FULL_VALUES[name]
    assert set(split(index_values(FULL))) == everything


@pytest.mark.parametrize(
    ("owner", "workload"),
    [
        (None, "Pod./web-1"),
        (("apps/v1", "ReplicaSet", "web-7c9d"), "Deployment.apps/web"),
        (("apps/v1beta1", "StatefulSet", "db"), "StatefulSet.apps/db"),
        (("v1", "ReplicationController", "rc-1"), "ReplicationController./rc-1"),
        (("example.com/v1", "Größe", "日本語"), "Größe.example.com/日本語"),
        (("example.com/v1", "Workflow", "n" * 253), f"Workflow.example.com/{'n' * 253}"),
    ],
)
def test_a_pod_has_the_key_of_its_workload(owner: tuple[str, str, str] | None, workload: str) -> None:
    pod = received(owner=owner, labels={"pod-template-hash": "7c9d"})
    assert values(pod, "workload") == [workload_value(workload)]


def test_the_pods_of_a_workload_are_spread_over_its_values() -> None:
    pods = [received(uid=f"u{number}", owner=("apps/v1", "StatefulSet", "db")) for number in range(1_000)]
    found = [value for pod in pods for value in values(pod, "workload")]
    assert set(found) == set(workload_values("shop", "StatefulSet.apps/db"))
    assert max(map(found.count, set(found))) < 200


@pytest.mark.parametrize("text", ["x\ni10.0.0.1", "x\n\0", "\x01", "\u2028"])
@pytest.mark.parametrize("field", [1, 2])
def test_an_owner_that_no_controller_has_made_gives_no_key(text: str, field: int) -> None:
    owner = ["example.com/v1", "Workflow", "nightly"]
    owner[field] = text
    pod = received(owner=(owner[0], owner[1], owner[2]), podIPs=[{"ip": "10.0.0.2"}])
    assert values(pod, "workload") == []
    assert split(index_values(pod)) == [name_value("shop/web-1"), ip_value("10.0.0.2")]


def test_no_value_belongs_to_two_indices() -> None:
    assert len({function(text) for function in VALUE_FUNCTIONS for text in ("x", ID)}) == 14


@pytest.mark.parametrize("text", ["é", "\ud800", "\ud800" * 64, "\n", "\0", ""])
def test_any_text_has_an_index_value(text: str) -> None:
    for function in VALUE_FUNCTIONS:
        assert len(function(text)) > len(text)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
@pytest.mark.parametrize("other", ["Running", "Pending", "Unknown", None])
def test_a_finished_pod_ranks_below_an_unfinished_one_regardless_of_start_times(phase: str, other: str | None) -> None:
    finished = index_values(received(phase=phase, startTime="2025-01-01T00:00:00Z"))
    running = index_values(received(phase=other, startTime="2024-01-01T00:00:00Z"))
    assert rank_of(finished) < rank_of(running)
    assert rank_of(finished) < rank_of(index_values(received(phase=other)))


def test_unfinished_pods_rank_by_start_time_and_lowest_without_one() -> None:
    pods = [received(), received(startTime="2024-12-31T23:59:59Z"), received(startTime="2025-01-01T00:00:00Z")]
    ranks = [rank_of(index_values(pod)) for pod in pods]
    assert ranks == sorted(set(ranks))


def test_the_rank_does_not_depend_on_names_or_index_values() -> None:
    other = received(namespace="a", name="z", podIPs=[{"ip": "10.0.0.1"}], phase="Running")
    assert rank_of(index_values(other)) == rank_of(index_values(received(phase="Pending")))


@pytest.mark.parametrize("names", [INDEX_NAMES, frozenset[IndexName]()])
@pytest.mark.parametrize("started", [None, "2025-01-01T00:00:00Z"])
def test_a_pod_is_only_in_its_own_namespace(names: frozenset[IndexName], started: str | None) -> None:
    for namespace in ("team", "team-a", "a", "team-"):
        packed = index_values(received(namespace=namespace, startTime=started), names)
        matching = [
            other for other in ("team", "team-a", "a", "team-", "te", "", "m-a") if is_in_namespace(packed, other)
        ]
        assert matching == [namespace]


def test_a_part_of_an_index_value_finds_nothing() -> None:
    indices: Indices[Item] = Indices(1)
    longer = received(
        name="web-10",
        spec={"nodeName": "node-10"},
        podIPs=[{"ip": "10.0.0.11"}, {"ip": "fd00::11"}],
        containerStatuses=[container("aci://foo-bar")],
    )
    indices.add(Item(index_values(longer)))
    for value in (
        name_value("shop/web-1"),
        name_value("shop/web-"),
        node_value("node-1"),
        node_value(""),
        ip_value("10.0.0.1"),
        ip_value("fd00::1"),
        container_id_value("foo"),
        container_id_value("foo-ba"),
    ):
        assert indices.find(value) == []
    assert len(indices.find(name_value("shop/web-10"))) == 1


def test_the_bytes_across_two_container_ids_find_nothing() -> None:
    indices: Indices[Item] = Indices(1)
    # The byte 63 is the letter c, which begins the value of a container ID.
    first, second = "00" * 31 + "63", "11" * 32
    packed = index_values(received(containerStatuses=[container(f"mock://{id_}") for id_ in (first, second)]))
    indices.add(Item(packed))
    across = "63" + "11" * 31
    assert b"c" + bytes.fromhex(across) in packed
    assert indices.find(container_id_value(across)) == []


def test_an_entry_with_a_repeated_index_value_is_found_once_and_can_be_removed() -> None:
    indices: Indices[Item] = Indices()
    item = Item(index_values(received(podIPs=[{"ip": "10.0.0.1"}, {"ip": "::ffff:10.0.0.1"}])))
    indices.add(item)
    assert indices.find(ip_value("10.0.0.1")) == [item]
    indices.remove(item)
    assert indices.find(ip_value("10.0.0.1")) == []


def test_removing_an_entry_keeps_others_with_the_same_index_values() -> None:
    indices: Indices[Item] = Indices()
    first, second = Item(index_values(received())), Item(index_values(received()))
    indices.add(first)
    indices.add(second)
    assert indices.find(name_value("shop/web-1")) == [first, second]
    indices.remove(second)
    assert indices.find(name_value("shop/web-1")) == [first]


# Mostly separators and first letters of index values, so that they collide often. None is short.
CONTAINER_IDS = (
    st.lists(st.sampled_from(b"\n\0cdn\xff"), min_size=32, max_size=32).map(lambda octets: bytes(octets).hex())
    | st.binary(min_size=32, max_size=32).map(bytes.hex)
    | st.sampled_from([NEWLINES, NULS, END_OF_LINES, "foo", "foo-bar", "nshop/web-1", "g" * 64])
)
IPS = st.sampled_from(["10.0.0.1", "10.0.0.11", "fd00::1", "fd00::11"])
NAMES = st.sampled_from(["web-1", "web-10", "web-11"])
PODS = st.builds(
    lambda ids, ips, name, node: (
        received(
            name=name,
            spec={"nodeName": node} if node else {},
            podIPs=[{"ip": ip} for ip in ips],
            containerStatuses=[container(f"mock://{id_}") for id_ in ids],
        ),
        {container_id_value(id_) for id_ in ids}
        | {ip_value(ip) for ip in ips}
        | {name_value(f"shop/{name}"), workload_value(f"Pod./{name}")}
        | ({node_value(node)} if node else set()),
    ),
    st.lists(CONTAINER_IDS, max_size=4),
    st.lists(IPS, max_size=2),
    NAMES,
    st.sampled_from(["", "node-1", "node-10"]),
)


@given(
    st.lists(PODS, max_size=12),
    st.lists(st.integers(0, 11), max_size=40),
    st.sampled_from([1, 2, 16]),
    st.randoms(use_true_random=False),
)
def test_indices_find_the_same_entries_as_a_dictionary_of_sets(
    pods: list[tuple[Pod, set[bytes]]], steps: list[int], buckets: int, order: random.Random
) -> None:
    indices: Indices[Item] = Indices(buckets)
    items = [(Item(index_values(pod)), expected) for pod, expected in pods]
    naive: dict[bytes, set[Item]] = {value: set() for _, expected in items for value in expected}
    added: set[int] = set()
    for item, expected in items:
        assert set(split(item.index_values)) == expected
    for step in [*steps, *order.sample(range(len(items)), len(items))]:
        if step >= len(items):
            continue
        item, expected = items[step]
        if step in added and order.random() < 0.5:
            pod, after = order.choice(pods)
            indices.replace(item, index_values(pod))
            items[step] = item, after
            for value in expected:
                naive[value].remove(item)
            for value in after:
                naive[value].add(item)
        elif step in added:
            added.remove(step)
            indices.remove(item)
            for value in expected:
                naive[value].remove(item)
        else:
            pod, expected = pods[step]
            item = Item(index_values(pod))
            items[step] = item, expected
            added.add(step)
            indices.add(item)
            for value in expected:
                naive[value].add(item)
        for value, expected_entries in naive.items():
            found = indices.find(value)
            assert len(found) == len(expected_entries)
            assert set(found) == expected_entries
