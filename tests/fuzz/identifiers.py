"""``python -m tests.fuzz.identifiers``: fuzz the parser of identifiers.

The arguments are those of libFuzzer: https://llvm.org/docs/LibFuzzer.html#options. The corpus starts with the texts of
``tests.support.spellings``. libFuzzer writes a text that breaks a rule to a file, and prints the file's name last.
"""

import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pod_index"]):
    from pod_index.store.identifiers import (
        MAX_CANDIDATES,
        MAX_LENGTH,
        Identifier,
        IdentifierError,
        canonical_ip,
        is_short_id,
        parse,
        parse_container_id,
        parse_uid,
    )
    from pod_index.store.paths import is_name

from tests.support.spellings import NOT_IDENTIFIERS, SPELLINGS

CANONICAL = {"uid": parse_uid, "containerID": parse_container_id, "ip": canonical_ip}
UID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check(data: bytes) -> None:
    """Parse the UTF-8 text in ``data``. Raise AssertionError if the result breaks a rule."""
    text = data.decode(errors="surrogateescape")
    try:
        found = parse(text)
    except IdentifierError as error:
        _require(str(error).isprintable() and len(str(error)) <= 250, "an error message is one short line")
        return
    _require(len(text) <= MAX_LENGTH, "a text over the maximum length is an error")
    _require(0 < len(found) <= MAX_CANDIDATES, "a result is not empty, and its length is bounded")
    _require(len(set(found)) == len(found), "a result has no duplicates")
    for identifier in found:
        _check_identifier(text, identifier)
        for container in identifier.container_ids:
            _require(Identifier("containerID", container) in found, "a container of a pod is a candidate itself")


def _check_identifier(text: str, identifier: Identifier) -> None:
    kind, value, container_ids, pod_name, container_names = identifier
    # The canonical form of RFC 5952 can be longer: it does not shorten a single zero to ::.
    _require(0 < len(value) <= len(text) + (kind == "ip"), "a value is not longer than the text")
    canonical = CANONICAL.get(kind)
    _require(canonical is None or canonical(value) == value, "a value is canonical")
    _require(kind != "uid" or UID.fullmatch(value) is not None, "a UID is a UUID in lower case with dashes, or a hash")
    # A container ID of a virtual kubelet is recognised by its scheme only, and so is a short one of 32 digits.
    if kind != "containerID" or (is_short_id(value) and len(value) != 32) or re.fullmatch("[0-9a-f]{64}", value):
        _require(parse(value) == (Identifier(kind, value),), "a value is parsed to itself")
    _require(kind == "uid" or not (container_ids or pod_name), "only a UID has containers and a name")
    for container in container_ids:
        _require(parse(container) == (Identifier("containerID", container),), "a container ID is canonical")
    _require(not pod_name or is_name(pod_name), "a name is valid")
    _require(kind == "uid" or not container_names, "only a UID has names of containers")
    for name in container_names:
        _require(re.fullmatch("[a-z0-9-]{1,63}", name) is not None, "the name of a container is a label")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionError(rule)


def main(arguments: Sequence[str]) -> int:
    """Fuzz until a rule is broken or an option in ``arguments`` stops it. Return the exit code of libFuzzer."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, text in enumerate([spelling.text for spelling in SPELLINGS] + list(NOT_IDENTIFIERS)):
            (Path(corpus) / f"{number:03}").write_bytes(text.encode(errors="surrogateescape"))
        # libFuzzer ends its process without cleanup, so the parent process removes the corpus.
        fuzzer = os.fork()
        if fuzzer == 0:
            atheris.Setup([sys.argv[0], f"-max_len={MAX_LENGTH + 1}", *arguments, corpus], check)
            atheris.Fuzz()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # The child handles Ctrl-C.
        return os.waitstatus_to_exitcode(os.waitpid(fuzzer, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
