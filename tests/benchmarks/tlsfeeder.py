"""An API server that sends changes on the wire of a real one, protobuf over TLS, at any rate; a process of its own.

It only serves a streaming list and the watch that follows. Its first line has its port and its kubeconfig. Commands are
lines of JSON on stdin; for each, it prints a line of JSON. The program ends when stdin ends. All times are those of
``time.monotonic()``.
"""

import itertools
import json
import socket
import ssl
import sys
import threading
import time
from typing import Any

import trustme

from tests.apiserver import realistic_pod
from tests.apiserver.kubeconfig import kubeconfig
from tests.apiserver.protobuf import encode_event, encode_message
from tests.apiserver.stored import StoredPod
from tests.benchmarks.podbytes import LAST_CHUNK, chunk

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.kubernetes.protobuf;stream=watch\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
FIRST_VERSION = 1_000_000_000
WRITE_BYTES = 4096
"""Go's HTTP server writes to the connection in parts of this size: bufio.NewWriterSize in net/http/server.go."""


class Feeder:
    """The server. Its public methods are the commands; their results are printed."""

    def __init__(self, count: int) -> None:
        self._pods = [StoredPod(realistic_pod(number), FIRST_VERSION) for number in range(count)]
        self._versions = itertools.count(FIRST_VERSION + 1)
        self._events: list[bytes] = []
        self._watch: ssl.SSLSocket | None = None
        self._watching = threading.Event()
        authority = trustme.CA()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self._listener = socket.create_server(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = kubeconfig(url, authority.cert_pem.bytes(), {"token": "token"})
        threading.Thread(target=self._accept, daemon=True).start()

    def await_watch(self) -> dict[str, Any]:
        """Wait for the next watch since the last call."""
        done = self._watching.wait(60)
        self._watching.clear()
        return {"done": done}

    def prepare(self, count: int) -> dict[str, Any]:
        """Encode the next changes."""
        pods = itertools.islice(itertools.cycle(self._pods), count)
        self._events = [self._frame("MODIFIED", pod.at(next(self._versions))) for pod in pods]
        return {}

    def send(self, rate: float) -> dict[str, Any]:
        """Send the prepared changes, one by one, ``rate`` a second."""
        start = time.monotonic()
        for number, event in enumerate(self._events):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            self._write(event)
        return {}

    def end(self) -> dict[str, Any]:
        """End the watch regularly."""
        self._write(LAST_CHUNK)
        return {}

    def _write(self, event: bytes) -> None:
        if self._watch is None:
            raise RuntimeError("there is no watch")
        for begin in range(0, len(event), WRITE_BYTES):
            self._watch.sendall(event[begin : begin + WRITE_BYTES])

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        connection = self._tls.wrap_socket(sock, server_side=True)
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        connection.sendall(HEAD)
        for pod in self._pods:
            connection.sendall(self._frame("ADDED", pod))
        metadata = {"resourceVersion": str(FIRST_VERSION), "annotations": {"k8s.io/initial-events-end": "true"}}
        bookmark = encode_event("BOOKMARK", "Pod", encode_message("Pod", {"metadata": metadata}))
        connection.sendall(chunk(bookmark))
        self._watch = connection
        self._watching.set()

    def _frame(self, event: str, pod: StoredPod) -> bytes:
        return chunk(encode_event(event, "Pod", pod.protobuf()))


def main() -> None:
    """Serve the number of pods in the first argument."""
    feeder = Feeder(int(sys.argv[1]))
    print(json.dumps({"kubeconfig": feeder.kubeconfig}), flush=True)
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(json.dumps(getattr(feeder, command)(**arguments)), flush=True)


if __name__ == "__main__":
    main()
