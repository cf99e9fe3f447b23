"""Certificates in files, mounted as from a Secret, and defective ones."""

import os
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

HOST = "127.0.0.1"


class MountedSecret:
    """A folder in which the kubelet has mounted a Secret of type kubernetes.io/tls.

    ``tls.crt`` and ``tls.key`` are links through ``..data``, which is a link to the folder of the last version:
    https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically
    """

    def __init__(self, folder: Path, ca: trustme.CA) -> None:
        self._folder = folder
        self._ca = ca
        self._version = 0
        self.certificate = folder / "tls.crt"
        self.key = folder / "tls.key"
        self.swap(*self.issue())
        for path in (self.certificate, self.key):
            path.symlink_to(Path("..data") / path.name)

    @property
    def environ(self) -> dict[str, str]:
        """The settings that name the files."""
        return {"TLS_CERT_FILE": str(self.certificate), "TLS_KEY_FILE": str(self.key)}

    def issue(self) -> tuple[bytes, bytes]:
        """A new certificate and its key."""
        issued = self._ca.issue_cert(HOST)
        return b"".join(pem.bytes() for pem in issued.cert_chain_pems), issued.private_key_pem.bytes()

    def swap(self, certificate: bytes, key: bytes) -> None:
        """Replace both files at once, as the kubelet does: create a folder, and rename a link."""
        self._version += 1
        version = self._folder / f"..version-{self._version}"
        version.mkdir()
        (version / "tls.crt").write_bytes(certificate)
        (version / "tls.key").write_bytes(key)
        link = self._folder / "..data_tmp"
        link.symlink_to(version.name)
        os.replace(link, self._folder / "..data")

    def rename(self, path: Path, content: bytes) -> None:
        """Replace one of the files by renaming another."""
        new = self._folder / "new"
        new.write_bytes(content)
        os.replace(new, path)


def encrypted(key: bytes) -> bytes:
    """The key, encrypted with a password."""
    private = load_pem_private_key(key, None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
