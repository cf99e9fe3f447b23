"""The harness around kube-apiserver and etcd: failures, restarts and cleanup."""

import http.client
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.apiserver import ApiError, make_pod
from tests.e2e.test_harness import PODS, STREAMING_LIST, client_of
from tests.kubernetes import Binaries, ComponentFailed, KubernetesApiServer, TcpProxy
from tests.support.polling import eventually


def _is_alive(pid: int) -> bool:
    try:
        # A zombie has ended; its parent has not waited for it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_streaming_list_is_refused_with_the_feature_off(binaries: Binaries) -> None:
    with (
        KubernetesApiServer(binaries, feature_gates={"WatchList": False}) as server,
        pytest.raises(ApiError, match="sendInitialEvents is forbidden for watch unless") as refusal,
        server.client.watch(PODS, query=STREAMING_LIST),
    ):
        pass
    assert refusal.value.code == 422


def test_a_watch_from_before_a_compaction_gets_a_410(binaries: Binaries) -> None:
    with KubernetesApiServer(binaries, arguments=["--watch-cache=false"]) as server:
        server.pods.create(make_pod("web"))
        before = server.pods.resource_version
        server.pods.delete("default", "web")
        assert server.compact() > before
        with server.client.watch(PODS, query={"resourceVersion": before}) as events:
            event = next(events)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


# ---- stop and start


def test_objects_remain_when_kube_apiserver_and_etcd_are_killed(breakable: KubernetesApiServer) -> None:
    pods = breakable.pods
    url, web = breakable.url, pods.create(make_pod("web"))
    breakable.stop()
    with pytest.raises(ConnectionRefusedError):
        pods.get("default", "web")
    breakable.start()
    assert (breakable.url, pods.get("default", "web")) == (url, web)

    breakable.etcd.stop()
    breakable.etcd.start()

    def written() -> bool:
        try:
            return bool(pods.create(make_pod("after")))
        except (OSError, ApiError):
            return False  # kube-apiserver has not connected to etcd yet

    eventually(written)
    assert pods.get("default", "web") == web

    breakable.stop(abrupt=False)
    breakable.etcd.stop(abrupt=False)
    breakable.start()
    assert {pod["metadata"]["name"] for pod in pods.pods().values()} == {"web", "after"}


def test_a_kill_breaks_open_watches_and_a_graceful_stop_ends_them(breakable: KubernetesApiServer) -> None:
    for abrupt in (True, False):
        version = {"resourceVersion": breakable.pods.resource_version}
        with breakable.client.watch(PODS, query=version) as events:
            breakable.stop(abrupt=abrupt)
            if abrupt:
                with pytest.raises(http.client.IncompleteRead):
                    next(events)
            else:
                assert list(events) == []
        breakable.start()


def test_a_version_from_before_a_restart_is_too_old(breakable: KubernetesApiServer) -> None:
    before = breakable.pods.resource_version
    breakable.pods.create(make_pod("web"))
    breakable.stop()
    breakable.start()
    with breakable.client.watch(PODS, query={"resourceVersion": before}) as events:
        assert next(events)["object"]["code"] == 410


def test_a_component_that_does_not_start_shows_the_end_of_its_log(binaries: Binaries) -> None:
    with (
        pytest.raises(ComponentFailed, match=r"(?s)kube-apiserver has ended with 1.*unknown flag: --no-such-flag"),
        KubernetesApiServer(binaries, arguments=["--no-such-flag"]),
    ):
        pass


def test_nothing_is_left_running_after_close(binaries: Binaries) -> None:
    with KubernetesApiServer(binaries) as server:
        pids, folder = (server.pid, server.etcd.pid), server.log.parent
        assert all(pid and _is_alive(pid) for pid in pids)
        assert folder.is_dir()
    assert not any(pid and _is_alive(pid) for pid in pids)
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
def test_nothing_is_left_running_when_the_tests_are_killed(binaries: Binaries) -> None:
    program = f"""
        import sys
        from pathlib import Path
        from tests.kubernetes import Binaries, KubernetesApiServer

        with KubernetesApiServer(Binaries(Path({str(binaries.etcd)!r}), Path({str(binaries.kube_apiserver)!r}))) as s:
            print(s.pid, s.etcd.pid, s.log.parent, flush=True)
            sys.stdin.read()
    """
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        *pids, folder = tests.stdout.readline().split()
        tests.kill()
    eventually(lambda: not any(_is_alive(int(pid)) for pid in pids))
    # The next server removes the files.
    with KubernetesApiServer(binaries):
        assert not Path(folder).exists()


# ---- through the proxy


def test_a_watch_through_the_proxy_is_cut_stalled_and_refused(cluster: KubernetesApiServer) -> None:
    with TcpProxy(cluster.port) as proxy:
        client = client_of(cluster, token=cluster.access.admin_token, port=proxy.port)
        version = {"resourceVersion": cluster.pods.resource_version}
        with client.watch(PODS, query=version) as events:
            proxy.stall()
            cluster.pods.create(make_pod("web"))
            proxy.resume()
            assert next(events)["object"]["metadata"]["name"] == "web"
            assert proxy.cut() == 1
            # With TLS, Python does not distinguish RST from FIN, but both from the end of a watch.
            with pytest.raises(http.client.IncompleteRead):
                next(events)
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            client.request("GET", PODS)
        proxy.accept()
        assert client.request("GET", PODS)[0] == 200
        client.close()
        assert proxy.connections == 2
