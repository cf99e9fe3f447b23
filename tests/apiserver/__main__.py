"""The API server alone, for benchmarks and use by hand: python -m tests.apiserver --port 8001 --pods 100."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.apiserver.podspecs import make_pod, realistic_pod
from tests.apiserver.server import ApiServer


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.apiserver", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--pods", type=int, default=0, help="how many pods there are at the start")
    parser.add_argument("--realistic", action="store_true", help="pods of 9 to 12 KB instead of minimal ones")
    parser.add_argument("--tls", action="store_true", help="serve https")
    parser.add_argument("--anonymous", action="store_true", help="give all rights to requests without a token")
    parser.add_argument("--no-streaming-list", action="store_true", help="be a server without WatchList")
    options = parser.parse_args(arguments)
    stop = {signal.SIGINT, signal.SIGTERM}
    # blocked before the server's thread exists, so that it inherits this and sigwait gets them
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with (
        tempfile.TemporaryDirectory(prefix="apiserver-") as folder,
        ApiServer(
            options.port,
            tls=options.tls,
            anonymous=options.anonymous,
            streaming_list=not options.no_streaming_list,
        ) as server,
    ):
        make = realistic_pod if options.realistic else _minimal_pod
        server.pods.load(make(index) for index in range(options.pods))
        path = Path(folder) / "kubeconfig"
        path.write_text(server.kubeconfig(), encoding="utf-8")
        path.chmod(0o600)
        sys.stdout.write(f"{server.url} serves {len(server.pods)} pods\nexport KUBECONFIG={path}\n")
        sys.stdout.flush()
        signal.sigwait(stop)
    return 0


def _minimal_pod(index: int) -> dict[str, object]:
    return make_pod(f"pod-{index}", f"team-{index % 10}", node=f"node-{index % 5}", phase="Running")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
