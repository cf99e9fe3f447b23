"""The certificate and its key: errors and replacement."""

import asyncio
import contextlib
import logging
import os
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from pod_index.server.certificate import Certificate, CertificateError
from pod_index.server.server import Server
from pod_index.settings import Settings
from tests.support.certificates import HOST, MountedSecret, encrypted
from tests.support.operator_process import free_port
from tests.support.polling import DEADLINE_SECONDS
from tests.unit.server.test_server import hello

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POLL = 0.02


@pytest.fixture
def secret(tmp_path: Path, ca: trustme.CA) -> MountedSecret:
    return MountedSecret(tmp_path, ca)


def load(secret: MountedSecret) -> Certificate:
    return Certificate(str(secret.certificate), str(secret.key))


@pytest.fixture
async def port(secret: MountedSecret) -> AsyncIterator[int]:
    """The port of a server that shows the certificate and watches its files."""
    certificate = load(secret)
    port = free_port()
    server = Server(hello, Settings(port=port), pytest.fail, tls=certificate.context)
    await server.start()
    watch = asyncio.create_task(certificate.watch(POLL))
    yield port
    watch.cancel()
    await server.stop()


async def connect(port: int, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, port, ssl=context)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return await reader.readexactly(5)


async def shown(port: int, context: ssl.SSLContext) -> bytes:
    """The certificate that a new connection is shown."""
    _, writer = await connect(port, context)
    certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    assert certificate is not None
    return certificate


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not check():  # noqa: ASYNC110 - the operator sets no event
            await asyncio.sleep(POLL)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_supported(version: ssl.TLSVersion, port: int, trusting: ssl.SSLContext) -> None:
    trusting.minimum_version = trusting.maximum_version = version
    reader, writer = await connect(port, trusting)
    assert await ask(reader, writer) == b"hello"
    assert writer.get_extra_info("ssl_object").version() == f"TLSv1.{version - 0x301}"
    writer.close()


async def test_tls_1_1_is_refused(port: int, trusting: ssl.SSLContext) -> None:
    trusting.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connect(port, trusting)


async def test_a_client_without_server_name_gets_the_new_certificate_too(
    port: int, secret: MountedSecret, trusting: ssl.SSLContext
) -> None:
    trusting.check_hostname = False
    new = secret.issue()
    secret.swap(*new)

    async def shown_without_name() -> bytes:
        _, writer = await asyncio.open_connection(HOST, port, ssl=trusting, server_hostname="")
        writer.close()
        certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return certificate

    async with asyncio.timeout(DEADLINE_SECONDS):
        while await shown_without_name() != _der(new[0]):  # noqa: ASYNC110 - the same
            await asyncio.sleep(POLL)


