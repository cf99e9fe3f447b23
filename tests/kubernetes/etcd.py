"""etcd on loopback, without TLS: the store behind kube-apiserver."""

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
# In the gateway, the range from NUL to NUL has all keys.
_NUL = base64.b64encode(b"\0").decode()


class Etcd:
    """One member of etcd; its folder and its ports remain when it stops.

    Requests go to its gateway, which has JSON over HTTP on the client port:
    https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        # Bound but not listening: the ports stay reserved while etcd is stopped.
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
        """The URL for clients."""
        return f"http://{_HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The log file."""
        return self._component.log

    @property
    def pid(self) -> int | None:
        """The ID of the process; None while it is stopped."""
        return self._component.pid

    def start(self) -> None:
        """Start etcd; return when it is healthy."""
        self._component.start(self._is_ready)

    def stop(self, *, abrupt: bool = True) -> None:
        """Stop etcd: kill it, or else let it shut down gracefully."""
        self._component.stop(signal.SIGKILL if abrupt else signal.SIGTERM)

    def close(self) -> None:
        """Stop etcd, and release the ports."""
        self.stop()
        for reservation in self._reservations:
            reservation.close()

    def revision(self) -> int:
        """The latest revision, which Kubernetes calls resourceVersion."""
        result = self._post("/v3/kv/range", {"key": _NUL, "range_end": _NUL, "count_only": True})
        return int(result["header"]["revision"])

    def compact(self, revision: int | None = None) -> int:
        """Compact the history before the revision (None: the latest); return the revision."""
        revision = self.revision() if revision is None else revision
        self._post("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def _is_ready(self) -> bool:
        try:
            with closing(http.client.HTTPConnection(_HOST, self.port, timeout=5)) as connection:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def _post(self, path: str, request: JSON) -> JSON:
        with closing(http.client.HTTPConnection(_HOST, self.port, timeout=30)) as connection:
            connection.request("POST", path, json.dumps(request))
            response = connection.getresponse()
            body = response.read()
        if response.status != 200:
            raise RuntimeError(f"etcd has responded with {response.status}: {body.decode(errors='replace')}")
        result: JSON = json.loads(body)
        return result
