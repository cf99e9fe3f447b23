"""An API server that sends prepared bytes, so that it is not what is measured; a process of its own.

It answers what pod-index asks of an API server, and nothing else: pages of a list, streaming lists and watches.
What it is to do comes as lines of JSON on stdin, and each is answered by one on stdout; it ends with stdin.
All times are of time.monotonic(), which all processes of a Linux machine share.
"""

import contextlib
import itertools
import json
import socket
import sys
import threading
import time
import urllib.parse
from typing import Any

from tests.benchmarks.podbytes import LAST_CHUNK, PodBytes, bookmark, expired

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-cache, private\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
BOOKMARK_SECONDS = 10.0
BATCH = 64
"""How many events are sent at once when they are to go as fast as they are taken."""
STRIDE = 7919
"""Changes come to every so manieth pod: a prime, so that all have their turn."""


class Watch:
    """A watch that has sent its initial state; events and bookmarks come from different threads."""

    def __init__(self, sock: socket.socket, version: int) -> None:
        self._sock = sock
        self._version = version
        self._lock = threading.Lock()
        self.over = threading.Event()

    def send(self, events: bytes, version: int) -> None:
        """Send some events, the last of which has this version."""
        with self._lock:
            self._sock.sendall(events)
            self._version = version

    def bookmark(self) -> None:
        """Tell the version of the last event, unless it is over."""
        with self._lock:
            if not self.over.is_set():
                self._sock.sendall(bookmark(self._version))

    def end(self, chunks: bytes = b"") -> None:
        """Send the last events and the end of the body."""
        with self._lock:
            self._sock.sendall(chunks + LAST_CHUNK)
            self.over.set()


class Feeder:
    """The server; its public methods are the commands, and their results the answers."""

    def __init__(self, pods: PodBytes) -> None:
        self._pods = pods
        self._version = pods.version
        self._numbers = itertools.count(0, STRIDE)
        self._events: list[bytes] = []
        self._sampled: list[int] = []
        self._requests: list[tuple[float, str]] = []
        self._watch: Watch | None = None
        self._watches = 0
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def status(self) -> dict[str, Any]:
        """Tell the requests since the last status, with their times."""
        requests, self._requests = self._requests, []
        return {"requests": requests}

    def uids(self, count: int) -> dict[str, Any]:
        """Tell the UIDs of the first pods."""
        return {"uids": self._pods.uids[:count]}

    def await_watch(self, beyond: int, within: float = 120.0) -> dict[str, Any]:
        """Wait until there have been more watches than ``beyond``, since each follows a listing."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._watches > beyond, within)
        return {"done": done, "watches": self._watches}

    def expire(self) -> dict[str, Any]:
        """End the watch by an error that makes its client list anew."""
        self._current().end(expired())
        return {"time": time.monotonic()}

    def end(self) -> dict[str, Any]:
        """End the watch in good order."""
        self._current().end()
        return {}

    def prepare(self, count: int, sample: int) -> dict[str, Any]:
        """Encode the next changes, of ``count`` pods.

        Tells every ``sample``-th of them and the last: its place, its pod's UID and its version.
        """
        numbers = [number % len(self._pods) for number in itertools.islice(self._numbers, count)]
        versions = range(self._version + 1, self._version + 1 + count)
        self._events = [self._pods.modified(*change) for change in zip(numbers, versions, strict=True)]
        self._sampled = sorted({*range(0, count, sample), count - 1})
        return {"changes": [(at, self._pods.uids[numbers[at]], versions[at]) for at in self._sampled]}

    def send(self, rate: float = 0, start: float = 0) -> dict[str, Any]:
        """Send what is prepared, ``rate`` a second from the time ``start``, or as fast as it is taken if 0.

        Tells when those were sent that `prepare()` told.
        """
        watch = self._current()
        size = 1 if rate else BATCH
        times = []
        begin = time.monotonic()
        for first in range(0, len(self._events), size):
            if rate:
                time.sleep(max(0.0, start + first / rate - time.monotonic()))
            times.append(time.monotonic())
            batch = self._events[first : first + size]
            self._version += len(batch)
            watch.send(b"".join(batch), self._version)
        return {"begin": begin, "times": [times[at // size] for at in self._sampled]}

    def _current(self) -> Watch:
        if self._watch is None or self._watch.over.is_set():
            raise RuntimeError("nobody watches")
        return self._watch

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        received = b""
        with sock, contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" not in received:
                    more = sock.recv(65536)
                    if not more:
                        return
                    received += more
                head, _, received = received.partition(b"\r\n\r\n")
                self._answer(sock, head.split(b" ", 2)[1].decode())

    def _answer(self, sock: socket.socket, target: str) -> None:
        self._requests.append((time.monotonic(), target))
        split = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(split.query))
        if split.path != "/api/v1/pods":
            sock.sendall(NOT_FOUND)
        elif query.get("watch") == "true":
            self._answer_watch(sock, query)
        else:
            start = int(query.get("continue", "0"))
            limit = int(query.get("limit", "0")) or len(self._pods)
            sock.sendall(HEAD)
            for part in self._pods.page(start, min(start + limit, len(self._pods)), self._version):
                sock.sendall(part)

    def _answer_watch(self, sock: socket.socket, query: dict[str, str]) -> None:
        sock.sendall(HEAD)
        if query.get("sendInitialEvents") == "true":
            sock.sendall(self._pods.stream)
            sock.sendall(bookmark(self._version, ends_initial_events=True))
        elif query.get("resourceVersion") != str(self._version):
            # There is no history here: who has missed something lists again.
            sock.sendall(expired() + LAST_CHUNK)
            return
        watch = Watch(sock, self._version)
        with self._changed:
            self._watch = watch
            self._watches += 1
            self._changed.notify_all()
        deadline = time.monotonic() + float(query.get("timeoutSeconds", "3600"))
        while not watch.over.wait(min(BOOKMARK_SECONDS, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                watch.end()
            else:
                watch.bookmark()


def main() -> None:
    """Serve as many pods as the first argument says."""
    pods = PodBytes(int(sys.argv[1]))
    feeder = Feeder(pods)
    answer: dict[str, Any] = {
        "port": feeder.port,
        "pods": len(pods),
        "record_bytes": pods.record_bytes,
    }
    print(json.dumps(answer), flush=True)
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(json.dumps(getattr(feeder, command)(**arguments)), flush=True)


if __name__ == "__main__":
    main()
