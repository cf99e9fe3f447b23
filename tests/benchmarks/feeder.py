"""An API server that sends prepared bytes, so that its own cost does not matter; a process of its own.

It only serves the requests of pod-index: pages of a list, streaming lists and watches.
Commands are lines of JSON on stdin; for each, it prints a line of JSON. The program ends when stdin ends.
All times are those of ``time.monotonic()``, which all processes of a Linux machine share.
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

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nCache-Control: no-cache, private\r\nTransfer-Encoding: chunked\r\n\r\n"
JSON, PROTOBUF = "application/json", "application/vnd.kubernetes.protobuf"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
BOOKMARK_SECONDS = 10.0
BATCH = 64
"""The events that are sent at once at the highest rate."""
STRIDE = 7919
"""The distance between the numbers of pods that are changed in succession: a prime, so that all pods are changed."""


class Watch:
    """A watch that has sent its initial state. Different threads send events and bookmarks."""

    def __init__(self, sock: socket.socket, version: int, *, protobuf: bool) -> None:
        self._protobuf = protobuf
        self._sock = sock
        self._version = version
        self._lock = threading.Lock()
        self.over = threading.Event()

    def send(self, events: bytes, version: int) -> None:
        """Send events, the last of which has this version."""
        with self._lock:
            self._sock.sendall(events)
            self._version = version

    def bookmark(self) -> None:
        """Send a bookmark with the version of the last event, unless the watch has ended."""
        with self._lock:
            if not self.over.is_set():
                self._sock.sendall(bookmark(self._version, protobuf=self._protobuf))

    def end(self, chunks: bytes = b"") -> None:
        """Send the last events, and end the watch."""
        with self._lock:
            self._sock.sendall(chunks + LAST_CHUNK)
            self.over.set()


class Feeder:
    """The server. Its public methods are the commands; their results are printed."""

    def __init__(self, pods: PodBytes) -> None:
        self._pods = pods
        self._head = HEAD.format(PROTOBUF if pods.protobuf else JSON).encode()
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
        """Return the requests since the last ``status``, with their times."""
        requests, self._requests = self._requests, []
        return {"requests": requests}

    def uids(self, count: int) -> dict[str, Any]:
        """Return the UIDs of the first pods."""
        return {"uids": self._pods.uids[:count]}

    def await_watch(self, beyond: int, within: float = 120.0) -> dict[str, Any]:
        """Wait until there have been more watches than ``beyond``; each follows a listing."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._watches > beyond, within)
        return {"done": done, "watches": self._watches}

    def expire(self) -> dict[str, Any]:
        """End the watch with 410, so that its client relists."""
        self._current().end(expired())
        return {"time": time.monotonic()}

    def end(self) -> dict[str, Any]:
        """End the watch regularly."""
        self._current().end()
        return {}

    def prepare(self, count: int, sample: int) -> dict[str, Any]:
        """Encode the next changes, of ``count`` pods.

        Return every ``sample``-th of them and the last: its position, the UID of its pod, and its version.
        """
        numbers = [number % len(self._pods) for number in itertools.islice(self._numbers, count)]
        versions = range(self._version + 1, self._version + 1 + count)
        self._events = [self._pods.modified(*change) for change in zip(numbers, versions, strict=True)]
        self._sampled = sorted({*range(0, count, sample), count - 1})
        return {"changes": [(at, self._pods.uids[numbers[at]], versions[at]) for at in self._sampled]}

    def send(self, rate: float = 0, start: float = 0) -> dict[str, Any]:
        """Send the prepared changes, ``rate`` a second from the time ``start``, or at the highest rate if it is 0.

        Return the times of the changes that ``prepare`` returned.
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

    def churn(self, count: int, size: int, rate: float) -> dict[str, Any]:
        """Create further pods with an annotation of ``size`` bytes, ``rate`` a second; each is deleted at once."""
        watch = self._current()
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            events = self._pods.churned(number, self._version + 1, size)
            self._version += 2
            watch.send(events, self._version)
        return {}

    def _current(self) -> Watch:
        if self._watch is None or self._watch.over.is_set():
            raise RuntimeError("there is no watch")
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
            sock.sendall(self._head)
            for part in self._pods.page(start, min(start + limit, len(self._pods)), self._version):
                sock.sendall(part)

    def _answer_watch(self, sock: socket.socket, query: dict[str, str]) -> None:
        sock.sendall(self._head)
        if query.get("sendInitialEvents") == "true":
            sock.sendall(self._pods.stream)
            sock.sendall(bookmark(self._version, ends_initial_events=True, protobuf=self._pods.protobuf))
        elif query.get("resourceVersion") != str(self._version):
            # There is no history.
            sock.sendall(expired() + LAST_CHUNK)
            return
        watch = Watch(sock, self._version, protobuf=self._pods.protobuf)
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
    """Serve the number of pods in the first argument, of the workloads and in the encoding in the others."""
    pods = PodBytes(*map(int, sys.argv[1:3]), protobuf=sys.argv[3] == PROTOBUF)
    feeder = Feeder(pods)
    description: dict[str, Any] = {
        "port": feeder.port,
        "pods": len(pods),
        "record_bytes": pods.record_bytes,
    }
    print(json.dumps(description), flush=True)
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(json.dumps(getattr(feeder, command)(**arguments)), flush=True)


if __name__ == "__main__":
    main()
