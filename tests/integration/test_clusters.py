"""Three clusters, each with a pod-index, over TLS and with tokens, as users deploy them."""

import functools
import json
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.support.certificates import HOST
from tests.support.operator_process import OperatorProcess, free_port
from tests.support.peers import write_peers
from tests.support.polling import eventually

NAMES = ("a", "b", "c")


class Fleet:
    """Three clusters that know each other by one file, in which each is a peer, itself included."""

    def __init__(self, folder: Path, stack: ExitStack, ca: trustme.CA) -> None:
        self.folder = folder
        self.servers = {name: stack.enter_context(ApiServer()) for name in NAMES}
        self.peers = folder / "peers"
        self.ports = {name: free_port() for name in NAMES}
        certificate = ca.issue_cert(HOST)
        for name, content in {
            "ca.crt": ca.cert_pem.bytes(),
            "tls.crt": b"".join(pem.bytes() for pem in certificate.cert_chain_pems),
            "tls.key": certificate.private_key_pem.bytes(),
            "token": b"s3cret-t0ken\n",
        }.items():
            (folder / name).write_bytes(content)
        self.write(NAMES)
        self._stack = stack
        self._context = ssl.create_default_context(cafile=folder / "ca.crt")
        self.operators: dict[str, OperatorProcess] = {}

    def write(self, names: Sequence[str]) -> None:
        """Write the file with these peers."""
        options = {"caFile": "ca.crt", "tokenFile": "token"}
        write_peers(self.peers, {name: {"url": f"https://{HOST}:{self.ports[name]}", **options} for name in names})

    def start(self, *names: str) -> None:
        """Start pod-indexes, and wait until they are ready."""
        for name in names:
            self._launch(name)
        for name in names:
            eventually(functools.partial(self._is_ready, name))

    def _launch(self, name: str) -> None:
        folder = self.folder / f"{name}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        environ = {
            "PORT": str(self.ports[name]),
            "CLUSTER_NAME": name,
            "PEERS_FILE": str(self.peers),
            "TLS_CERT_FILE": str(self.folder / "tls.crt"),
            "TLS_KEY_FILE": str(self.folder / "tls.key"),
            "AUTH_TOKEN_FILE": str(self.folder / "token"),
            # Many tests run at a time.
            "PEER_TIMEOUT_SECONDS": "20",
        }
        operator = OperatorProcess(folder, self.servers[name].kubeconfig(), environ=environ)
        self.operators[name] = self._stack.enter_context(operator)

    def _is_ready(self, name: str) -> bool:
        operator = self.operators[name]
        assert operator.process.poll() is None, operator.log
        try:
            return self.get(name, "/ready")[0] == 200
        except OSError:
            return False

    def create(self, cluster: str, name: str, **options: Any) -> str:
        """Create a pod, and wait until its pod-index knows it; return its UID."""
        pod = self.servers[cluster].pods.create(make_pod(name, **options))
        uid: str = pod["metadata"]["uid"]
        eventually(lambda: self.get(cluster, f"/api/v1/pod?uid={uid}")[0] == 200)
        return uid

    def get(self, name: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], Any]:
        """Ask a pod-index; return status, headers and JSON."""
        request = urllib.request.Request(
            f"https://{HOST}:{self.ports[name]}{path}", body, {"Authorization": "Bearer s3cret-t0ken"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60, context=self._context) as answer:
                content = answer.read()
                status, headers = answer.status, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                content, status, headers = error.read(), error.code, error.headers
        return status, {key.lower(): value for key, value in headers.items()}, json.loads(content)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(tmp_path, stack, trustme.CA())


def test_any_of_three_clusters_finds_the_pods_of_all(fleet: Fleet) -> None:
    fleet.start(*NAMES)
    uids = {name: fleet.create(name, f"web-{name}", ip=f"10.0.0.{number}") for number, name in enumerate(NAMES)}
    same = [fleet.create(name, "same", ip="10.1.0.1") for name in "ab"]
    for asked in NAMES:
        for name, uid in uids.items():
            for query in (f"uid={uid}", f"ip={'10.0.0.' + str(NAMES.index(name))}", f"id=default/web-{name}"):
                status, headers, pod = fleet.get(asked, f"/api/v1/pod?{query}&clusters=all")
                assert (status, headers["cluster"], pod["uid"]) == (200, name, uid)
                assert headers["matched-by"] in ("uid", "ip", "name")
                assert int(headers["age"]) < 60
        status, _, body = fleet.get(asked, "/api/v1/pod?ip=10.1.0.1&clusters=all")
        message = "IP 10.1.0.1 is that of pods in clusters a, b: ask one of them with cluster=NAME"
        assert (status, body) == (409, {"error": message})
        assert fleet.get(asked, "/api/v1/pod?ip=10.1.0.1&cluster=b")[2]["uid"] == same[1]
        assert fleet.get(asked, "/api/v1/pod?ip=10.9.9.9&clusters=all")[0] == 404
        ids = json.dumps({"ids": [*uids.values(), "10.9.9.9"]}).encode()
        results = fleet.get(asked, "/api/v1/pods/lookup?clusters=all", ids)[2]["results"]
        assert [result.get("cluster") for result in results] == [*NAMES, None]

    # A pod that is deleted in one cluster and restored in another has its old name, but a new UID.
    fleet.servers["a"].pods.delete("default", "web-a")
    eventually(lambda: fleet.get("a", f"/api/v1/pod?uid={uids['a']}")[0] == 404)
    restored = fleet.create("c", "web-a")
    deleted = "includeDeleted=true&clusters=all"
    assert fleet.get("a", f"/api/v1/pod?id=default/web-a&{deleted}")[2]["uid"] == restored
    status, headers, pod = fleet.get("b", f"/api/v1/pod?uid={uids['a']}&{deleted}")
    assert (status, headers["cluster"], "deletedAt" in pod) == (200, "a", True)

    # A pod appears in a cluster that another one waits for.
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fleet.get, "a", "/api/v1/pod?id=default/late&clusters=all&wait=10s")
        late = fleet.create("b", "late")
        status, headers, pod = waiting.result(60)
        assert (status, headers["cluster"], pod["uid"]) == (200, "b", late)

    # Lookups go on while the peers change and one of them is restarted.
    fleet.operators["c"].stop()
    status, _, body = fleet.get("a", "/api/v1/pod?ip=10.9.9.9&clusters=all")
    assert (status, body) == (503, {"error": "no answer from cluster c; not found in the others"})
    assert fleet.get("a", f"/api/v1/pod?uid={uids['b']}&clusters=all")[1]["cluster"] == "b"
    fleet.operators["a"].wait_until_log_says("No answer from cluster c: cannot connect to https://")
    fleet.start("c")
    eventually(lambda: fleet.get("a", f"/api/v1/pod?uid={uids['c']}&clusters=all")[0] == 200)
    fleet.operators["a"].wait_until_log_says("Cluster c answers again")
    fleet.write(["b"])
    fleet.operators["a"].wait_until_log_says("PEERS_FILE reloaded; clusters: a, b")
    assert fleet.get("a", f"/api/v1/pod?uid={uids['c']}&clusters=all")[0] == 404
    for operator in fleet.operators.values():
        assert "s3cret" not in operator.log
        assert "Traceback" not in operator.log
    assert fleet.operators["a"].stop() == 0


