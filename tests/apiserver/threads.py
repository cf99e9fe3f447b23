"""uvicorn in a thread with an event loop of its own."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

import uvicorn

from tests.apiserver.connections import ListeningSocket

_Result = TypeVar("_Result")
# A start or a stop takes a fraction of a second.
_TIMEOUT_SECONDS = 30.0


def call_in_loop(loop: asyncio.AbstractEventLoop, function: Callable[[], _Result]) -> _Result:
    """Call the function in the event loop of another thread; return its result or raise its exception."""
    result: Future[_Result] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except Exception as error:  # noqa: BLE001 - it is raised in the calling thread
            result.set_exception(error)

    loop.call_soon_threadsafe(run)
    return result.result(_TIMEOUT_SECONDS)


class ServerThread:
    """Runs uvicorn from ``start()`` to ``stop()``, once."""

    def __init__(self, config: uvicorn.Config, listening: ListeningSocket) -> None:
        self.loop = asyncio.new_event_loop()
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start; return when the server accepts connections."""
        self._thread.start()
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the API server did not start")
            time.sleep(0.001)

    def stop(self, cut_all: Callable[[], None]) -> None:
        """Refuse connections, close those that are open by ``cut_all``, and wait for the end of the thread."""

        def refuse_and_cut() -> None:
            self._listening.refuses = True
            cut_all()
            self._server.should_exit = True

        call_in_loop(self.loop, refuse_and_cut)
        self._thread.join(_TIMEOUT_SECONDS)
        if self._thread.is_alive():
            raise TimeoutError("the API server did not stop")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner, self._listening:
            runner.run(self._server.serve(sockets=[self._listening]))
