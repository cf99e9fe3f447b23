"""The baselines of a sync with a real API server: a process that logs in as the operator does, and keeps no pod.

- ``raw`` reads the bytes, and only looks for their end;
- ``decode`` decodes them with the operator's own code. With ``--follow`` it goes on, until the server ends the watch.

It prints a line of JSON: when the listing ended (``time.monotonic()``), its number of pods and bytes, and the CPU time
until then.
"""

import argparse
import contextlib
import json
import resource
import time
from collections.abc import AsyncGenerator

import uvloop

from pod_index.informer import json_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.listings import Chunk, list_in_pages, list_streaming, list_whole
from pod_index.informer.listwatch import ListWatch
from pod_index.informer.login import CredentialsLoader
from pod_index.informer.wire import ACCEPT

SECONDS = 600.0
END_MARK = b"k8s.io/initial-events-end"
QUERIES = {
    "streaming": {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "600",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
    },
    "whole": {"resourceVersion": "0"},
}


async def read_raw(client: ApiClient, mode: str, accept: str) -> tuple[int, int]:
    """Read the bytes; return the numbers of pods, which is unknown, and of bytes."""
    size, end = 0, b""
    async with client.get("/api/v1/pods", QUERIES[mode], idle_seconds=SECONDS, accept=accept) as response:
        async for part in response.content.iter_any():
            size += len(part)
            if mode == "streaming" and END_MARK in end + part:
                break
            end = part[-len(END_MARK) :]
    return 0, size


async def decode(client: ApiClient, mode: str, *, follow: bool) -> tuple[int, int]:
    """Decode the pods; return their number and that of bytes, which is unknown. Or follow the watch, to its end."""
    pods, api = 0, ListWatch(client, "", idle_seconds=SECONDS)
    parts: AsyncGenerator[object]
    if mode == "streaming":
        parts = list_streaming(api, SECONDS)
    elif mode == "whole":
        parts = list_whole(api, await api.current_version(), SECONDS, from_cache=True)
    else:
        parts = list_in_pages(api)
    async with contextlib.aclosing(parts):
        async for part in parts:
            if isinstance(part, Chunk):
                pods += part.added
                if part.complete and not follow:
                    break
    return pods, 0


async def main() -> None:
    """Read once, as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["raw", "decode"])
    parser.add_argument("mode", choices=["streaming", "whole", "chunked"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--follow", action="store_true")
    options = parser.parse_args()
    client = ApiClient(CredentialsLoader(timeout_seconds=60).load, user_agent="benchmark")
    await client.login()
    if options.kind == "raw":
        accept = json_wire.MEDIA_TYPE if options.json else ACCEPT
        pods, size = await read_raw(client, options.mode, accept)
    else:
        pods, size = await decode(client, options.mode, follow=options.follow)
    ended, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    await client.close()
    print(json.dumps({"ended": ended, "pods": pods, "bytes": size, "cpu": used.ru_utime + used.ru_stime}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
