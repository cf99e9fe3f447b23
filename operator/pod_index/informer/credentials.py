"""The address of the API server and the credentials for it: from the cluster first, then from the kubeconfig.

The official Kubernetes client reads them, exec plugins included; this module converts them for aiohttp.
"""

import dataclasses
import os
import ssl

from kubernetes import config
from kubernetes.client import Configuration


class CredentialsError(Exception):
    """No usable credentials were found; the message is one line that says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credentials:
    """The address of an API server, and what authenticates both sides."""

    server: str
    """The base URL, without a trailing slash."""
    authorization: str | None
    """The value of the Authorization header, if any. A secret."""
    ssl_context: ssl.SSLContext | None
    """The trusted CAs and the client certificate; None for a server without TLS."""
    server_hostname: str | None
    """The name to verify in the server's certificate, if it differs from the URL's."""
    proxy: str | None
    """The URL of the HTTP proxy in the kubeconfig, if any."""

    def __repr__(self) -> str:
        return f"Credentials({self.server!r})"


def load_credentials() -> Credentials:
    """Read the in-cluster configuration, or else the kubeconfig; raise CredentialsError if neither is usable.

    It blocks: an exec plugin may call a cloud's login service for seconds.
    """
    # Only the kubeconfig's proxy: aiohttp reads HTTPS_PROXY and NO_PROXY itself.
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
    # A service account's token file may end with a newline, which is invalid in a header.
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
    # Python 3.13 refuses CAs without a key identifier; many clusters have such CAs:
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
