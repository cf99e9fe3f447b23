"""The baseline of a lookup: a constant response by the HTTP server and the event loop of the operator.

The arguments are the status and the body. A line of JSON on stdout has the port. The program ends when stdin ends.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import uvicorn
import uvloop


def constant(status: int, body: bytes) -> Any:
    """Return an ASGI application with a constant response, with the headers of a lookup."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    end = {"type": "http.response.body", "body": body}

    async def application(scope: object, receive: object, send: Any) -> None:
        await send(start)
        await send(end)

    return application


async def serve(status: int, body: bytes) -> None:
    """Serve until stdin ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            constant(status, body),
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await serving


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2].encode()))
