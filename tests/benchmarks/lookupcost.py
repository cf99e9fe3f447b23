"""Measure the cost of a lookup in the application alone, with and without counting and authentication.

The argument is the number of pods. The first line of JSON on stdout has the port at which the application is served
too, and the UIDs. Commands on stdin: ``["measure", {"seconds": ...}]`` prints the CPU time of a lookup by variant,
``["cpu", {}]`` that of the process. The program ends when stdin ends.
"""

import asyncio
import base64
import itertools
import json
import operator
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop
from starlette.types import ASGIApp, Message, Scope, Send

from pod_index.api.app import create_app
from pod_index.api.authentication import Authenticator
from pod_index.api.endpoints import POD_PATH, PodEndpoint
from pod_index.api.responses import respond
from pod_index.informer.json_wire import decode_list
from pod_index.pods import Pod
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.index import PodIndex
from tests.apiserver import realistic_pod
from tests.support.operator_process import free_port
from tests.support.served import listing, replace_page

UNCOUNTED, COUNTED, LOGIN, TOKEN = VARIANTS = ("uncounted", "counted", "login", "token")
"""``counted`` is the default application; ``login`` and ``token`` add authentication."""

ROUND = 500
"""The number of lookups of a variant in a round: about 2 ms."""

NAME, PASSWORD, SECRET = "ann", "correct horse battery staple", "0123456789abcdef" * 4

_MATCHED_BY_UID = (b"matched-by", b"uid")

Variant = tuple[ASGIApp, Sequence[Scope]]


class Uncounted(PodEndpoint):
    """Answers plain lookups without counting them."""

    async def answer_plain(self, scope: Scope, send: Send) -> bool:
        """Do the same as PodEndpoint, without the lines that count."""
        query: bytes = scope["query_string"]
        if query.startswith(b"uid=") and query.isascii():
            record = self._index.lookup(query[4:].decode())
            if record is not None:
                await respond(send, 200, record, (b"age", b"%d" % self._age()), _MATCHED_BY_UID)
                return True
        return False


def variants(index: PodIndex, uids: Sequence[str], token_file: Path, stats: Stats) -> dict[str, Variant]:
    """The applications and their lookups, all of which are hits."""
    token_file.write_text(f"{SECRET}\n")
    login = Settings(basic_auth_username=NAME, basic_auth_password=PASSWORD)
    token = Settings(auth_token_file=str(token_file))
    basic = b"Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode())
    return {
        UNCOUNTED: (_uncounted(index), _scopes(uids)),
        COUNTED: (_application(index, stats, Settings()), _scopes(uids)),
        LOGIN: (_application(index, stats, login), _scopes(uids, basic)),
        TOKEN: (_application(index, stats, token), _scopes(uids, f"Bearer {SECRET}".encode())),
    }


async def measure(subjects: Mapping[str, Variant], seconds: float) -> dict[str, float]:
    """Call the applications in turns for ``seconds``; return the CPU time of a lookup by variant, in seconds.

    It is the median of the counted variant, and for the others that plus the median difference within a round: if the
    machine is slow for a while, it is slow for the whole round.
    """
    deadline = time.monotonic() + seconds
    rounds: dict[str, list[float]] = {name: [] for name in subjects}
    lookups = {name: itertools.cycle(scopes) for name, (_, scopes) in subjects.items()}
    while not rounds[COUNTED] or time.monotonic() < deadline:
        for name, (application, _) in subjects.items():
            chosen = list(itertools.islice(lookups[name], ROUND))
            started = time.process_time()
            for scope in chosen:
                await application(scope, _receive, _send)
            rounds[name].append((time.process_time() - started) / ROUND)
    counted = rounds[COUNTED]
    return {
        name: statistics.median(counted) + statistics.median(map(operator.sub, durations, counted))
        for name, durations in rounds.items()
    }


async def serve(pods: int) -> None:
    """Serve and measure until stdin ends."""
    index = PodIndex()
    made = [_pod(number) for number in range(pods)]
    replace_page(index, listing(*made))
    uids = [pod.metadata.uid for pod in made]
    with tempfile.TemporaryDirectory() as folder:
        subjects = variants(index, uids, Path(folder) / "tokens", Stats())
        port = free_port()
        application, _ = subjects[COUNTED]
        server = Server(application, Settings(port=port), on_failure=sys.exit)
        await server.start()
        print(json.dumps({"port": port, "uids": uids}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            match json.loads(line):
                case "measure", {"seconds": seconds}:
                    print(json.dumps(await measure(subjects, seconds)), flush=True)
                case "cpu", {}:
                    print(json.dumps({"cpu": time.process_time()}), flush=True)
        await server.stop()


def _application(index: PodIndex, stats: Stats, settings: Settings) -> ASGIApp:
    return create_app(index, _age, settings, stats=stats, authenticator=Authenticator.from_settings(settings))


def _uncounted(index: PodIndex) -> ASGIApp:
    application = create_app(index, _age)
    (middleware,) = (found for found in application.user_middleware if "lookup" in found.kwargs)
    middleware.kwargs["lookup"] = Uncounted(application.state.context)
    return application


def _scopes(uids: Sequence[str], authorization: bytes | None = None) -> list[Scope]:
    headers = [(b"host", b"localhost:8080"), (b"user-agent", b"curl/8.14.1"), (b"accept", b"*/*")]
    if authorization is not None:
        headers.append((b"authorization", authorization))
    scope = {"type": "http", "method": "GET", "path": POD_PATH, "root_path": "", "headers": headers}
    return [{**scope, "query_string": b"uid=%b" % uid.encode()} for uid in uids]


def _pod(number: int) -> Pod:
    made = realistic_pod(number)
    made["metadata"]["resourceVersion"] = "1"
    page = {"metadata": {"resourceVersion": "1"}, "items": [made]}
    (pod,) = decode_list(json.dumps(page).encode()).items or []
    return pod


def _age() -> float | None:
    return 0.0


async def _receive() -> Message:
    raise AssertionError("a lookup does not read the body")


async def _send(message: Message) -> None:
    pass


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
