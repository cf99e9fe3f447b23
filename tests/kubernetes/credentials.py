"""Keys, certificates, tokens and kubeconfigs for one API server."""

import base64
import json
import ssl
import time
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.apiserver.statuses import JSON

ISSUER = "https://kubernetes.default.svc"
# This group has all rights: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
ADMINS = "system:masters"


class Authority:
    """The certificate authority of the server and its clients, and the key that signs tokens.

    Its files are written to ``folder``, which must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_pem = self._ca.cert_pem.bytes()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

        # Valid for any port of 127.0.0.1, so for a proxy in front of the server too.
        serving = self._ca.issue_cert("127.0.0.1", "localhost")
        self.serving_certificate_file, self.serving_key_file = folder / "serving.pem", folder / "serving-key.pem"
        serving.cert_chain_pems[0].write_to_path(str(self.serving_certificate_file))
        serving.private_key_pem.write_to_path(str(self.serving_key_file))

        signing = self._ca.issue_cert(common_name="service-accounts", key_type=trustme.KeyType.RSA)
        self.token_key_file = folder / "service-accounts-key.pem"
        signing.private_key_pem.write_to_path(str(self.token_key_file))
        key = load_pem_private_key(signing.private_key_pem.bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        self._token_key = key

    def client_certificate(self, user: str, group: str = "") -> tuple[bytes, bytes]:
        """Certificate and key (PEM) of a user. The common name is the user, the organization the group.

        https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
        """
        # trustme marks the list of host names as critical, and Go refuses an empty critical list.
        issued = self._ca.issue_cert("client.test", common_name=user, organization_name=group or f"{user}s")
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()

    def tls_context(self, user: str, group: str, folder: Path) -> ssl.SSLContext:
        """A TLS context for this user; it verifies the server."""
        context = ssl.create_default_context(cadata=self.ca_pem.decode())
        pem = folder / f"{user}.pem"
        pem.write_bytes(b"".join(self.client_certificate(user, group)))
        context.load_cert_chain(pem)
        return context

    def sign_token(self, service_account: JSON, seconds: float) -> str:
        """Sign a token for a ServiceAccount object like those of TokenRequest, but with any lifetime.

        TokenRequest refuses less than 600 s. The claims are those of
        https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims
        """
        namespace, name = (service_account["metadata"][key] for key in ("namespace", "name"))
        now = time.time()
        claims = {
            "iss": ISSUER,
            "aud": [ISSUER],
            "sub": f"system:serviceaccount:{namespace}:{name}",
            # Kubernetes decodes whole seconds. With negative ``seconds``, the token has expired already.
            "iat": int(min(now, now + seconds)) - 1,
            "nbf": int(min(now, now + seconds)) - 1,
            "exp": int(now + seconds),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": service_account["metadata"]["uid"]},
            },
        }
        header = {"alg": "RS256", "typ": "JWT"}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self._token_key.sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_base64url(signature)}"


def certificate_user(certificate: bytes, key: bytes) -> JSON:
    """The user of a kubeconfig with a client certificate."""
    return {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
