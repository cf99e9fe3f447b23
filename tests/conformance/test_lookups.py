"""Live pods are found by all their identifiers."""

import json
import re
from typing import Any

import pytest

from tests.apiserver import container_status, make_pod
from tests.conformance.asking import (
    address,
    ask,
    catch_up,
    container_id,
    create,
    found,
    held_lookup,
    lookup_many,
    running,
)
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

# ---- UIDs


def test_a_uid_is_found_in_all_spellings_of_cgroups(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    uid = create(shared_cluster, shared_operator, make_pod("spelt"))
    underscores = uid.replace("-", "_")
    for spelling in (uid, uid.upper(), underscores, f"pod{uid}", f"pod{underscores}", f"POD{underscores.upper()}"):
        assert found(shared_operator, uid=spelling) == (uid, "uid"), spelling
        assert found(shared_operator, id=spelling) == (uid, "uid"), spelling


def test_a_uid_is_found_in_paths(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    uid = create(shared_cluster, shared_operator, make_pod("in-paths"))
    scope = f"cri-containerd-{container_id('not reported yet')}.scope"
    for path in (
        f"/kubepods/burstable/pod{uid}",
        f"/kubepods/besteffort/pod{uid}/{container_id('not reported yet')}",
        f"0::/kubepods.slice/kubepods-pod{uid.replace('-', '_')}.slice/{scope}",
        f"12:memory:/kubepods/pod{uid}\n11:cpu,cpuacct:/kubepods/pod{uid}\n0::/\n",
        f"/var/log/pods/default_in-paths_{uid}/main/0.log",
        f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir/cache",
    ):
        assert found(shared_operator, id=path) == (uid, "uid"), path


def test_a_mirror_pod_is_found_by_the_uid_in_the_kubelet(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    config_hash = container_id("a static pod")[:32]
    annotations = {
        "kubernetes.io/config.hash": config_hash,
        "kubernetes.io/config.mirror": config_hash,
        "kubernetes.io/config.source": "file",
    }
    pod = make_pod("etcd-node-1", "kube-system", node="node-1", annotations=annotations)
    uid = create(shared_cluster, shared_operator, pod)
    assert uid != config_hash
    assert found(shared_operator, uid=uid) == (uid, "uid")
    assert found(shared_operator, uid=config_hash) == (uid, "config.hash")
    for path in (
        config_hash,
        f"/kubepods/burstable/pod{config_hash}/{container_id('etcd')}",
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{config_hash}.slice",
        f"/var/log/pods/kube-system_etcd-node-1_{config_hash}/etcd/0.log",
    ):
        assert found(shared_operator, id=path) == (uid, "config.hash"), path


def mirror(name: str, config_hash: str, **parts: Any) -> dict[str, Any]:
    """A static pod in the API, as the kubelet shows it: with its node, without which the API server refuses it."""
    annotations = {"kubernetes.io/config.hash": config_hash, "kubernetes.io/config.mirror": config_hash}
    return running(name, annotations=annotations, node="node-1", **parts)


def test_a_static_pod_on_several_nodes_is_found_by_what_else_its_path_says_or_not_at_all(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    config_hash = container_id("a manifest from a URL")[:32]
    uids, containers = {}, {}
    for node in ("one", "two", "three"):
        containers[node] = container_id(f"a manifest from a URL on {node}")
        pod = mirror(f"agent-{node}", config_hash, container_id=f"containerd://{containers[node]}")
        uids[node] = create(shared_cluster, shared_operator, pod)
    for node, uid in uids.items():
        for path in (
            f"/kubepods/burstable/pod{config_hash}/{containers[node]}",
            f"/var/log/pods/default_agent-{node}_{config_hash}/main/0.log",
        ):
            assert found(shared_operator, id=path) == (uid, "config.hash"), path
    further = "give a container ID, or namespace and name"
    for parameter, text in (
        ("uid", config_hash),
        ("id", f"/kubepods/burstable/pod{config_hash}"),
        ("id", f"/kubepods/burstable/pod{config_hash}/{container_id('not told yet')}"),
    ):
        status, _, content = ask(shared_operator, **{parameter: text})
        assert (status, content) == (409, {"error": f"{parameter.upper()} {text} is that of 3 pods: {further}"})
    assert lookup_many(shared_operator, [config_hash, uids["one"]]) == [(config_hash, None), (uids["one"], uids["one"])]
    with held_lookup(shared_operator, uid=config_hash, wait="10s") as lookup:
        shared_cluster.pods.delete("default", "agent-one")
        shared_cluster.pods.delete("default", "agent-two")
        assert lookup.found() == (uids["three"], "config.hash")
    assert found(shared_operator, id=f"/kubepods/burstable/pod{config_hash}/{containers['one']}") is None
    assert found(shared_operator, id=f"/var/log/pods/default_agent-two_{config_hash}/main/0.log") is None


def test_a_static_pod_with_a_uid_of_its_own_does_not_hide_the_pod_that_has_it_from_the_api_server(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    uid = create(shared_cluster, shared_operator, make_pod("with-a-uid"))
    create(shared_cluster, shared_operator, mirror("imposter", uid))
    assert found(shared_operator, uid=uid) == (uid, "uid")
    assert found(shared_operator, id=f"/var/log/pods/default_imposter_{uid}/main/0.log") == (uid, "uid")


# ---- container IDs


def assert_found_by_container(operator: OperatorProcess, bare: str, scheme: str, uid: str) -> None:
    for spelling in (bare, f"{scheme}://{bare}", f"cri-containerd-{bare}.scope"):
        assert found(operator, containerID=spelling) == (uid, "containerID"), spelling
    for spelling in (
        bare,
        f"{scheme}://{bare}",
        f"0::/system.slice/containerd.service/kubepods-burstable.slice:cri-containerd:{bare}",
        f"/system.slice/docker-{bare}.scope",
        f"/var/log/containers/any_default_main-{bare}.log",
    ):
        assert found(operator, id=spelling) == (uid, "containerID"), spelling


@pytest.mark.parametrize("scheme", ["containerd", "cri-o", "docker"])
def test_a_running_container_is_found_by_its_id(
    scheme: str, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    bare = container_id(f"running {scheme}")
    pod = running(f"running-{scheme}", container_id=f"{scheme}://{bare}")
    assert_found_by_container(shared_operator, bare, scheme, create(shared_cluster, shared_operator, pod))


def test_init_containers_and_sidecars_are_found_by_their_ids(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    init, sidecar, main = (container_id(f"three {name}") for name in ("init", "sidecar", "main"))
    pod = running("three", container_id=f"containerd://{main}")
    image = pod["spec"]["containers"][0]["image"]
    pod["spec"]["initContainers"] = [
        {"name": "init", "image": image},
        {"name": "sidecar", "image": image, "restartPolicy": "Always"},
    ]
    pod["status"]["initContainerStatuses"] = [
        container_status("init", f"containerd://{init}"),
        container_status("sidecar", f"containerd://{sidecar}"),
    ]
    uid = create(shared_cluster, shared_operator, pod)
    for bare in (init, sidecar, main):
        assert_found_by_container(shared_operator, bare, "containerd", uid)


def test_an_ephemeral_container_is_found_by_its_id(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    uid = create(shared_cluster, shared_operator, running("debugged"))
    bare = container_id("ephemeral")

    def debug(pod: dict[str, Any]) -> None:
        pod["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": pod["spec"]["containers"][0]["image"]}]
        pod["status"]["ephemeralContainerStatuses"] = [container_status("debugger", f"containerd://{bare}")]

    pod = shared_cluster.pods.update("default", "debugged", debug)
    assert [container["name"] for container in pod["spec"]["ephemeralContainers"]] == ["debugger"]
    catch_up(shared_cluster, shared_operator)
    assert_found_by_container(shared_operator, bare, "containerd", uid)


def test_a_restarted_container_is_found_by_its_last_two_ids_only(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    first, second, third = (container_id(f"restart {number}") for number in range(3))
    uid = create(shared_cluster, shared_operator, running("restarted", container_id=f"containerd://{first}"))
    for before, now in ((first, second), (second, third)):
        status = container_status("main", f"containerd://{now}", last_id=f"containerd://{before}")
        shared_cluster.pods.update(
            "default",
            "restarted",
            lambda pod, status=status: pod["status"].update(containerStatuses=[status]),  # type: ignore[misc]
        )
        catch_up(shared_cluster, shared_operator)
        assert_found_by_container(shared_operator, before, "containerd", uid)
        assert_found_by_container(shared_operator, now, "containerd", uid)
    assert found(shared_operator, containerID=first) is None


def test_the_uid_in_a_cgroup_precedes_the_container_id(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    outer, inner = container_id("the node of a nested cluster"), container_id("a pod in it")
    node = create(shared_cluster, shared_operator, running("nested-node", container_id=f"docker://{outer}"))
    uid = create(shared_cluster, shared_operator, running("nested-pod", container_id=f"containerd://{inner}"))
    within = f"0::/docker/{outer}/kubelet.slice/kubelet-kubepods-pod%s.slice/cri-containerd-{inner}.scope"
    assert found(shared_operator, id=within % uid.replace("-", "_")) == (uid, "uid")
    unknown = "00000000_0000_4000_8000_000000000000"
    assert found(shared_operator, id=within % unknown) == (uid, "containerID")
    assert found(shared_operator, id=f"0::/docker/{outer}/init.scope") == (node, "containerID")


# ---- IPs


def test_an_ip_is_found_in_any_notation_and_of_both_families(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip, ip6 = address(), "2001:db8::abc:7"
    pod = running("dual-stack", ip=ip)
    pod["status"]["podIPs"].append({"ip": "2001:DB8:0::ABC:7"})  # as a network plugin may write it
    uid = create(shared_cluster, shared_operator, pod)
    for notation in (
        ip,
        f"::ffff:{ip}",
        f"[::ffff:{ip}]",
        ip6,
        "2001:DB8::ABC:7",
        "2001:0db8:0000:0000:0000:0000:0abc:0007",
        "2001:db8::10.188.0.7",
        "[2001:db8:0::abc:7]",
    ):
        assert found(shared_operator, ip=notation) == (uid, "ip"), notation
        assert found(shared_operator, id=notation) == (uid, "ip"), notation


def test_a_pod_in_the_host_network_is_never_found_by_ip(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip = address()
    agent = running("agent", ip=ip)
    agent["spec"]["hostNetwork"] = True
    create(shared_cluster, shared_operator, agent)
    assert found(shared_operator, ip=ip) is None
    uid = create(shared_cluster, shared_operator, running("of-the-same-ip", ip=ip, started="2025-01-01T00:00:00Z"))
    assert found(shared_operator, ip=ip) == (uid, "ip")
    agent = running("later-agent", ip=ip, started="2025-02-01T00:00:00Z")
    agent["spec"]["hostNetwork"] = True
    create(shared_cluster, shared_operator, agent)
    assert found(shared_operator, ip=ip) == (uid, "ip")


def test_a_pod_ip_without_pod_ips_is_found(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    ip = address()
    pod = running("one-ip", ip=ip)
    del pod["status"]["podIPs"]
    uid = create(shared_cluster, shared_operator, pod)
    assert found(shared_operator, ip=ip) == (uid, "ip")


def test_an_ip_of_two_pods_that_started_at_the_same_time_is_ambiguous(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip = address()
    for name in ("twin-0", "twin-1"):
        create(shared_cluster, shared_operator, running(name, ip=ip, started="2025-01-01T00:00:00Z"))
    status, _, content = ask(shared_operator, ip=ip)
    text = f"IP {ip} is that of 2 pods: give a container ID, or namespace and name"
    assert (status, content) == (409, {"error": text})


@pytest.mark.parametrize("order", ["finished first", "later first"])
def test_a_finished_pod_has_lost_its_ip_to_a_later_pod_even_when_that_is_deleted(
    order: str, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip, name = address(), order.replace(" ", "-")
    job = running(f"job-{name}", ip=ip, started="2025-01-01T00:00:00Z")
    job["status"]["phase"] = "Succeeded"
    pods = [job, running(f"web-{name}", ip=ip, started="2025-01-02T00:00:00Z")]
    uids = [create(shared_cluster, shared_operator, pod) for pod in (pods if order == "finished first" else pods[::-1])]
    later = uids[order == "finished first"]
    assert found(shared_operator, ip=ip) == (later, "ip")
    shared_cluster.pods.delete("default", f"web-{name}")
    for number in range(2):
        catch_up(shared_cluster, shared_operator)
        assert found(shared_operator, ip=ip) is None
        assert found(shared_operator, ip=ip, includeDeleted="true") == (later, "ip")
        shared_cluster.pods.update(
            "default",
            f"job-{name}",
            lambda pod, number=number: pod["metadata"].update(labels={"number": str(number)}),  # type: ignore[misc]
        )


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_is_found_by_ip_only_if_no_live_pod_has_it(
    phase: str, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip = address()
    job = running(f"job-{phase.lower()}", ip=ip, started="2025-01-01T00:00:00Z")
    job["status"]["phase"] = phase
    finished = create(shared_cluster, shared_operator, job)
    assert found(shared_operator, ip=ip) == (finished, "ip")
    live = create(shared_cluster, shared_operator, running(f"web-{phase.lower()}", ip=ip))
    assert found(shared_operator, ip=ip) == (live, "ip")


def test_of_several_pods_with_the_same_ip_the_last_started_one_is_found(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip = address()
    _, last, _ = [
        create(shared_cluster, shared_operator, running(f"started-{number}", ip=ip, started=started))
        for number, started in enumerate(("2025-01-02T00:00:00Z", "2025-01-03T00:00:00Z", "2025-01-01T00:00:00Z"))
    ]
    assert found(shared_operator, ip=ip) == (last, "ip")


def test_a_pod_is_not_found_by_its_former_ip(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    before, after = address(), address()
    uid = create(shared_cluster, shared_operator, running("moved", ip=before))
    shared_cluster.pods.update(
        "default", "moved", lambda pod: pod["status"].update(podIP=after, podIPs=[{"ip": after}])
    )
    eventually(lambda: found(shared_operator, ip=after) == (uid, "ip"))
    assert found(shared_operator, ip=before) is None


# ---- names


def test_a_pod_is_found_by_its_name_in_its_namespace_only(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    uids = {
        namespace: create(shared_cluster, shared_operator, make_pod("named", namespace)) for namespace in ("one", "two")
    }
    for namespace, uid in uids.items():
        assert found(shared_operator, namespace=namespace, name="named") == (uid, "name")
        assert found(shared_operator, id=f"{namespace}/named") == (uid, "name")
    assert found(shared_operator, namespace="three", name="named") is None


def test_a_reused_name_finds_the_new_pod(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    old = create(shared_cluster, shared_operator, make_pod("replica-0"))
    shared_cluster.pods.delete("default", "replica-0")
    new = create(shared_cluster, shared_operator, make_pod("replica-0"))
    assert found(shared_operator, id="default/replica-0") == (new, "name")
    assert found(shared_operator, uid=old) is None


# ---- settings


def test_lookups_by_disabled_keys_are_rejected(
    shared_cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    ip, bare = address(), container_id("switched off")
    pod = running("switched-off", ip=ip, node="node-1", container_id=f"containerd://{bare}")
    uid = shared_cluster.pods.create(pod)["metadata"]["uid"]
    operator = start_operator(shared_cluster, token=token, LOOKUP_KEYS="uid")
    operator.wait_until_ready()
    assert found(operator, uid=f"pod{uid.replace('-', '_')}") == (uid, "uid")
    assert found(operator, id=f"/kubepods/pod{uid}/{bare}") == (uid, "uid")
    for kind, parameters in (
        ("containerID", {"containerID": bare}),
        ("containerID", {"id": f"containerd://{bare}"}),
        ("ip", {"ip": ip}),
        ("ip", {"id": ip}),
        ("name", {"namespace": "default", "name": "switched-off"}),
        ("name", {"id": "default/switched-off"}),
    ):
        status, _, content = ask(operator, **parameters)
        assert (status, content) == (400, {"error": f"lookups by {kind} are switched off by LOOKUP_KEYS"})
    status, _, body = operator.get("/api/v1/pods?node=node-1")
    assert (status, json.loads(body)) == (400, {"error": "lookups by node are switched off by LOOKUP_KEYS"})
    assert re.fullmatch("[0-9]+", operator.get("/api/v1/pods?namespace=default")[1]["age"])
