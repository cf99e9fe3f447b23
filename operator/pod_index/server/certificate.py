"""The certificate that the server shows, and its key: read from files, and read again when those change."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import NoReturn

POLL_SECONDS = 2.0
"""How often the files are looked at. They are a few kilobytes, mostly in memory: reading them is cheaper than a watch
on the folders and symbolic links that the kubelet replaces them by."""

logger = logging.getLogger("pod_index")


class CertificateError(Exception):
    """The certificate or its key cannot be used; the message names the variable that sets the file."""


class Certificate:
    """The certificate and key of ``TLS_CERT_FILE`` and ``TLS_KEY_FILE``; raise CertificateError if they do not match.

    ``context`` stays the same for ever. A new pair gets a context of its own, which new connections are handed at the
    start of their handshake: so no connection ever sees half a pair, and those that are open go on.
    """

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._files = self._read()
        self._current = self.context = self._load()
        # OpenSSL asks also where the client names no server:
        # https://docs.python.org/3/library/ssl.html#ssl.SSLContext.sni_callback
        self.context.sni_callback = self._choose

    async def watch(self, every: float = POLL_SECONDS) -> None:
        """Take a new pair when the files change; a bad one is told once, and the old one stays."""
        bad: tuple[bytes, bytes] | str | None = None
        told = True
        while True:
            await asyncio.sleep(every)
            seen: tuple[bytes, bytes] | str | None = None
            try:
                seen = self._read()
                if seen == self._files:
                    bad = None
                    continue
                self._current = self._load()
            except CertificateError as error:
                # The files may be half written, or only one of the two: that is told if it stays so.
                seen = seen or str(error)
                if seen != bad:
                    bad, told = seen, False
                elif not told:
                    told = True
                    logger.warning("%s; the certificate in use stays", error)
            else:
                self._files, bad = seen, None
                logger.info("TLS_CERT_FILE %s has changed: new connections get the new certificate", self._cert_file)

    def _choose(self, connection: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _read(self) -> tuple[bytes, bytes]:
        return _content("TLS_CERT_FILE", self._cert_file), _content("TLS_KEY_FILE", self._key_file)

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._read()
        if b"-----BEGIN CERTIFICATE-----" not in certificate:
            raise CertificateError(f"TLS_CERT_FILE {self._cert_file} holds no certificate in PEM")
        if b"PRIVATE KEY-----" not in key:
            raise CertificateError(f"TLS_KEY_FILE {self._key_file} holds no private key in PEM")
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
        """Be asked for a password instead of the terminal."""
        raise CertificateError(
            f"TLS_KEY_FILE {self._key_file} is encrypted; decrypt it, as there is nobody to ask for a password"
        )

    def _reason(self, certificate: bytes, error: ssl.SSLError) -> str:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"TLS_KEY_FILE {self._key_file} is not the key of TLS_CERT_FILE {self._cert_file}"
        # Only ASCII is taken as PEM; what is not, such as an umlaut in a comment, must not be what fails.
        text = certificate.decode("ascii", "backslashreplace")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except ssl.SSLError as broken:
            return f"TLS_CERT_FILE {self._cert_file} holds no valid certificate ({broken.reason or broken.args[-1]})"
        return f"TLS_KEY_FILE {self._key_file} holds no key that fits TLS_CERT_FILE ({error.reason or error.args[-1]})"


def _content(variable: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateError(f"{variable} {path} cannot be read ({error.strerror})") from error