async def test_new_connections_get_the_new_certificate_and_open_ones_go_on(
    port: int, secret: MountedSecret, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pod_index")
    before = await shown(port, trusting)
    open_one = await connect(port, trusting)
    assert await ask(*open_one) == b"hello"
    new = secret.issue()
    secret.swap(*new)
    await until(lambda: caplog.messages)
    assert await shown(port, trusting) == _der(new[0]) != before
    assert await ask(*open_one) == b"hello"
    open_one[1].close()
    assert caplog.messages == [
        f"TLS_CERT_FILE {secret.certificate} has changed; new connections get the new certificate"
    ]


async def test_files_that_are_replaced_one_after_the_other_are_loaded_when_they_match(
    port: int, secret: MountedSecret, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pod_index")
    before = await shown(port, trusting)
    certificate, key = secret.issue()
    secret.rename(secret.certificate, certificate)
    await until(lambda: caplog.messages)
    await asyncio.sleep(5 * POLL)
    mismatch = f"TLS_KEY_FILE {secret.key} is not the key of TLS_CERT_FILE {secret.certificate}"
    assert caplog.messages == [f"{mismatch}; keeping the current certificate"]
    assert await shown(port, trusting) == before
    secret.rename(secret.key, key)
    await until(lambda: len(caplog.messages) == 2)
    assert await shown(port, trusting) == _der(certificate)


@pytest.mark.parametrize(
    "half", [b"", b"-----BEGIN CERTIFICATE-----\nMIIB", b"-----BEGIN CERTIFICATE-----\n\xff\0\xc3"]
)
async def test_a_half_written_file_keeps_the_old_certificate_and_is_logged_once(
    half: bytes, port: int, secret: MountedSecret, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    before = await shown(port, trusting)
    whole = secret.certificate.read_bytes()
    secret.rename(secret.certificate, half)
    await until(lambda: caplog.messages)
    assert await shown(port, trusting) == before
    secret.certificate.unlink()
    await until(lambda: len(caplog.messages) == 2)
    assert "cannot be read (No such file or directory); keeping the current certificate" in caplog.messages[1]
    secret.rename(secret.certificate, whole)
    await asyncio.sleep(5 * POLL)
    assert await shown(port, trusting) == before
    assert len(caplog.messages) == 2


async def test_http_on_a_tls_port_logs_no_traceback(port: int, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(REQUEST)
    with contextlib.suppress(ConnectionError):
        assert b"200" not in await reader.read()
    writer.close()
    assert caplog.messages == []


async def test_tls_on_an_http_port_logs_no_traceback(
    trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    server = Server(hello, Settings(port=port), pytest.fail)
    await server.start()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connect(port, trusting)
    await server.stop()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_missing_file_is_named(secret: MountedSecret, tmp_path: Path) -> None:
    with pytest.raises(
        CertificateError, match=r"^TLS_CERT_FILE /no/such cannot be read \(No such file or directory\)$"
    ):
        Certificate("/no/such", str(secret.key))
    with pytest.raises(CertificateError, match=r"^TLS_KEY_FILE \S+ cannot be read \(Is a directory\)$"):
        Certificate(str(secret.certificate), str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(secret: MountedSecret) -> None:
    secret.key.chmod(0)
    with pytest.raises(CertificateError, match=r"^TLS_KEY_FILE \S+ cannot be read \(Permission denied\)$"):
        load(secret)


def test_a_file_without_a_valid_certificate_or_key_is_named(secret: MountedSecret) -> None:
    certificate, key = secret.issue()
    broken = b"-----BEGIN %b-----\nbm8=\n-----END %b-----\n"
    for pair, message in (
        ((b"hello", key), r"^TLS_CERT_FILE \S+ contains no certificate in PEM format$"),
        ((key, certificate), r"^TLS_CERT_FILE \S+ contains no certificate in PEM format$"),
        ((certificate, b"hello"), r"^TLS_KEY_FILE \S+ contains no private key in PEM format$"),
        ((broken % (b"CERTIFICATE", b"CERTIFICATE"), key), r"^TLS_CERT_FILE \S+ contains no valid certificate \(.+\)$"),
        (
            ("# für Köln\n".encode() + certificate[:300], key),
            r"^TLS_CERT_FILE \S+ contains no valid certificate \(.+\)$",
        ),
        (
            (certificate, broken % (b"PRIVATE KEY", b"PRIVATE KEY")),
            r"^TLS_KEY_FILE \S+ contains no valid key for TLS_CERT_FILE .+\)$",
        ),
        ((certificate, secret.issue()[1]), r"^TLS_KEY_FILE \S+ is not the key of TLS_CERT_FILE \S+$"),
        ((certificate, encrypted(key)), r"^TLS_KEY_FILE \S+ is encrypted; decrypt it, .+$"),
    ):
        secret.swap(*pair)
        with pytest.raises(CertificateError, match=message) as caught:
            load(secret)
        assert "\n" not in str(caught.value)


def test_the_certificate_and_key_may_be_in_one_file(secret: MountedSecret) -> None:
    both = b"".join(secret.issue())
    secret.swap(both, both)
    load(secret)


def _der(pem: bytes) -> bytes:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = begin + pem.decode().partition(begin)[2].partition(end)[0] + end
    return ssl.PEM_cert_to_DER_cert(first)
