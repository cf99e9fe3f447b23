"""Where the API server is and how to log in to it: in the cluster first, then by kubeconfig.

The official Kubernetes client does the reading, exec plugins included; what it finds is turned into what an
aiohttp request takes.
"""

import dataclasses
import os
import ssl

from kubernetes import config
from kubernetes.client import Configuration


class CredentialsError(Exception):
    """There is no usable configuration to log in with; the message is one line that says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credentials:
    """One way to reach and log in to an API server."""

    server: str
    """The base URL, without a slash at its end."""
    authorization: str | None
    """The value of the Authorization header, if there is one. A secret."""
    ssl_context: ssl.SSLContext | None
    """Trusted CA and client certificate; None for a server without TLS."""
    server_hostname: str | None
    """The name to check the server's certificate against, where it differs from the URL's."""
    proxy: str | None
    """The URL of the HTTP proxy that the kubeconfig asks to go through."""

    def __repr__(self) -> str:
        return f"Credentials({self.server!r})"


def load_credentials() -> Credentials:
    """Read the in-cluster configuration or the kubeconfig anew; raise CredentialsError if neither is usable.

    It blocks: an exec plugin may talk to a cloud's login service for seconds.
    """
    # No proxy but the kubeconfig's own: aiohttp knows those of the environment, and NO_PROXY, by itself.
    configuration = Configuration(proxy="")
    in_cluster = "not in a cluster"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        try:
            config.load_incluster_config(client_configuration=configuration)
            return _credentials(configuration)
        except (config.ConfigException, OSError) as error:
            in_cluster = f"in-cluster configuration unusable: {_one_line(error)}"
    path = os.environ.get("KUBECONFIG") or "~/.kube/config"
    try:
        config.load_kube_config(path, client_configuration=configuration, persist_config=False)
        return _credentials(configuration)
    except Exception as error:
        raise CredentialsError(
            f"cannot log in to Kubernetes: {in_cluster}, and kubeconfig {path} unusable: {_one_line(error)};"
            " point KUBECONFIG at a working kubeconfig (kubectl config view shows the one in use)"
        ) from error


def _credentials(configuration: Configuration) -> Credentials:
    # A service account's token file may end with a newline, which no header may hold.
    token = (configuration.get_api_key_with_prefix("BearerToken") or "").strip()
    return Credentials(
        server=configuration.host.rstrip("/"),
        authorization=token or None,
        ssl_context=_ssl_context(configuration) if configuration.host.startswith("https:") else None,
        server_hostname=configuration.tls_server_name or None,
        proxy=configuration.proxy or None,
    )


def _ssl_context(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Python 3.13 refuses CAs without a key identifier, which many clusters have:
    # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
