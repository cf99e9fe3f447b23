"""A CA, and the TLS contexts of a server and of a client that trusts it."""

import ssl
from pathlib import Path

import pytest
import trustme

from pod_index.server.certificate import Certificate
from tests.support.certificates import MountedSecret


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(tmp_path: Path, ca: trustme.CA) -> ssl.SSLContext:
    secret = MountedSecret(tmp_path, ca)
    return Certificate(str(secret.certificate), str(secret.key)).context


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    """A client that trusts the CA."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context
