"""TLS contexts for the API server, from certificates in memory."""

import ssl
import tempfile

from pod_index.informer.errors import CredentialsError


def trust(ca: bytes | None, name: str, *, verify: bool) -> ssl.SSLContext:
    """Make a context that trusts the CAs, or those of the system; errors call the CAs ``name``."""
    if ca is not None and b"-----BEGIN" not in ca:  # without any, the system's would be trusted
        raise CredentialsError(f"{name} has no certificate in PEM format")
    try:
        # Only comments in a bundle are not ASCII.
        context = ssl.create_default_context(cadata=ca.decode("ascii", "ignore") if ca is not None else None)
    except (ssl.SSLError, ValueError) as error:
        raise CredentialsError(f"{name} has an invalid certificate") from error
    # Python 3.13 refuses CAs without a key identifier; many clusters have such CAs:
    # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def add_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes, name: str, key_name: str) -> None:
    """Let the context send a client certificate; errors call it ``name``, and its key ``key_name``."""

    def refuse() -> str:  # without this, OpenSSL asks for the password at the terminal
        raise CredentialsError(f"{key_name} is encrypted, which is not supported: decrypt it with openssl pkey")

    try:
        # OpenSSL reads files only. This one exists for a moment, and only its owner can read it.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name, password=refuse)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CredentialsError(f"{name} does not match {key_name}") from error
        raise CredentialsError(f"{name} or {key_name} is not valid PEM") from error
    except OSError as error:
        raise CredentialsError(f"cannot write {name} to a temporary file ({error.strerror})") from error
