"""Reads the kubeconfig by the rules of kubectl, and reduces it to one context.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import binascii
import contextlib
import dataclasses
import os
import urllib.parse
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import Struct

from pod_index.informer.errors import CredentialsError
from pod_index.informer.files import read_file, read_text

DEPTH = 100
"""The maximum nesting of lists and mappings: libyaml crashes at some ten thousand."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML_ERRORS = (yaml.YAMLError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
"""Besides its own errors, PyYAML passes on those of Python for scalars with a wrong tag."""

_T = TypeVar("_T", bound="Struct")
Entry = dict[str, Any]


class Extension(Struct, frozen=True):
    """A named extension of a cluster."""

    name: str = ""
    extension: Any = None


class Cluster(Struct, frozen=True, rename="kebab"):
    """A cluster."""

    server: str | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None
    disable_compression: bool | None = None
    extensions: list[Extension] | None = None


class ExecEnvVar(Struct, frozen=True):
    """An environment variable of an exec plugin."""

    name: str
    value: str | None = None


class Exec(Struct, frozen=True, rename="camel"):
    """How to run an exec plugin."""

    command: str | None = None
    args: list[str] | None = None
    env: list[ExecEnvVar] | None = None
    api_version: str | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class AuthProvider(Struct, frozen=True):
    """The predecessor of exec plugins."""

    name: str = ""
    config: dict[str, str] | None = None


def _user_field(name: str) -> str:
    return {"token_file": "tokenFile", "impersonate": "as"}.get(name, name.replace("_", "-"))


class User(Struct, frozen=True, rename=_user_field):
    """The credentials of a user."""

    token: str | None = None
    token_file: str | None = None
    username: str | None = None
    password: str | None = None
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    exec: Exec | None = None
    auth_provider: AuthProvider | None = None
    impersonate: str | None = None
    as_uid: str | None = None
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str]] | None = None


class _Names(Struct, frozen=True):
    cluster: str | None = None
    user: str | None = None


class _NamedCluster(Struct, frozen=True):
    name: str
    cluster: Entry | None = None


class _NamedUser(Struct, frozen=True):
    name: str
    user: Entry | None = None


class _NamedContext(Struct, frozen=True):
    name: str
    context: _Names | None = None


class _File(Struct, frozen=True, rename="kebab"):
    current_context: str | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """A context with its cluster and its user. The paths in both are absolute."""

    name: str
    cluster_name: str
    cluster: Cluster
    user_name: str
    user: User = dataclasses.field(repr=False)
    user_fields: frozenset[str]
    """The names of the fields that the user has, empty ones included."""

    def data_or_file(self, field: str) -> tuple[bytes | None, str]:
        """Return the content of a certificate or key, if there is one, and what errors call it."""
        owner: Struct = self.cluster if field == "certificate_authority" else self.user
        entry = f"cluster {self.cluster_name!r}" if owner is self.cluster else f"user {self.user_name!r}"
        name = field.replace("_", "-")
        data: str | None = getattr(owner, f"{field}_data")
        path: str | None = getattr(owner, field)
        if data:
            try:
                return base64.b64decode("".join(data.split()), validate=True), f"{name}-data of {entry}"
            except (binascii.Error, ValueError):
                raise CredentialsError(f"{name}-data of {entry} is not base64") from None
        return (read_file(path, name), f"{name} {path}") if path else (None, name)


def kubeconfig_paths(variable: str) -> list[str]:
    """Return the files of the variable ``KUBECONFIG``, or the default."""
    names = variable.split(os.pathsep) if variable else ["~/.kube/config"]
    return list(dict.fromkeys(os.path.expanduser(name) for name in names if name))


