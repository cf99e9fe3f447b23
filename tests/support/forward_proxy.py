"""An HTTP proxy: it tunnels with CONNECT, and forwards plain requests."""

import socket
import ssl
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class _Handler(StreamRequestHandler):
    server: "ForwardProxy"

    def setup(self) -> None:
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        self.server.heads.append(head.decode())
        method, target, _ = head.split(b" ", 2)
        if self.server.authorization not in head.decode():
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        url = urlsplit(target.decode() if method != b"CONNECT" else f"//{target.decode()}")
        with socket.create_connection((url.hostname or "", url.port or 80)) as upstream:
            if method == b"CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(head)
            threading.Thread(target=self._copy, args=(upstream, self.request), daemon=True).start()
            self._copy(self.request, upstream)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while received := source.recv(65536):
                sink.sendall(received)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class ForwardProxy(ThreadingTCPServer):
    """A proxy on the loopback interface, with TLS if a context is given.

    It refuses requests whose head lacks ``authorization``.
    """

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, authorization: str = "") -> None:
        self.tls = tls
        self.authorization = authorization
        self.heads: list[str] = []
        """The heads of the requests."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that go away."""
