"""The API server in a thread of its own: started, stopped and disturbed from a test."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

import trustme
import uvicorn

from tests.apiserver.access import Access
from tests.apiserver.application import create_application
from tests.apiserver.background import BackgroundServer, bound_socket
from tests.apiserver.collection import Collection
from tests.apiserver.connection import ConnectionInScope
from tests.apiserver.deletion import Deletion
from tests.apiserver.faults import END, Faults, WatchFault
from tests.apiserver.kubeconfig import kubeconfig
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.store import PodStore
from tests.apiserver.watching import Watches

_HOST = "127.0.0.1"
# seconds for which an idle connection is kept, as by the real server's http.Server
_KEEP_ALIVE = 90
# seconds that requests get to end when the server is stopped gracefully
_GRACE = 10


class ApiServer:
    """A pods-only Kubernetes API server on the loopback interface.

    It starts when entered as a context manager, or by `start()`. Pods, tokens, faults and the record of
    requests outlive a stop. `port` 0 takes a free one, and keeps it while the server is stopped.
    `history_limit` is the number of changes that watches and continue tokens can go back;
    `bookmark_interval` and `termination_seconds` (how long a running pod takes to end) are in seconds;
    `streaming_list` False is a server without the WatchList feature; with `anonymous`, a request without a
    token has all rights.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tls: bool = False,
        history_limit: int = 10_000,
        streaming_list: bool = True,
        bookmark_interval: float = 1.0,
        termination_seconds: float = 0.2,
        anonymous: bool = False,
    ) -> None:
        self.pods = PodStore(history_limit)
        self.access = Access(anonymous=anonymous)
        self.faults = Faults(self._disturb)
        self.requests: list[RecordedRequest] = []
        self._watches = Watches()
        self._deletion = Deletion(self.pods, termination_seconds)
        collection = Collection(self.pods, self.access, self._watches, streaming_list, bookmark_interval)
        self._application = create_application(collection, self.access, self._deletion, self.faults, self.requests)
        self._authority = trustme.CA() if tls else None
        self._certificate = self._authority.issue_cert(_HOST, "localhost") if self._authority else None
        # bound but not listening: the port stays ours while the server is stopped, and refuses connections
        self._reservation = bound_socket(_HOST, port)
        self.port: int = self._reservation.getsockname()[1]
        self._running: BackgroundServer | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"{'https' if self._authority else 'http'}://{_HOST}:{self.port}"

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the authority that signed the server's; empty without TLS."""
        return self._authority.cert_pem.bytes() if self._authority else b""

    @property
    def open_watches(self) -> int:
        """How many watches are open now."""
        return len(self._watches)

    def kubeconfig(self, token: str | None = None) -> str:
        """The text of a kubeconfig for this token, or for the admin's."""
        return kubeconfig(self.url, self.ca_pem, {"token": self.access.admin_token if token is None else token})

    def start(self) -> None:
        """Listen; returns when requests are answered."""
        if self._running is not None:
            raise RuntimeError("the API server is running")
        with ExitStack() as files:
            config = uvicorn.Config(
                self._application,
                http=ConnectionInScope,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
            if self._certificate is not None:
                pem = self._certificate.private_key_and_cert_chain_pem
                config.ssl_certfile = files.enter_context(pem.tempfile())
            config.load()

        def begin() -> None:
            self.pods.subscribe(server.wake)
            self._deletion.resume()

        server = BackgroundServer(config, begin, self._watches.wake)
        server.run_in_background(bound_socket(_HOST, self.port))
        self._running = server

    def stop(self, *, abrupt: bool = True) -> None:
        """Stop; returns when nothing listens any more.

        Abruptly, all connections are dropped at once, as when the process is killed. Otherwise open watches
        end cleanly, and other requests are answered before.
        """
        server, self._running = self._running, None
        if server is None:
            raise RuntimeError("the API server is not running")
        self.pods.unsubscribe(server.wake)
        if not abrupt:
            server.call(lambda: self._watches.disturb(END))
        server.end(abrupt=abrupt)

    def close(self) -> None:
        """Stop for good, and give the port back."""
        if self._running is not None:
            self.stop()
        self._reservation.close()

    def __enter__(self) -> ApiServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _disturb(self, fault: WatchFault) -> int:
        return self._running.call(lambda: self._watches.disturb(fault)) if self._running else 0
