"""Hostile clients, and a container with the memory limit of the manifest."""

import signal
import time
from pathlib import Path

from tests.benchmarks.hostile import CONNECTIONS
from tests.benchmarks.processes import FeederProcess
from tests.hostile import HostileProcess
from tests.image.engine import Container, Engine
from tests.image.test_container import get
from tests.support.manifests import memory_limit
from tests.support.operator_process import free_port
from tests.support.polling import eventually

PODS = 50_000
SECONDS = 12.0
MIB = 1024 * 1024


def test_hostile_clients_of_all_kinds_do_not_exhaust_the_memory_of_the_container(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    limit, port = memory_limit(), free_port()
    path = tmp_path / "config"
    environ = {"KUBECONFIG": "/kubeconfig", "PORT": str(port), "SHUTDOWN_DRAIN_SECONDS": "0"}
    # Without swap, as in a cluster. A file for each connection.
    ulimits = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
    options = (f"--memory={limit}", f"--memory-swap={limit}", *ulimits)
    url = f"http://127.0.0.1:{port}"
    with FeederProcess(PODS) as feeder:
        path.write_text(feeder.kubeconfig)
        (uid,) = feeder.uids(1)
        with Container(engine, image, environ=environ, mounts={path: "/kubeconfig"}, options=options) as container:
            eventually(lambda: get(f"{url}/ready") == (200, {"status": "ready", "podCount": PODS}), within=60.0)
            with HostileProcess(port, connections=CONNECTIONS, seconds=90.0, uid=uid) as hostile:
                hostile.wait_until_complete()
                until = time.monotonic() + SECONDS
                while time.monotonic() < until:
                    assert get(f"{url}/api/v1/pod?uid={uid}")[0] == 200
                    time.sleep(0.1)
                summary = hostile.summary()
            assert sum(kind.connections for kind in summary.values()) >= CONNECTIONS
            print(f"peak: {container.peak_memory / MIB:.0f} of {limit / MIB:.0f} MiB")  # noqa: T201 - a figure of the run, shown by pytest -rP
            container.signal(signal.SIGTERM)
            assert container.wait() == 0
            assert not container.oom_killed
