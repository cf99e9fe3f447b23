"""Pods are found by what tools print of their identifiers, and near misses are named."""

import pytest

from tests.conformance.asking import address, ask, create, found, held_lookup, lookup_many, running
from tests.conformance.cluster import Cluster
from tests.support.operator_process import OperatorProcess

NAME_HINT = "a name needs its namespace, for example shop/web-1"


def test_the_first_digits_of_a_container_id_find_its_pod_if_no_other_pod_has_them(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    one, other = (f"c0ffee0dd00d{digit * 52}" for digit in "12")
    with held_lookup(shared_operator, id=one[:12], wait="10s") as lookup:
        uid = create(shared_cluster, shared_operator, running("cut-1", container_id=f"containerd://{one}"))
        assert lookup.found() == (uid, "containerID")
    for spelling in (one[:12], one[:13].upper(), f"containerd://{one[:12]}", one[:63], one):
        assert found(shared_operator, id=spelling) == (uid, "containerID"), spelling
        assert found(shared_operator, containerID=spelling) == (uid, "containerID"), spelling
    _, _, pod = ask(shared_operator, id=one[:12], details="true")
    assert pod["matchedContainer"] == {"name": "main", "previous": False}
    second = create(shared_cluster, shared_operator, running("cut-2", container_id=f"docker://{other}"))
    text = f"ID {one[:12]} is that of 2 pods: give the whole container ID, or namespace and name"
    status, _, content = ask(shared_operator, id=one[:12])
    assert (status, content) == (409, {"error": text})
    ids = [one[:12], one[:13], other[:13], other]
    uids = [None, uid, second, second]
    assert lookup_many(shared_operator, ids) == list(zip(ids, uids, strict=True))
    shared_cluster.pods.delete("default", "cut-1")
    with held_lookup(shared_operator, id=f"{one[:12]}3", wait="10s") as lookup:
        third = create(shared_cluster, shared_operator, running("cut-3", container_id=f"cri-o://{one[:12]}{'3' * 52}"))
        assert lookup.found() == (third, "containerID")
    assert found(shared_operator, id=one[:13]) is None
    assert found(shared_operator, id=one[:13], includeDeleted="true") == (uid, "containerID")


def test_an_ip_is_found_with_a_port(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    ip, ip6 = address(), "2001:db8::cafe:7"
    pod = running("with-a-port", ip=ip)
    pod["status"]["podIPs"].append({"ip": ip6})
    uid = create(shared_cluster, shared_operator, pod)
    for text in (f"{ip}:8080", f"{ip}:0", f"[{ip6}]:65535", f"[::ffff:{ip}]:80"):
        assert found(shared_operator, ip=text) == (uid, "ip"), text
        assert found(shared_operator, id=text) == (uid, "ip"), text
    assert ask(shared_operator, id=f"{ip}:65536")[0] == 400


@pytest.mark.parametrize(("parameter", "status"), [("uid", 404), ("id", 400)])
def test_a_name_without_its_namespace_is_named_beside_the_error(
    parameter: str, status: int, shared_operator: OperatorProcess
) -> None:
    found_status, headers, content = ask(shared_operator, **{parameter: "web-1"})
    assert (found_status, headers["warning"]) == (status, f'299 - "{NAME_HINT}"')
    assert list(content) == ["error"]
