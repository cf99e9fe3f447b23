"""The baseline of a sync: a process that requests the pods as the operator does, and keeps nothing.

- ``null`` reads the bytes from a socket and discards them: the cost of the API server alone;
- ``aiohttp`` reads them with aiohttp on uvloop and decodes them with msgspec, as the operator does with JSON.

It prints a line of JSON: when the listing ended (``time.monotonic()``), its number of pods, and the CPU time until
then. With ``--follow``, the watch of a streaming list continues until the server ends it, and a second line has the
times when changes were decoded.
"""

import argparse
import json
import re
import resource
import socket
import time
import urllib.parse

from pod_index.informer.json_wire import Added, Bookmark, Deleted, Modified, decode_events, decode_list, read_frames

FIRST_PAGE_SIZE, PAGE_SIZE = 50, 500
"""The sizes of the operator's pages, for pods of 10 KB."""

STREAMING = (
    "/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=600"
    "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
)
END_MARK = b'"k8s.io/initial-events-end":"true"'
READ_BYTES = 1024 * 1024


def page_path(token: str | None) -> str:
    """Return the path of a page of a list."""
    return (
        f"/api/v1/pods?limit={PAGE_SIZE}&continue={urllib.parse.quote(token)}"
        if token
        else f"/api/v1/pods?limit={FIRST_PAGE_SIZE}"
    )


class Tally:
    """The pods and changes that a reader has seen."""

    def __init__(self) -> None:
        self.pods = 0
        self.listed = False
        self.changes: list[tuple[int, float]] = []

    def lines(self, lines: memoryview) -> None:
        """Decode lines of a watch."""
        for event in decode_events(lines):
            if isinstance(event, Added):
                self.pods += 1
            elif isinstance(event, Bookmark):
                if event.ends_initial_events:
                    self.end_listing()
            elif self.listed and isinstance(event, Modified | Deleted):
                self.changes.append((event.object.metadata.resource_version, time.monotonic()))

    def page(self, body: bytearray) -> str | None:
        """Decode a page of a list; return the token of the next one."""
        page = decode_list(body)
        self.pods += len(page.items or [])
        return page.metadata.continue_token

    def end_listing(self) -> None:
        """Print the end of the listing."""
        self.listed = True
        ended = time.monotonic()
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        print_line({"ended": ended, "pods": self.pods, "cpu": cpu})


def print_line(content: dict[str, object]) -> None:
    """Print a line of JSON."""
    print(json.dumps(content), flush=True)


def connect(port: int) -> socket.socket:
    """Connect to the API server."""
    return socket.create_connection(("127.0.0.1", port))


def ask(sock: socket.socket, path: str) -> bytes:
    """Send a request; return the part of the body that was received with the head."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += read(sock)
    return received.partition(b"\r\n\r\n")[2]


def read(sock: socket.socket) -> bytes:
    """Read the available bytes."""
    data = sock.recv(READ_BYTES)
    if not data:
        raise ConnectionError("the API server has closed the connection")
    return data


def read_nothing(port: int, streaming: bool) -> None:
    """Read the bytes, and only look for their end."""
    sock, tally = connect(port), Tally()
    if streaming:
        tail = ask(sock, STREAMING)
        while END_MARK not in tail:
            tail = tail[-len(END_MARK) :] + read(sock)[-1024:]
    else:
        token: str | None = ""
        while token is not None:
            data = ask(sock, page_path(token))
            while len(data) < 1024 and not data.endswith(b"0\r\n\r\n"):
                data += read(sock)
            found = re.search(rb'"continue":"([^"]+)"', data[:1024])
            token = found[1].decode() if found else None
            while not data.endswith(b"0\r\n\r\n"):
                data = data[-8:] + read(sock)
    tally.end_listing()


async def read_aiohttp(port: int, streaming: bool, follow: bool) -> None:
    """Read with aiohttp and decode."""
    # Imported here, since the other reader does not need it.
    import aiohttp

    server, headers = f"http://127.0.0.1:{port}", {"Accept": "application/json", "Accept-Encoding": "identity"}
    timeout = aiohttp.ClientTimeout(total=None)
    tally = Tally()
    async with aiohttp.ClientSession(server, headers=headers, timeout=timeout) as session:
        if streaming:
            async with session.get(STREAMING) as response:
                async for lines in read_frames(response.content):
                    tally.lines(lines)
                    if tally.listed and not follow:
                        return
            print_line({"changes": tally.changes})
            return
        token: str | None = ""
        while token is not None:
            async with session.get(page_path(token)) as response:
                body = bytearray()
                async for part in response.content.iter_any():
                    body += part
                token = tally.page(body)
        tally.end_listing()


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["null", "aiohttp"])
    parser.add_argument("port", type=int)
    parser.add_argument("--chunked", action="store_true")
    parser.add_argument("--follow", action="store_true")
    options = parser.parse_args()
    match options.kind:
        case "null":
            read_nothing(options.port, not options.chunked)
        case _:
            import uvloop

            uvloop.run(read_aiohttp(options.port, not options.chunked, options.follow))


if __name__ == "__main__":
    main()