def read_context(paths: Sequence[str], context: str | None = None) -> Context:
    """Merge the files and return the context with this name, or else the current one; raise CredentialsError.

    Files that are missing or empty are skipped, and the first file that has a value wins.
    """
    clusters: dict[str, tuple[str, Entry]] = {}
    users: dict[str, tuple[str, Entry]] = {}
    contexts: dict[str, _Names] = {}
    found = False
    for path in paths:
        if not os.path.lexists(path):
            continue
        found = True
        file = _read_kubeconfig(path)
        context = context or file.current_context
        for cluster in file.clusters or []:
            clusters.setdefault(cluster.name, (path, cluster.cluster or {}))
        for user in file.users or []:
            users.setdefault(user.name, (path, user.user or {}))
        for entry in file.contexts or []:
            contexts.setdefault(entry.name, entry.context or _Names())
    if not found:
        raise CredentialsError("the file does not exist" if len(paths) == 1 else "none of the files exists")
    if not context:
        raise CredentialsError("it has no current-context")
    if context not in contexts:
        raise CredentialsError(f"context {context!r} does not exist")
    names = contexts[context]
    cluster_name, user_name = names.cluster or "", names.user or ""
    if cluster_name not in clusters:
        raise CredentialsError(f"cluster {cluster_name!r} of context {context!r} does not exist")
    if user_name and user_name not in users:
        raise CredentialsError(f"user {user_name!r} of context {context!r} does not exist")
    path, cluster_entry = clusters[cluster_name]
    user_path, user_entry = users.get(user_name, (path, {}))
    return Context(
        name=context,
        cluster_name=cluster_name,
        cluster=_convert(_resolved(cluster_entry, path), Cluster, f"cluster {cluster_name!r} in {path}"),
        user_name=user_name,
        user=_convert(_resolved(user_entry, user_path), User, f"user {user_name!r} in {user_path}"),
        user_fields=frozenset(user_entry),
    )


def _read_kubeconfig(path: str) -> _File:
    text = read_text(path, "kubeconfig")
    try:
        depth = 0
        for event in yaml.parse(text, _Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH:
                raise CredentialsError(f"{path} is nested too deeply")
        document = yaml.load(text, _Loader)  # noqa: S506 - one of the safe loaders
    except _YAML_ERRORS as error:
        # Without the cause and what it quotes: both may show secrets.
        problem = str(getattr(error, "problem", None) or "invalid value").partition("'")[0].strip()
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CredentialsError(f"{path} is not valid YAML{line}: {problem}") from None
    file = _convert({} if document is None else document, _File, path)
    for kind, entries in (("clusters", file.clusters), ("users", file.users), ("contexts", file.contexts)):
        names = [entry.name for entry in entries or []]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise CredentialsError(f"{path} has several {kind} with the name {duplicates[0]!r}")
    return file


def _convert(document: object, kind: type[_T], name: str) -> _T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise CredentialsError(f"{name} is invalid: {error}") from error


def _resolved(entry: Entry, file: str) -> Entry:
    """Return the entry with absolute paths: they are relative to the folder of the kubeconfig."""
    folder = os.path.dirname(os.path.abspath(file))
    resolved = dict(entry)
    for field in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if isinstance(entry.get(field), str) and entry[field]:
            resolved[field] = os.path.join(folder, entry[field])
    plugin = entry.get("exec")
    # A command without a slash is searched in PATH.
    if isinstance(plugin, dict) and isinstance(plugin.get("command"), str) and "/" in plugin["command"]:
        resolved["exec"] = plugin | {"command": os.path.join(folder, plugin["command"])}
    return resolved


def server_url(context: Context) -> str:
    """Return the base URL of the API server, without user name, query and trailing slash; raise CredentialsError."""
    text = context.cluster.server or ""
    with contextlib.suppress(ValueError):
        split = urllib.parse.urlsplit(text if "://" in text else f"https://{text}")
        valid = split.scheme in ("http", "https") and split.hostname and split.port != 0
        if valid and split.username is None and text.isprintable() and " " not in text:
            return f"{split.scheme}://{split.netloc}{split.path}".rstrip("/")
    raise CredentialsError(
        f"the server of cluster {context.cluster_name!r} must be like https://host:6443, without a user name"
    )
