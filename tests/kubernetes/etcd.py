"""etcd on loopback, without TLS: the store behind kube-apiserver."""

from __future__ import annotations

import base64
import http.client
import json
import signal
from contextlib import closing
from pathlib import Path

from tests.apiserver.connections import bound_socket
from tests.apiserver.statuses import JSON
from tests.kubernetes.process import Component

_HOST = "127.0.0.1"
# the gateway's way to say "from the first key to the last": a range from NUL to NUL
_NUL = base64.b64encode(b"\0").decode()


class Etcd:
    """One member with its own folder and port, which outlive a stop.

    It is asked through its gateway, JSON over HTTP on the client port:
    https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        # bound but not listening: the ports stay ours while etcd is stopped
        self._reservations = [bound_socket(_HOST, 0) for _ in range(2)]
        self.port, peer_port = (reservation.getsockname()[1] for reservation in self._reservations)
        peer_url = f"http://{_HOST}:{peer_port}"
        self._component = Component(
            "etcd",
            [
                str(binary),
                "--name=default",
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
            folder / "etcd.log",
        )

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://{_HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with all that it has printed."""
        return self._component.log

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return self._component.pid

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._component.start(self._is_ready)

    def stop(self, *, abrupt: bool = True) -> None:
        """Stop it: abruptly it is killed, otherwise it may end in order."""
        self._component.stop(signal.SIGKILL if abrupt else signal.SIGTERM)

    def close(self) -> None:
        """Stop it for good, and give the ports back."""
        self.stop()
        for reservation in self._reservations:
            reservation.close()

    def revision(self) -> int:
        """The latest revision, which Kubernetes calls resourceVersion."""
        answer = self._ask("/v3/kv/range", {"key": _NUL, "range_end": _NUL, "count_only": True})
        return int(answer["header"]["revision"])

    def compact(self, revision: int | None = None) -> int:
        """Forget what was before the revision (None: the latest); return the revision."""
        revision = self.revision() if revision is None else revision
        self._ask("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def _is_ready(self) -> bool:
        try:
            with closing(http.client.HTTPConnection(_HOST, self.port, timeout=5)) as connection:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def _ask(self, path: str, request: JSON) -> JSON:
        with closing(http.client.HTTPConnection(_HOST, self.port, timeout=30)) as connection:
            connection.request("POST", path, json.dumps(request))
            response = connection.getresponse()
            body = response.read()
        if response.status != 200:
            raise RuntimeError(f"etcd has answered {response.status}: {body.decode(errors='replace')}")
        answer: JSON = json.loads(body)
        return answer
