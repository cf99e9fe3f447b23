"""Lookups in this cluster and in others."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import aiohttp

from pod_index.clusters import Answer, AnswerMemory, AskOwn, MemoryShare, Question, UnknownCluster, Verdict
from pod_index.environ import SettingsError
from pod_index.fleet.answers import answer_of
from pod_index.fleet.batches import Batch
from pod_index.fleet.client import PeerClient, PeerError, PeerRequest
from pod_index.fleet.connections import new_session
from pod_index.fleet.merging import merge
from pod_index.fleet.peers import Peer, PeersFile
from pod_index.peering import PENDING_MAX
from pod_index.settings import Settings
from pod_index.stats import Stats

POD_PATH = "/api/v1/pod"

CHECK_SECONDS = 2.0
"""Seconds between two reads of the files."""

ANSWERS_MAX_BYTES = 16 * 1024 * 1024
"""The maximum memory of all answers of other clusters. Each is held until the client has read the response."""

POD_MAX_BYTES = 10 * 1024 * 1024
"""The longest answer to one lookup. An object in etcd has up to 1.5 MB, and with the escapes of JSON six times that."""

MERGE_STEP = 50
"""How many results of a batch are merged before other tasks run."""

logger = logging.getLogger("pod_index.fleet")

T = TypeVar("T")


class Fleet:
    """The pod-indexes of all clusters.

    The constructor reads PEERS_FILE. It raises SettingsError if the file is invalid, or if it has credentials although
    this service authenticates no clients: they could all read the pods of these peers. On a loopback address, a proxy
    in the same pod may authenticate them.
    """

    def __init__(self, settings: Settings, stats: Stats) -> None:
        self.own = settings.cluster_name
        self.memory = AnswerMemory(ANSWERS_MAX_BYTES)
        self._settings = settings
        self._stats = stats
        self._file = PeersFile(settings.peers_file, self.own) if settings.peers_file else None
        self._peers = self._load()
        self._problem = ""
        """The error of the last reload; empty if it succeeded."""
        self._session: aiohttp.ClientSession | None = None
        self._clients: dict[str, PeerClient] = {}
        self._requests: set[asyncio.Task[Any]] = set()

    @classmethod
    def from_settings(cls, settings: Settings, stats: Stats) -> "Fleet | None":
        """Return the fleet, or None if no cluster has a name; raise SettingsError."""
        return cls(settings, stats) if settings.cluster_name else None

    @property
    def has_peers_file(self) -> bool:
        """Whether PEERS_FILE is set."""
        return self._file is not None

    def start(self) -> None:
        """Make the HTTP client; needs the event loop."""
        self._session = new_session()
        self._use(self._peers)

    async def close(self) -> None:
        """Cancel all requests, and close all connections."""
        for task in self._requests:
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def watch(self) -> None:
        """Reload the files whenever they change."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.check()

    def check(self) -> None:
        """Reload the files if they have changed; keep the previous peers if they are invalid."""
        try:
            if self._file is None or not (self._file.changed() or self._problem):
                return
            peers = self._load()
        except SettingsError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                logger.warning("%s; the previous peers stay in use", error)
            return
        self._problem = ""
        self._use(peers)
        logger.info("PEERS_FILE reloaded; clusters: %s", ", ".join(self.select([])))

    def _load(self) -> tuple[Peer, ...]:
        if self._file is None:
            return ()
        peers = self._file.load()
        with_credentials = [peer.name for peer in peers if peer.authorization]
        settings = self._settings
        if with_credentials and not (
            settings.basic_auth_username or settings.auth_token_file or settings.listens_on_loopback
        ):
            raise SettingsError(
                f"PEERS_FILE has credentials for cluster {with_credentials[0]}, so requests need authentication here,"
                " too: set AUTH_TOKEN_FILE, or BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD"
            )
        return peers

    def _use(self, peers: Sequence[Peer]) -> None:
        """Replace the peers. Unchanged ones keep their clients, and open requests continue."""
        if self._session is None:
            raise RuntimeError("needs start()")
        previous, self._clients = self._clients, {}
        for peer in peers:
            client = previous.get(peer.name)
            if client is None or client.peer != peer:
                client = PeerClient(peer, self._session, self._settings, self._stats)
                self._stats.add_peer(peer.name)
            client.pending_max = PENDING_MAX // len(peers)
            self._clients[peer.name] = client
        for name, client in previous.items():
            client.retired = self._clients.get(name) is not client
            if name not in self._clients:
                self._stats.peers_up.pop(name, None)

    def select(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the named clusters, or all without a name; raise UnknownCluster."""
        known = (self.own, *self._clients)
        for name in names:
            if name not in known:
                raise UnknownCluster(f"cluster {name!r:.80} is unknown: give one of {', '.join(known)}")
        return tuple(dict.fromkeys(names)) or known

    async def look_up(
        self, question: Question, clusters: Sequence[str], ask_own: AskOwn, share: MemoryShare
    ) -> Verdict:
        """Look up a pod, in this cluster first. The verdict comes as soon as no further answer can change it.

        With a wait, the pod may appear in any cluster. When one of them reports it, all are asked again.
        """
        started = time.monotonic()
        verdict = await self._ask_all(question, clusters, ask_own, share)
        rest = started + question.wait_seconds - time.monotonic()
        if question.wait_seconds and verdict.status in (404, 409, 503) and not verdict.found and rest > 0:
            news = await self._wait(question, clusters, ask_own, share, rest)
            if news is not None and news.is_certain:
                return merge([news], question.subject)
            if news is not None:
                return await self._ask_all(question, clusters, ask_own, share)
        return verdict

    async def _ask_all(
        self, question: Question, clusters: Sequence[str], ask_own: AskOwn, share: MemoryShare
    ) -> Verdict:
        answers = [await ask_own(0.0)] if self.own in clusters else []
        if not any(answer.is_certain for answer in answers):
            pending = {self._start(self._ask(name, question, share)) for name in clusters if name != self.own}
            # The other requests continue: cancelling one would close its connection.
            while pending and not any(answer.is_certain for answer in answers):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                answers += [task.result() for task in done]
        return merge(answers, question.subject)

    async def _wait(
        self, question: Question, clusters: Sequence[str], ask_own: AskOwn, share: MemoryShare, seconds: float
    ) -> Answer | None:
        """Wait for the pod in all clusters. Return the first answer that is not a miss, or None after ``seconds``."""
        tasks = [self._start(self._ask(name, question, share, seconds)) for name in clusters if name != self.own]
        if self.own in clusters:
            tasks.append(self._start(ask_own(seconds)))
        try:
            for task in asyncio.as_completed(tasks):
                answer = await task
                if answer.outcome not in ("miss", "silent"):
                    return answer
        finally:
            for task in tasks:
                task.cancel()
        return None

    async def _ask(self, name: str, question: Question, share: MemoryShare, wait_seconds: float = 0.0) -> Answer:
        """Ask one other cluster."""
        wait = b"&wait=%dms" % (wait_seconds * 1000) if wait_seconds else b""
        part = self.memory.share()
        request = PeerRequest(
            POD_PATH,
            question.query + wait,
            part,
            self._settings.peer_timeout_seconds + wait_seconds,
            POD_MAX_BYTES,
            waits=bool(wait),
        )
        try:
            return await self._client(name).request(request, lambda response: answer_of(name, response, question))
        except PeerError:
            part.release()
            return Answer(name, "silent")
        finally:
            share.adopt(part)

    async def look_up_many(
        self,
        questions: Sequence[Question],
        query: bytes,
        clusters: Sequence[str],
        own: Sequence[Answer | None],
        share: MemoryShare,
        *,
        asks_others: bool = True,
    ) -> list[Verdict]:
        """Look up many pods: those that are not certain here, with one request to each other cluster."""
        answers = [[answer] if answer is not None else [] for answer in own]
        asked = [
            number
            for number, answer in enumerate(own)
            if answer is None or not (answer.is_certain or answer.outcome == "invalid")
        ]
        others = [name for name in clusters if name != self.own and asked]
        batch = Batch([questions[number] for number in asked], query, self.memory, share)
        tasks = [self._start(self._ask_many(name, batch, asks_others=asks_others)) for name in others]
        try:
            for task in asyncio.as_completed(tasks):
                for number, answer in zip(asked, await task, strict=True):
                    answers[number].append(answer)
        finally:
            for task in tasks:
                task.cancel()
        verdicts = []
        for number, question in enumerate(questions):
            verdicts.append(merge(answers[number], question.subject))
            if number % MERGE_STEP == 0:
                await asyncio.sleep(0)
        return verdicts

    async def _ask_many(self, name: str, batch: Batch, *, asks_others: bool) -> list[Answer]:
        """Ask one other cluster, unless there are too many batch lookups."""
        if not asks_others:
            self._stats.peer_requests[name, "busy"] += 1
            return batch.silent(name)
        try:
            return await batch.ask(self._client(name), self._settings.peer_timeout_seconds)
        except PeerError:
            return batch.silent(name)

    def _client(self, name: str) -> PeerClient:
        """Return the client of a peer; raise PeerError if a reload has just removed it."""
        if name not in self._clients:
            raise PeerError("skipped", "a reload has removed it")
        return self._clients[name]

    def _start(self, request: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a request as a task. ``close`` cancels it."""
        task = asyncio.get_running_loop().create_task(request)
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
        return task
