"""uvicorn in a thread of its own, with its own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Thread
from typing import TypeVar

import uvicorn

_Result = TypeVar("_Result")
# seconds in which the thread must have started or ended; it takes a fraction of one
_PATIENCE = 30.0


def bound_socket(host: str, port: int) -> socket.socket:
    """A TCP socket that is bound, and does not listen yet.

    With SO_REUSEADDR several may be bound to one port as long as none listens, so that a port can be kept
    by one socket while others come and go.
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def call_in_loop(loop: asyncio.AbstractEventLoop, function: Callable[[], _Result]) -> _Result:
    """Call the function in a loop that runs in another thread, and return or raise what it does."""
    result: Future[_Result] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except Exception as error:  # noqa: BLE001 - it is the caller's
            result.set_exception(error)

    loop.call_soon_threadsafe(run)
    return result.result(_PATIENCE)


class BackgroundServer(uvicorn.Server):
    """A server that runs from `run_in_background()` until `end()`. Not to be used again."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None], on_wake: Callable[[], None]) -> None:
        """`on_start` is called in the event loop before the first request, `on_wake` after each `wake()`."""
        super().__init__(config)
        self._on_start = on_start
        self._on_wake = on_wake
        self._wake_is_due = False
        self._ready = Event()
        self._failure: BaseException | None = None

    def run_in_background(self, listening: socket.socket) -> None:
        """Serve on this socket; returns when connections are accepted. Raises what prevents it."""
        self._thread = Thread(target=self._serve_in_thread, args=(listening,), daemon=True)
        self._thread.start()
        if not self._ready.wait(_PATIENCE):
            raise TimeoutError("the API server did not start")
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Extend uvicorn's: tell the starting thread."""
        self._loop = asyncio.get_running_loop()
        self._on_start()
        await super().startup(sockets)
        self._ready.set()

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Call the function in the event loop, and return what it does."""
        return call_in_loop(self._loop, function)

    def wake(self) -> None:
        """Let `on_wake` be called in the event loop soon, once for many wakes. From any thread."""
        if not self._wake_is_due:
            self._wake_is_due = True
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        # before the call: what is written from now on needs another one
        self._wake_is_due = False
        self._on_wake()

    def end(self, *, abrupt: bool) -> None:
        """Close the listening socket, then abort all connections or let their answers end; wait for it."""
        self._loop.call_soon_threadsafe(self._end, abrupt)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise TimeoutError("the API server did not stop")

    def _end(self, abrupt: bool) -> None:
        for server in self.servers:
            server.close()
        if abrupt:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
        self.force_exit = abrupt
        self.should_exit = True

    def _serve_in_thread(self, listening: socket.socket) -> None:
        try:
            self.run(sockets=[listening])
        except BaseException as error:  # noqa: BLE001 - for the thread that waits for the start
            self._failure = error
        finally:
            listening.close()
            self._ready.set()