def test_the_start_ends_with_one_line_if_whoever_asks_here_could_read_peers_without_credentials(
    tmp_path: Path, server: ApiServer, start_operator: StartOperator
) -> None:
    peers = tmp_path / "peers"
    (tmp_path / "token").write_text("s3cret")
    write_peers(peers, {"b": {"url": "http://b", "tokenFile": "token"}})
    operator = start_operator(server, PEERS_FILE=str(peers), CLUSTER_NAME="a")
    assert operator.wait_for_exit() == 1
    (line,) = [line for line in operator.log.splitlines() if "[INFO" not in line]
    assert "PEERS_FILE has credentials for cluster b, so requests need authentication here, too: set AUTH_" in line


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_requests_with_a_dead_peer_leak_nothing(fleet: Fleet) -> None:
    fleet.start("a", "b")
    operator = fleet.operators["a"]
    uid = fleet.create("b", "web")

    def state() -> tuple[int, int]:
        """The open files and the threads."""
        process = Path(f"/proc/{operator.process.pid}")
        return len(os.listdir(process / "fd")), len(os.listdir(process / "task"))

    lock, statuses = threading.Lock(), dict[int, int]()

    def ask(number: int) -> None:
        query = (f"uid={uid}", "ip=10.9.9.9", "uid=none&wait=1ms")[number % 3]
        status = fleet.get("a", f"/api/v1/pod?{query}&clusters=all")[0]
        with lock:
            statuses[status] = statuses.get(status, 0) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(2_000)))
        eventually(lambda: state()[0] < 100)
        files, threads = state()
        memory = operator.resident_bytes
        list(pool.map(ask, range(10_000)))
    assert set(statuses) == {200, 503}
    eventually(lambda: state()[0] <= files + 5)
    assert state()[1] <= threads + 5
    assert operator.resident_bytes < memory + 8 * 1024 * 1024
    metrics = urllib.request.Request(f"https://{HOST}:{fleet.ports['a']}/metrics")
    with urllib.request.urlopen(metrics, timeout=30, context=fleet._context) as answer:
        text = answer.read().decode()
    assert 'pod_index_peer_up{peer="b"} 1.0' in text
    assert 'pod_index_peer_up{peer="c"} 0.0' in text
