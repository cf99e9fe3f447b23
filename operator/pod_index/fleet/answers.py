"""Parse the responses of other clusters."""

from collections.abc import Sequence

import msgspec

from pod_index.clusters import Answer, Question, found
from pod_index.fleet.client import PeerError, PeerResponse

MESSAGE_LENGTH = 500
"""Longer error messages of other clusters are cut to this many characters."""


class _Error(msgspec.Struct):
    error: str


class _Result(msgspec.Struct, rename="camel"):
    """One result of a batch lookup with ``explain=true``."""

    pod: msgspec.Raw
    status: int
    """Required: without it, as in older releases, ``null`` may mean that several pods match."""
    matched_by: str = ""
    error: str = ""


class _Results(msgspec.Struct):
    results: list[_Result]


MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the decoders raise for input that is not JSON, of another type, or nested too deeply."""

_error_decoder = msgspec.json.Decoder(_Error)
_results_decoder = msgspec.json.Decoder(_Results)


def answer_of(cluster: str, response: PeerResponse, question: Question) -> Answer:
    """Return the answer in a response to one lookup; raise PeerError if it is malformed."""
    try:
        _check_text(response.body)
        if response.status == 200:
            return _found(cluster, question, response.body, response.matched_by, response.age)
        message = _error_decoder.decode(response.body).error[:MESSAGE_LENGTH]
    except MALFORMED:
        raise malformed() from None
    match response.status:
        case 400:
            return Answer(cluster, "invalid", age=response.age, message=message)
        case 409:
            return Answer(cluster, "ambiguous", age=response.age, message=message)
    if message == "not found":
        raise malformed()  # The path is unknown: this is another service, or the URL has a wrong path.
    return Answer(cluster, "miss", age=response.age)


def answers_of(cluster: str, response: PeerResponse, questions: Sequence[Question]) -> list[Answer]:
    """Return the answers in a response to a batch lookup; raise PeerError if it is malformed."""
    try:
        _check_text(response.body)
        if response.status == 400:
            message = _error_decoder.decode(response.body).error[:MESSAGE_LENGTH]
            return [Answer(cluster, "invalid", age=response.age, message=message)] * len(questions)
        if response.status != 200:
            raise malformed()
        results = _results_decoder.decode(response.body).results
        if len(results) != len(questions):
            raise malformed()
        pairs = zip(results, questions, strict=True)
        return [_answer(cluster, result, question, response.age) for result, question in pairs]
    except MALFORMED:
        raise malformed() from None


def _answer(cluster: str, result: _Result, question: Question, age: int) -> Answer:
    if bytes(result.pod) != b"null":
        return _found(cluster, question, result.pod, result.matched_by, age)
    message = result.error[:MESSAGE_LENGTH]
    match result.status:
        case 400:
            return Answer(cluster, "invalid", age=age, message=message)
        case 409:
            return Answer(cluster, "ambiguous", age=age, message=message)
        case 404:
            return Answer(cluster, "miss", age=age)
    raise malformed()


def _found(cluster: str, question: Question, record: bytes | msgspec.Raw, matched_by: str, age: int) -> Answer:
    answer = found(cluster, question.identifiers, record, matched_by, age)
    by_uid = all(identifier.kind == "uid" for identifier in question.identifiers) and matched_by != "config.hash"
    if (matched_by == "uid" or by_uid) and not answer.unique:
        raise malformed()  # The pod does not have the requested UID.
    return answer


def _check_text(body: bytes) -> None:
    """Raise UnicodeDecodeError if a body is not UTF-8. The decoders do not check the fields that they skip."""
    body.decode()


def malformed() -> PeerError:
    """Return the error for a response that is not that of a pod-index."""
    return PeerError("malformed", "its response is not that of a pod-index")
