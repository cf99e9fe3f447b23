"""The address of the API server and the credentials for it, from the files of a pod or a context of the kubeconfig.

The functions block, since they read files.
"""

import base64
import dataclasses
import os
import ssl
import urllib.parse

from kubernetes import config
from kubernetes.client import Configuration

from pod_index.informer.client_tls import add_client_certificate, trust
from pod_index.informer.errors import CredentialsError
from pod_index.informer.exec_plugin import PluginCredentials
from pod_index.informer.files import check_token, read_file, read_token
from pod_index.informer.kubeconfig import AuthProvider, Context, server_url
from pod_index.informer.proxy import Proxy, find_proxy

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""The folder of a pod's service account."""

LOGIN_FIELDS = frozenset(
    {
        "token",
        "tokenFile",
        "username",
        "password",
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "exec",
        "auth-provider",
    }
)
"""The fields of a user in a kubeconfig that promise credentials."""

HEADER_CHARACTERS = "!#$&'*+-.^_`|~"
"""Besides letters and digits, what the name of a header can have: RFC 9110, section 5.6.2. ``%`` begins an escape."""


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
    proxy: Proxy | None
    """The HTTP proxy, if any."""
    impersonation: tuple[tuple[str, str], ...] = ()
    """The headers that ask for another user's rights."""

    def __repr__(self) -> str:
        return f"Credentials({self.server!r})"


def in_cluster_credentials() -> Credentials:
    """Read the configuration of a pod; raise CredentialsError.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT")
    if not port:
        raise CredentialsError("KUBERNETES_SERVICE_PORT is not set")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    ca_path = f"{SERVICE_ACCOUNT}/ca.crt"
    return Credentials(
        server=server,
        authorization=f"Bearer {read_token(f'{SERVICE_ACCOUNT}/token', 'the token')}",
        ssl_context=trust(read_file(ca_path, "the CA"), f"the CA {ca_path}", verify=True),
        server_hostname=None,
        proxy=find_proxy(server, None, "", os.environ),
    )


def has_static_credentials(context: Context) -> bool:
    """Return whether the user has credentials that come before those of an exec plugin, as in client-go."""
    user = context.user
    return bool(
        user.token
        or user.token_file
        or user.username
        or user.password
        or user.client_certificate
        or user.client_certificate_data
    )


def credentials_of(context: Context, plugin: PluginCredentials | None) -> Credentials:
    """Return the credentials of a context, ``plugin`` being those that its exec plugin returned.

    Raise CredentialsError if there are fewer than the kubeconfig promises: without any, requests would be anonymous.
    """
    cluster = context.cluster
    server = server_url(context)
    authorization = _authorization(context, plugin)
    ssl_context = None
    has_certificate = False
    if server.startswith("https:"):
        verify = not cluster.insecure_skip_tls_verify
        ssl_context = trust(*context.data_or_file("certificate_authority"), verify=verify)
        certificate, name = context.data_or_file("client_certificate")
        key, key_name = context.data_or_file("client_key")
        if plugin is not None and plugin.certificate:
            certificate, key = plugin.certificate, plugin.key
            name, key_name = "the certificate of the exec plugin", "its key"
        if (certificate is None) != (key is None):
            raise CredentialsError(f"user {context.user_name!r} has only one of client certificate and key")
        if certificate is not None and key is not None:
            add_client_certificate(ssl_context, certificate, key, name, key_name)
            has_certificate = True
    promised = sorted(context.user_fields & LOGIN_FIELDS)
    if promised and authorization is None and not has_certificate:
        raise CredentialsError(
            f"user {context.user_name!r} has no credentials for {server}: {' and '.join(promised)} yield none"
        )
    return Credentials(
        server=server,
        authorization=authorization,
        ssl_context=ssl_context,
        server_hostname=cluster.tls_server_name or None,
        proxy=find_proxy(server, cluster.proxy_url, context.cluster_name, os.environ),
        impersonation=_impersonation(context),
    )


def _authorization(context: Context, plugin: PluginCredentials | None) -> str | None:
    """Return the value of the Authorization header, if any. The order is that of client-go."""
    user, owner = context.user, f"user {context.user_name!r}"
    if user.token:
        return f"Bearer {check_token(user.token, f'the token of {owner}')}"
    if user.token_file:
        return f"Bearer {read_token(user.token_file, 'tokenFile')}"
    if user.username or user.password:
        login = f"{user.username or ''}:{user.password or ''}"
        return f"Basic {base64.b64encode(login.encode()).decode()}"
    if plugin is not None and plugin.token:
        return f"Bearer {plugin.token}"
    if user.auth_provider is not None:
        return f"Bearer {_auth_provider_token(user.auth_provider, owner)}"
    return None


def _auth_provider_token(provider: AuthProvider, owner: str) -> str:
    """Let the official client refresh and return the token of an auth provider: ``oidc`` or ``gcp``."""
    name = f"auth-provider {provider.name!r} of {owner}"
    document = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://x"}}],
        "users": [
            {"name": "x", "user": {"auth-provider": {"name": provider.name, "config": dict(provider.config or {})}}}
        ],
    }
    configuration = Configuration(proxy="")
    try:
        config.load_kube_config_from_dict(document, client_configuration=configuration, persist_config=False)
    except Exception as error:  # noqa: BLE001 - raised again, without the text, which could show a secret
        raise CredentialsError(f"{name} failed ({type(error).__name__})") from None
    scheme, _, token = (configuration.get_api_key_with_prefix("BearerToken") or "").partition(" ")
    if scheme != "Bearer":
        raise CredentialsError(f"{name} returned no token; supported are oidc and gcp")
    return check_token(token, f"the token of {name}")


def _impersonation(context: Context) -> tuple[tuple[str, str], ...]:
    """Return the headers for the user that ``as`` names.

    https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    """
    user = context.user
    if not user.impersonate:
        if user.as_uid or user.as_groups or user.as_user_extra:
            raise CredentialsError(f"user {context.user_name!r} has as-uid, as-groups or as-user-extra, but not as")
        return ()
    headers = [("Impersonate-User", user.impersonate)]
    if user.as_uid:
        headers.append(("Impersonate-Uid", user.as_uid))
    headers += [("Impersonate-Group", group) for group in user.as_groups or []]
    for key, values in (user.as_user_extra or {}).items():
        name = "Impersonate-Extra-" + urllib.parse.quote(key.lower(), safe=HEADER_CHARACTERS)
        headers += [(name, value) for value in values]
    if not all(value.isprintable() for _, value in headers):
        raise CredentialsError(
            f"user {context.user_name!r} has control characters in as, as-uid, as-groups or as-user-extra"
        )
    return tuple(headers)
