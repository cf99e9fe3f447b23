"""The least that a lookup could cost: one constant answer, by the operator's own HTTP server and event loop.

The arguments are the status and the body. A line of JSON tells the port; it ends with its stdin.
"""

import asyncio
import json
import sys
from typing import Any

import uvloop

from pod_index.server import Server
from tests.operator_process import free_port


def constant(status: int, body: bytes) -> Any:
    """An ASGI application that always answers this, with the headers of a lookup."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    end = {"type": "http.response.body", "body": body}

    async def application(scope: object, receive: object, send: Any) -> None:
        await send(start)
        await send(end)

    return application


async def serve(status: int, body: bytes) -> None:
    """Serve until stdin ends."""
    port = free_port()
    server = Server(constant(status, body), port, on_death=sys.exit)
    await server.start()
    print(json.dumps({"port": port}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2].encode()))
