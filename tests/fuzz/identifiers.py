"""``python -m tests.fuzz.identifiers``: feed texts to the parser of identifiers that lead it to all its ends.

The arguments are libFuzzer's: https://llvm.org/docs/LibFuzzer.html#options. The real spellings are where it begins, and
a text that breaks a rule is left in a file whose name is printed last.
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
        MAX_LENGTH,
        Identifier,
        IdentifierError,
        canonical_ip,
        parse,
        parse_container_id,
        parse_uid,
    )

from tests.support.spellings import NO_PODS, REAL

CANONICAL = {"uid": parse_uid, "containerID": parse_container_id, "ip": canonical_ip}
UID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check(data: bytes) -> None:
    """Parse the text that ``data`` is in UTF-8; raise whatever the parser should not, or AssertionError."""
    text = data.decode(errors="surrogateescape")
    try:
        found = parse(text)
    except IdentifierError as error:
        _require(str(error).isprintable() and len(str(error)) <= 250, "an error is one short line")
        return
    _require(len(text) <= MAX_LENGTH, "a text is at most as long as is said")
    _require(len(found) > 0, "a result is never empty")
    _require(len(set(found)) == len(found), "no identifier is there twice")
    for identifier in found:
        _check_identifier(text, identifier)


def _check_identifier(text: str, identifier: Identifier) -> None:
    kind, value = identifier
    # RFC 5952 writes a single zero, even where :: was.
    _require(0 < len(value) <= len(text) + (kind == "ip"), "a value is at most as long as the text")
    canonical = CANONICAL.get(kind)
    _require(canonical is None or canonical(value) == value, "a value is canonical")
    _require(kind != "uid" or UID.fullmatch(value) is not None, "a UID has dashes and lower case, or is a hash")
    # An ID of a virtual kubelet is recognised by its scheme only.
    if kind != "containerID" or re.fullmatch("[0-9a-f]{64}", value):
        _require(parse(value) == (identifier,), "a value gives itself")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionError(rule)


def main(arguments: Sequence[str]) -> int:
    """Fuzz until a rule is broken or an option of ``arguments`` ends it; return libFuzzer's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate([spelling.text for spelling in REAL] + list(NO_PODS)):
            (Path(folder) / f"{number:03}").write_bytes(text.encode(errors="surrogateescape"))
        # libFuzzer ends its process in its own ways, and only another one can remove the folder.
        fuzzer = os.fork()
        if fuzzer == 0:
            atheris.Setup([sys.argv[0], f"-max_len={MAX_LENGTH + 1}", *arguments, folder], check)
            atheris.Fuzz()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is libFuzzer's, too.
        return os.waitstatus_to_exitcode(os.waitpid(fuzzer, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
