"""A second file for ``kopf run``, which breaks from inside what no API server can break from outside."""

import asyncio
import logging
import os
import warnings
from typing import Any

import kopf

from pod_index.store.deltas import Delta

if os.environ["SABOTAGE"] == "warning":
    warnings.warn("sabotage before the start", stacklevel=1)


@kopf.on.startup(id="sabotage")
async def sabotage(memo: kopf.Memo, **_: Any) -> None:
    """Do what SABOTAGE says: fail once on a pod named "sabotaged", end the HTTP server, or warn."""
    match os.environ["SABOTAGE"]:
        case "index":
            memo.index.update = _fail_once(memo.index.update)
        case "server":
            asyncio.get_running_loop().call_later(0.5, _end, memo.server)
        case "warning":
            warnings.warn("sabotage", stacklevel=1)
            logging.getLogger("aiohttp.client").warning("sabotage of aiohttp")
            logging.getLogger("uvicorn.error").error("sabotage of uvicorn")


def _fail_once(apply: Any) -> Any:
    failed = False

    def apply_or_fail(change: Delta) -> None:
        nonlocal failed
        if change.pod.metadata.name == "sabotaged" and not failed:
            failed = True
            raise RuntimeError("sabotage")
        apply(change)

    return apply_or_fail


def _end(server: Any) -> None:
    server._server.should_exit = True  # as if uvicorn had ended by itself
