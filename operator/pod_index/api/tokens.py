"""Bearer tokens from a file, such as one of a mounted Secret, which may change while the process runs."""

import hashlib
import hmac
import logging
import os
import re
import stat
import time
from collections.abc import Callable

from pod_index.settings import SettingsError

logger = logging.getLogger("pod_index.authentication")

CHECK_SECONDS = 2.0
"""How long what the file says may be unknown. To read a small file takes 20 microseconds."""

FILE_LIMIT = 64 * 1024
"""The longest file that is taken for one of tokens, in bytes."""

_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""What can be sent as a token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""


class TokenFile:
    """The tokens of the file at ``path``: one a line; blank lines and those that begin with ``#`` are none.

    The constructor raises SettingsError if the file cannot be used. Later, a file that cannot be used leaves the
    tokens as they are, and the log says so once. Only digests of tokens are kept.
    """

    def __init__(self, path: str, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._digests = self._load()
        self._complaint: str | None = None
        """What is wrong with the file now."""
        self._check_at = now() + CHECK_SECONDS
        self._tell_if_empty()

    def accepts(self, token: bytes) -> bool:
        """Tell whether the token is one of them, in a time that does not tell which, nor how much of it is right."""
        if self._now() >= self._check_at:
            self._check()
        sent = digest(token)
        accepted = False
        for known in self._digests:
            accepted |= hmac.compare_digest(known, sent)
        return accepted

    def _check(self) -> None:
        """Take what the file says now.

        It is read, and not only looked at: neither a link that is swapped, which is how a mounted Secret changes
        (https://kubernetes.io/docs/concepts/configuration/secret/), nor a second change within one tick of the file
        system's clock can be missed.
        """
        self._check_at = self._now() + CHECK_SECONDS
        try:
            digests = self._load()
        except SettingsError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.warning("%s; the tokens stay as they were", error)
            return
        if digests != self._digests or self._complaint is not None:
            self._digests, self._complaint = digests, None
            logger.info("AUTH_TOKEN_FILE has been read again; tokens: %d", len(digests))
            self._tell_if_empty()

    def _tell_if_empty(self) -> None:
        if not self._digests:
            logger.warning("AUTH_TOKEN_FILE %s has no tokens: none is accepted", self._path)

    def _load(self) -> tuple[bytes, ...]:
        """Read the file; return the digests of its tokens."""
        try:
            # Neither a pipe nor a device shall make us wait.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise SettingsError(f"AUTH_TOKEN_FILE {self._path} is not a file")
                with open(descriptor, "rb", closefd=False) as file:
                    content = file.read(FILE_LIMIT + 1)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SettingsError(f"AUTH_TOKEN_FILE {self._path} cannot be read ({error.strerror})") from error
        return self._parse(content)

    def _parse(self, content: bytes) -> tuple[bytes, ...]:
        """Return the digests of the tokens; the errors name lines, and say nothing of what is in them."""
        if len(content) > FILE_LIMIT:
            raise SettingsError(f"AUTH_TOKEN_FILE {self._path} is longer than {FILE_LIMIT} bytes")
        digests: dict[bytes, None] = {}
        for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            token = line.strip()
            if not token or token.startswith(b"#"):
                continue
            if not _TOKEN.fullmatch(token):
                raise SettingsError(
                    f"AUTH_TOKEN_FILE {self._path} has no token in line {number}:"
                    " they consist of letters, digits and -._~+/ and may end with ="
                )
            digests[digest(token)] = None
        return tuple(digests)


def digest(content: bytes) -> bytes:
    """Return what stands for a secret: of one length, so that comparing it takes always the same time."""
    return hashlib.sha256(content).digest()
