"""Bearer tokens from a file, such as a mounted Secret, which may change while the process runs."""

import asyncio
import hashlib
import hmac
import logging
import os
import re
import stat

from pod_index.environ import SettingsError

logger = logging.getLogger("pod_index.authentication")

CHECK_SECONDS = 2.0
"""Time between two reads of the file. Reading a small file takes 20 microseconds."""

FILE_LIMIT = 64 * 1024
"""The longest file that is accepted, in bytes."""

_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""The syntax of a token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""


class TokenFile:
    """The tokens of the file at ``path``: one per line; blank lines and lines that begin with ``#`` are ignored.

    The constructor raises SettingsError if the file is unusable. If it becomes unusable later, the tokens stay
    valid, and one warning is logged. Only digests of tokens are kept.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._digests = self._load()
        self._problem: str | None = None
        """Why the file is unusable now."""
        self._warn_if_empty()

    def accepts(self, token: bytes) -> bool:
        """Whether the token is valid, in a time that does not reveal how much of which token matches."""
        sent = digest(token)
        accepted = False
        for known in self._digests:
            accepted |= hmac.compare_digest(known, sent)
        return accepted

    async def watch(self) -> None:
        """Read the file again and again, so that an unusable file is logged before its tokens are missed."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.check()

    def check(self) -> None:
        """Read the file again.

        Comparing modification times would miss a second change within one tick of the file system's clock, and a
        mounted Secret changes by swapping a symbolic link: https://kubernetes.io/docs/concepts/configuration/secret/.
        """
        try:
            digests = self._load()
        except SettingsError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                logger.warning("%s; the previous tokens stay valid", error)
            return
        if digests != self._digests or self._problem is not None:
            self._digests, self._problem = digests, None
            logger.info("AUTH_TOKEN_FILE reloaded; tokens: %d", len(digests))
            self._warn_if_empty()

    def _warn_if_empty(self) -> None:
        if not self._digests:
            logger.warning("AUTH_TOKEN_FILE %s has no tokens: every token is rejected", self._path)

    def _load(self) -> tuple[bytes, ...]:
        """Read the file; return the digests of its tokens."""
        try:
            # Opening a pipe or a device must not block.
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
        """Return the digests of the tokens; errors name the line, but do not show its content."""
        if len(content) > FILE_LIMIT:
            raise SettingsError(f"AUTH_TOKEN_FILE {self._path} is longer than {FILE_LIMIT} bytes")
        digests: dict[bytes, None] = {}
        for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            token = line.strip()
            if not token or token.startswith(b"#"):
                continue
            if not _TOKEN.fullmatch(token):
                raise SettingsError(
                    f"AUTH_TOKEN_FILE {self._path} has an invalid token in line {number}:"
                    " a token consists of letters, digits and -._~+/ and may end with ="
                )
            digests[digest(token)] = None
        return tuple(digests)


def digest(content: bytes) -> bytes:
    """Hash a secret: digests have one length, so comparing them takes constant time."""
    return hashlib.sha256(content).digest()
