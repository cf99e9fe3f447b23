"""The API server in a thread of its own: started, stopped and disturbed by a test."""

import ssl
from functools import partial
from types import TracebackType
from typing import Self

import trustme
import uvicorn
from starlette.types import ASGIApp

from tests.apiserver.access import Access
from tests.apiserver.application import PodEndpoints, create_application
from tests.apiserver.connections import Connections, ListeningSocket, bound_socket
from tests.apiserver.faults import Faults, WatchFault
from tests.apiserver.kubeconfig import kubeconfig
from tests.apiserver.middleware import JsonOnlyMiddleware
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.store import PodStore
from tests.apiserver.threads import ServerThread, call_in_loop
from tests.apiserver.watching import Watches

_HOST = "127.0.0.1"
# For idle connections; the same as the real server's.
_KEEP_ALIVE_SECONDS = 90


class ApiServer:
    """A pods-only Kubernetes API server on the loopback interface.

    It starts when entered as a context manager, or with ``start()``. Pods, tokens, faults, the recorded requests and
    the port remain when it stops.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tls: bool = False,
        history_limit: int = 10_000,
        streaming_list: bool = True,
        bookmark_interval: float = 1.0,
        anonymous: bool = False,
        protobuf: bool = True,
    ) -> None:
        """``port`` 0 is any free one.

        ``history_limit`` is the number of changes that watches and continue tokens can go back, ``bookmark_interval``
        is in seconds, ``streaming_list`` is the feature gate ``WatchList``, with ``anonymous``, a request without a
        token has all rights, and without ``protobuf``, responses are in JSON.
        """
        self.pods = PodStore(history_limit)
        self.access = Access(anonymous=anonymous)
        self.faults = Faults(self._disturb)
        self.requests: list[RecordedRequest] = []
        self._watches = Watches()
        self._connections = Connections()
        endpoints = PodEndpoints(
            self.pods, self.access, self._watches, streaming_list=streaming_list, bookmark_interval=bookmark_interval
        )
        application = create_application(endpoints, self.access, self.faults, self.requests, self._connections)
        self._application: ASGIApp = application if protobuf else JsonOnlyMiddleware(application)
        self._authority = trustme.CA() if tls else None
        self._tls_context = _tls_context(self._authority) if self._authority else None
        # Bound but not listening: while the server is stopped, the port stays reserved and refuses connections.
        self._reservation = bound_socket(_HOST, port)
        self.port: int = self._reservation.getsockname()[1]
        self._thread: ServerThread | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
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
        """The text of a kubeconfig with this token, or with the admin's."""
        return kubeconfig(self.url, self.ca_pem, {"token": self.access.admin_token if token is None else token})

    def start(self) -> None:
        """Start; return when the server accepts connections."""
        if self._thread is not None:
            raise RuntimeError("the API server is running")
        context = self._tls_context
        config = uvicorn.Config(
            self._application,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ssl_context_factory=(lambda *_: context) if context else None,
        )
        thread = ServerThread(config, ListeningSocket(_HOST, self.port, self._connections))
        thread.start()
        self._wake = partial(thread.loop.call_soon_threadsafe, self._watches.wake)
        self.pods.subscribe(self._wake)
        self._thread = thread

    def stop(self) -> None:
        """Close all connections at once, as when the process is killed; return when the port refuses connections."""
        thread, self._thread = self._thread, None
        if thread is None:
            raise RuntimeError("the API server is not running")
        self.pods.unsubscribe(self._wake)
        thread.stop(self._connections.cut_all)

    def close(self) -> None:
        """Stop, and release the port."""
        if self._thread is not None:
            self.stop()
        self._reservation.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _disturb(self, fault: WatchFault) -> int:
        if self._thread is None:
            return 0
        return call_in_loop(self._thread.loop, lambda: self._watches.disturb(fault))


def _tls_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(_HOST, "localhost").configure_cert(context)
    return context
