"""Many concurrent hostile clients, each of which reconnects when it is disconnected."""

import asyncio
import ipaddress
import resource
import socket
import ssl
import time
from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Self

from tests.hostile.kinds import KINDS, Kind
from tests.hostile.line import Line, deserted_ports
from tests.hostile.steps import Action, Requests
from tests.hostile.tally import Summary, Tally

MOST_CONNECTIONS = 5_000
MOST_SECONDS = 600.0
RAMP_SECONDS = 2.0
"""The time in which all clients connect, if their rates allow it."""
PAUSE_SECONDS = 0.5, 1.5
"""The shortest and the longest pause before a client reconnects."""
CONNECT_SECONDS = 10.0
LINGER_SECONDS = 2.0
"""How long a client that was rejected waits for the end of its connection."""
LOOK_SECONDS = 2.0
"""How often clients that do not read check whether their connection is still open."""
SPARE_FILES = 100


class Crowd:
    """Hostile clients, ``counts`` of each kind, for at most ``seconds``. A context manager.

    Raises ValueError if ``host`` is not a loopback address. ``tls``: the server uses TLS.
    """

    def __init__(
        self,
        port: int,
        counts: Mapping[str, int],
        *,
        host: str = "127.0.0.1",
        seconds: float = 60.0,
        requests: Requests | None = None,
        tls: bool = False,
        seed: int = 1,
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is not this machine")
        if unknown := counts.keys() - KINDS.keys():
            raise ValueError(f"there is no kind {min(unknown)!r} of hostile clients")
        if sum(counts.values()) > MOST_CONNECTIONS or seconds > MOST_SECONDS:
            raise ValueError(f"more than {MOST_CONNECTIONS} connections or {MOST_SECONDS:.0f} s are too many")
        self._address = host, port
        self._counts = counts
        self._seconds = seconds
        self._requests = requests or Requests.of()
        self._tls = trusting() if tls else None
        self._random = Random(seed)
        self._tallies = {name: Tally() for name in counts}
        self._paces = {name: _Pace(KINDS[name].rate) for name in counts}
        self._to_come = sum(counts.values())
        self._complete = asyncio.Event()
        self._unread: set[Line] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether all clients have stopped."""
        return self._task is not None and self._task.done()

    @property
    def open(self) -> int:
        """The number of open connections."""
        return sum(tally.open for tally in self._tallies.values())

    async def wait_until_complete(self) -> None:
        """Wait until all clients have connected once, or have stopped."""
        await self._complete.wait()

    def summary(self) -> dict[str, Summary]:
        """Return the outcomes so far, by kind."""
        return {name: tally.summary() for name, tally in self._tallies.items()}

    async def __aenter__(self) -> Self:
        _allow_files(sum(self._counts.values()) + SPARE_FILES)
        self._task = asyncio.create_task(self._run(), name="hostile clients")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if kind is None and not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        clients = [
            asyncio.create_task(self._client(name)) for name, count in self._counts.items() for _ in range(count)
        ]
        clients.append(asyncio.create_task(self._look()))
        try:
            await asyncio.wait(clients, timeout=self._seconds, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._complete.set()
            failed = [client for client in clients if client.done()]
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
        for client in failed:
            client.result()

    async def _look(self) -> None:
        """Let the clients that do not read notice the end of their connection."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._unread:
                deserted = deserted_ports(self._address[1])
                for line in list(self._unread):
                    line.look(deserted)

    async def _client(self, name: str) -> None:
        """Connect, and reconnect, until cancelled."""
        await asyncio.sleep(self._random.uniform(0, RAMP_SECONDS))
        line = await self._arrive(name)
        self._to_come -= 1
        if not self._to_come:
            self._complete.set()
        while True:
            if line is not None:
                await self._visit(name, line)
            await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
            line = await self._arrive(name)

    async def _arrive(self, name: str) -> Line | None:
        """Connect at the rate of the kind; return None if that fails."""
        kind, tally = KINDS[name], self._tallies[name]
        # Wait before connecting: while it waits, a connected client would be a silent one.
        await asyncio.sleep(self._paces[name].wait_for(kind.burst))
        try:
            line = await self._connect(kind)
        except OSError:
            tally.not_connected()
            return None
        tally.begin()
        return line

    async def _visit(self, name: str, line: Line) -> None:
        """Behave as the kind does until disconnected, and count the outcome."""
        begin = time.monotonic()
        if not KINDS[name].reads:
            self._unread.add(line)
        try:
            await self._misbehave(name, line)
            lasted = time.monotonic() - begin
            left_open = line.status is not None and not await line.is_lost(LINGER_SECONDS)
        finally:
            self._unread.discard(line)
            await line.close()
        outcome = line.status or line.lost.result()
        self._tallies[name].end(f"{outcome}, left open" if left_open else outcome, line.error, lasted)

    async def _misbehave(self, name: str, line: Line) -> None:
        kind, pace = KINDS[name], self._paces[name]
        allowed = kind.burst
        for step in kind.steps(self._requests, self._random):
            if isinstance(step, float):
                over = await line.is_over(step)
            elif isinstance(step, Action):
                line.act(step)
                over = False
            else:
                pause = pace.wait_for(max(0, len(step) - allowed))
                allowed = max(0, allowed - len(step))
                over = pause > 0 and await line.is_over(pause)
                if not over:
                    await line.send(step)
            if over:
                return
        await line.is_over(None)

    async def _connect(self, kind: Kind) -> Line:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET)
        try:
            sock.settimeout(0)
            if not kind.reads:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            tls = self._tls if kind.speaks_tls else None
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(sock, self._address)
                _, line = await loop.create_connection(
                    lambda: Line(persists=kind.persists),
                    sock=sock,
                    ssl=tls,
                    server_hostname="localhost" if tls else None,
                )
        except BaseException:
            sock.close()
            raise
        if not kind.reads:
            line.stop_reading()
        return line


class _Pace:
    """Limits the rate at which all clients of a kind send."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free_at = 0.0

    def wait_for(self, sent: int) -> float:
        """Reserve the next ``sent`` bytes; return the seconds to wait before sending them."""
        now = time.monotonic()
        turn = max(self._free_at, now)
        self._free_at = turn + sent / self._rate
        return turn - now if sent else 0.0


def trusting() -> ssl.SSLContext:
    """Return a TLS context that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _allow_files(count: int) -> None:
    """Raise the limit of open files to ``count``, or as far as permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
