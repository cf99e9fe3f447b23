"""The TLS certificate and its private key: read from files, and reloaded when the files change."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import NoReturn

POLL_SECONDS = 2.0
"""Time between two reads of the files. The files are small and cached by the kernel. A file system watch would have to
follow the symbolic links through which the kubelet replaces them."""

logger = logging.getLogger("pod_index")


class CertificateError(Exception):
    """The certificate or its key is unusable; the message names the environment variable of the file."""


class Certificate:
    """The certificate and key of ``TLS_CERT_FILE`` and ``TLS_KEY_FILE``.

    The constructor raises CertificateError if they are unusable. ``context`` never changes: each new pair is loaded
    into a context of its own, which new connections get at the start of their handshake. So each connection uses a
    matching pair, and open connections are not affected.
    """

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._files = self._read()
        self._current = self.context = self._load()
        # Called even if the client sends no server name:
        # https://docs.python.org/3/library/ssl.html#ssl.SSLContext.sni_callback
        self.context.sni_callback = self._use_current_context

    async def watch(self, every: float = POLL_SECONDS) -> None:
        """Load a new pair when the files change; log a bad pair once, and keep the current one."""
        bad: tuple[bytes, bytes] | str | None = None
        logged = True
        while True:
            await asyncio.sleep(every)
            found: tuple[bytes, bytes] | str | None = None
            try:
                found = self._read()
                if found == self._files:
                    bad = None
                    continue
                self._current = self._load()
            except CertificateError as error:
                # The files may be replaced one after the other, or be half written: log an error that persists.
                found = found or str(error)
                if found != bad:
                    bad, logged = found, False
                elif not logged:
                    logged = True
                    logger.warning("%s; keeping the current certificate", error)
            else:
                self._files, bad = found, None
                logger.info("TLS_CERT_FILE %s has changed; new connections get the new certificate", self._cert_file)

    def _use_current_context(self, connection: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _read(self) -> tuple[bytes, bytes]:
        return _read_file("TLS_CERT_FILE", self._cert_file), _read_file("TLS_KEY_FILE", self._key_file)

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._read()
        if b"-----BEGIN CERTIFICATE-----" not in certificate:
            raise CertificateError(f"TLS_CERT_FILE {self._cert_file} contains no certificate in PEM format")
        if b"PRIVATE KEY-----" not in key:
            raise CertificateError(f"TLS_KEY_FILE {self._key_file} contains no private key in PEM format")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._cert_file, self._key_file, password=self._refuse_password)
        except ssl.SSLError as error:
            raise CertificateError(self._reason(certificate, error)) from error
        except OSError as error:
            raise CertificateError(f"TLS_CERT_FILE and TLS_KEY_FILE cannot be read ({error.strerror})") from error
        return context

    def _refuse_password(self) -> NoReturn:
        """Fail instead of prompting for a password on the terminal."""
        raise CertificateError(
            f"TLS_KEY_FILE {self._key_file} is encrypted; decrypt it, because pod-index cannot ask for the password"
        )

    def _reason(self, certificate: bytes, error: ssl.SSLError) -> str:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"TLS_KEY_FILE {self._key_file} is not the key of TLS_CERT_FILE {self._cert_file}"
        # load_verify_locations() accepts only ASCII, but a comment in the file may have other characters.
        text = certificate.decode("ascii", "backslashreplace")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except ssl.SSLError as broken:
            return f"TLS_CERT_FILE {self._cert_file} contains no valid certificate ({broken.reason or broken.args[-1]})"
        return (
            f"TLS_KEY_FILE {self._key_file} contains no valid key for TLS_CERT_FILE ({error.reason or error.args[-1]})"
        )


def _read_file(variable: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateError(f"{variable} {path} cannot be read ({error.strerror})") from error
