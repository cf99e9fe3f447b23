"""A second file for ``kopf run``: causes failures inside the operator that no API server can cause."""

import asyncio
import logging
import os
import warnings
from typing import Any

import kopf

from pod_index.server.server import Server
from pod_index.store.deltas import Delta


def _fail_after(start: Any) -> Any:
    async def start_and_fail(server: Server) -> None:
        await start(server)
        raise RuntimeError("sabotage")

    return start_and_fail


match os.environ["SABOTAGE"]:  # what has to happen before the start
    case "warning":
        warnings.warn("sabotage before the start", stacklevel=1)
    case "start":
        Server.start = _fail_after(Server.start)  # type: ignore[method-assign]


@kopf.on.startup(id="sabotage")
async def sabotage(memo: kopf.Memo, **_: Any) -> None:
    """Act on SABOTAGE: fail once on a pod named "sabotaged", end the HTTP server, or log warnings."""
    match os.environ["SABOTAGE"]:
        case "index":
            memo.service.index.update = _fail_once(memo.service.index.update)
        case "server":
            asyncio.get_running_loop().call_later(0.5, _end, memo.service.server)
        case "warning":
            warnings.warn("sabotage", stacklevel=1)
            logging.getLogger("aiohttp.client").warning("sabotage of aiohttp")
            logging.getLogger("uvicorn.error").error("sabotage of uvicorn")


def _fail_once(update: Any) -> Any:
    failed = False

    def update_or_fail(delta: Delta) -> None:
        nonlocal failed
        if delta.pod.metadata.name == "sabotaged" and not failed:
            failed = True
            raise RuntimeError("sabotage")
        update(delta)

    return update_or_fail


def _end(server: Any) -> None:
    server._server.should_exit = True  # as if uvicorn ended by itself
