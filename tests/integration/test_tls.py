"""HTTPS with a mounted Secret that changes, and defective ones at the start."""

import http.client
import json
import ssl
from pathlib import Path

import pytest
import trustme

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.support.certificates import HOST, MountedSecret, encrypted
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secret(tmp_path: Path, ca: trustme.CA) -> MountedSecret:
    folder = tmp_path / "secret"
    folder.mkdir()
    return MountedSecret(folder, ca)


def connect(operator: OperatorProcess, ca: trustme.CA) -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    connection = http.client.HTTPSConnection(HOST, operator.port, context=context, timeout=30)
    connection.connect()
    return connection


def peer_certificate(connection: http.client.HTTPSConnection) -> bytes:
    certificate: bytes | None = connection.sock.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def health(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/health")
    response = connection.getresponse()
    response.read()
    return response.status


@pytest.mark.slow
def test_a_renewed_certificate_is_used_and_open_connections_go_on(
    server: ApiServer, start_operator: StartOperator, secret: MountedSecret, ca: trustme.CA
) -> None:
    operator = start_operator(server, **secret.environ)
    operator.wait_until_log_says("; TLS: on\n")
    kept = connect(operator, ca)
    before = peer_certificate(kept)
    certificate, _ = secret.issue()
    secret.rename(secret.certificate, certificate)
    operator.wait_until_log_says("keeping the current certificate")
    secret.swap(*secret.issue())
    secret.certificate.unlink()
    secret.certificate.symlink_to("..data/tls.crt")

    def renewed() -> bool:
        assert health(kept) == 200
        new = connect(operator, ca)
        assert health(new) == 200
        changed = peer_certificate(new) != before
        new.close()
        return changed

    eventually(renewed, every=0.2)
    assert health(kept) == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        operator.get("/health")
    kept.close()
    assert operator.stop() == 0
    assert "Traceback" not in operator.log


def test_a_stop_does_not_wait_for_idle_connections(
    server: ApiServer, start_operator: StartOperator, secret: MountedSecret, ca: trustme.CA
) -> None:
    operator = start_operator(server, **secret.environ)
    operator.wait_until_log_says("Listed ")
    kept = connect(operator, ca)
    assert health(kept) == 200
    assert operator.stop() == 0
    # The client does not close its side of TLS, for which uvicorn alone would wait, and then log an error.
    assert operator.warnings() == []
    kept.close()


def test_a_stream_over_tls_has_changes_and_ends_in_good_order(
    server: ApiServer, start_operator: StartOperator, secret: MountedSecret, ca: trustme.CA
) -> None:
    operator = start_operator(server, SHUTDOWN_DRAIN_SECONDS="0.5", **secret.environ)
    operator.wait_until_log_says("Listed ")
    followed = connect(operator, ca)
    followed.request("GET", "/api/v1/pods?watch=true&all=true&details=true")
    with followed.getresponse() as response:
        lines = map(json.loads, response)
        assert next(lines)["initialEventsEnd"]
        server.pods.create(make_pod("web"))
        added = next(lines)
        assert (added["type"], added["object"]["name"], added["object"]["workload"]["kind"]) == ("ADDED", "web", "Pod")
        assert operator.stop() == 0
        assert {line["type"] for line in lines} == {"BOOKMARK"}
    followed.close()
    assert operator.warnings() == []


def test_tls_on_the_plain_port_leaves_no_traceback(shared_operator: OperatorProcess, ca: trustme.CA) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - its text depends on the version of OpenSSL
        connect(shared_operator, ca)
    assert shared_operator.get("/health")[0] == 200
    assert "Traceback" not in shared_operator.log


@pytest.mark.parametrize(
    "wrong",
    [
        "missing",
        *(pytest.param(wrong, marks=pytest.mark.slow) for wrong in ("no certificate", "another key", "encrypted")),
        pytest.param("alone", marks=pytest.mark.slow),
    ],
)
def test_a_defective_pair_ends_the_process_with_one_line_that_names_it(
    wrong: str, server: ApiServer, start_operator: StartOperator, secret: MountedSecret
) -> None:
    certificate, key = secret.issue()
    environ = secret.environ
    match wrong:
        case "missing":
            secret.key.unlink()
            error = f"TLS_KEY_FILE {secret.key} cannot be read (No such file or directory)"
        case "no certificate":
            secret.swap(b"hello", key)
            error = f"TLS_CERT_FILE {secret.certificate} contains no certificate in PEM format"
        case "another key":
            secret.swap(certificate, secret.issue()[1])
            error = f"TLS_KEY_FILE {secret.key} is not the key of TLS_CERT_FILE {secret.certificate}"
        case "encrypted":
            secret.swap(certificate, encrypted(key))
            error = f"TLS_KEY_FILE {secret.key} is encrypted"
        case _:
            del environ["TLS_KEY_FILE"]
            error = "TLS_KEY_FILE must be set too, as TLS_CERT_FILE is"
    operator = start_operator(server, **environ)
    assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert error in line
