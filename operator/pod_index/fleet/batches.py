"""Batch lookups in other clusters."""

import time
from collections.abc import Sequence

import msgspec

from pod_index.clusters import Answer, AnswerMemory, MemoryShare, Question
from pod_index.fleet.answers import answers_of
from pod_index.fleet.client import PeerClient, PeerError, PeerRequest, TooLarge

BATCH_PATH = "/api/v1/pods/lookup"

BATCH_MAX_BYTES = 8 * 1024 * 1024
"""The longest answer to a batch lookup; a longer one is requested in two parts. 1,000 pods with details have 5 MB."""

BATCH_BODY_BYTES = 200 * 1024
"""Batches with longer bodies are sent in parts: MAX_BODY_BYTES of another cluster is 256 KiB by default."""


class Batch:
    """A batch lookup that all other clusters get."""

    def __init__(self, questions: Sequence[Question], query: bytes, memory: AnswerMemory, share: MemoryShare) -> None:
        self._questions = questions
        self._query = query
        self._memory = memory
        self._share = share
        self._bodies: dict[tuple[int, int], bytes] = {}
        """The request bodies of its parts, by position and size."""

    def silent(self, name: str) -> list[Answer]:
        """Return the answers of a cluster that is not asked."""
        return [Answer(name, "silent")] * len(self._questions)

    async def ask(self, client: PeerClient, seconds: float) -> list[Answer]:
        """Ask one other cluster, in parts if need be, within this time."""
        name = client.peer.name
        deadline = time.monotonic() + seconds
        answers: list[Answer] = []
        parts = [self._questions]
        while parts:
            part = parts.pop()
            try:
                body = self._body(part, len(answers))
                answers += await self._ask_part(client, part, body, deadline - time.monotonic())
            except TooLarge:
                if len(part) > 1:
                    parts += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    answers.append(Answer(name, "silent"))
            except PeerError:
                answers += [Answer(name, "silent")] * len(part)
        return answers

    def _body(self, part: Sequence[Question], position: int) -> bytes:
        """Return the request body of a part; raise TooLarge."""
        if len(part) > 1 and sum(len(question.query) for question in part) > BATCH_BODY_BYTES:
            raise TooLarge("rejected", "the request is too large")
        key = position, len(part)
        if key not in self._bodies:
            self._bodies[key] = msgspec.json.encode({"ids": [question.query.decode() for question in part]})
        return self._bodies[key]

    async def _ask_part(
        self, client: PeerClient, part: Sequence[Question], body: bytes, seconds: float
    ) -> list[Answer]:
        held = self._memory.share()
        request = PeerRequest(BATCH_PATH, self._query, held, seconds, BATCH_MAX_BYTES, body)
        try:
            return await client.request(request, lambda response: answers_of(client.peer.name, response, part))
        except BaseException:
            held.release()
            raise
        finally:
            self._share.adopt(held)
