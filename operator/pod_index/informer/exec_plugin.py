"""Runs an exec plugin, which logs in and prints credentials.

``kubernetes.config`` runs plugins too, but waits for them without end, cannot be interrupted, and goes on without
credentials if they fail.
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import asyncio
import base64
import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
from typing import Any

import msgspec

from pod_index.informer.errors import CredentialsError
from pod_index.informer.files import check_token, one_line
from pod_index.informer.kubeconfig import Cluster, Context, Exec

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")

OUTPUT_BYTES = 1024 * 1024
"""The maximum output of a plugin."""

ERROR_BYTES = 4096
"""Of a plugin's errors, the end of this size is kept."""

ERROR_CHARACTERS = 300
"""The maximum length of a plugin's errors in the log."""

EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is the configuration of its plugin."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PluginCredentials:
    """What a plugin returned. Secrets."""

    token: str | None = dataclasses.field(repr=False)
    certificate: bytes | None = dataclasses.field(repr=False)
    """A client certificate in PEM format, with ``key``."""
    key: bytes | None = dataclasses.field(repr=False)


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


def plugin_name(plugin: Exec) -> str:
    """Return what errors call the plugin. Its arguments can have secrets."""
    return f"exec plugin {plugin.command!r}"


async def run_plugin(plugin: Exec, context: Context, ca: bytes | None) -> PluginCredentials:
    """Run the plugin and return its credentials; raise CredentialsError if there are none.

    ``ca`` is the content of the cluster's CA. If this is cancelled, the plugin and its children are killed.
    """
    name = plugin_name(plugin)
    if not plugin.command:
        raise CredentialsError(f"the exec plugin of user {context.user_name!r} has no command")
    if plugin.api_version not in API_VERSIONS:
        raise CredentialsError(f"{name} needs an apiVersion of {' or '.join(API_VERSIONS)} in the kubeconfig")
    if plugin.interactive_mode == "Always":
        raise CredentialsError(f"{name} has interactiveMode Always, but pod-index has no terminal for it")
    program = shutil.which(plugin.command)
    if program is None:
        hint = f"; {one_line(plugin.install_hint, ERROR_CHARACTERS)}" if plugin.install_hint else ""
        raise CredentialsError(f"{name} is not installed, or not executable{hint}")
    environ = {**os.environ, **{variable.name: variable.value or "" for variable in plugin.env or []}}
    environ["KUBERNETES_EXEC_INFO"] = _exec_info(plugin, context.cluster, ca)
    try:
        transport, output = await _start([program, *(plugin.args or [])], environ)
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{name} cannot be started ({getattr(error, 'strerror', None) or 'NUL'})") from None
    complete = False
    try:
        complete = await output.complete
    finally:
        if not complete:
            await _kill(transport, output)
        transport.close()
    if not complete:
        raise CredentialsError(f"{name} printed more than {OUTPUT_BYTES // 1024**2} MiB")
    if code := transport.get_returncode():
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        errors = one_line(output.stderr.decode(errors="replace"), ERROR_CHARACTERS)
        raise CredentialsError(f"{name} failed with {how}" + (f": {errors}" if errors else ""))
    return _parse(output.stdout, plugin.api_version, name)


def _exec_info(plugin: Exec, cluster: Cluster, ca: bytes | None) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        fields = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
            "certificate-authority-data": base64.b64encode(ca).decode() if ca else None,
            "proxy-url": cluster.proxy_url,
            "disable-compression": cluster.disable_compression,
            "config": next((item.extension for item in cluster.extensions or [] if item.name == EXTENSION), None),
        }
        spec["cluster"] = {field: value for field, value in fields.items() if value}
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return msgspec.json.encode(info).decode()


class _Output(asyncio.SubprocessProtocol):
    """Keeps the output of a plugin, and of its errors the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.complete: asyncio.Future[bool] = loop.create_future()
        """True when the plugin has ended and its pipes are closed; False when there is too much output."""
        self.exited: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self.stdout += data
            if len(self.stdout) > OUTPUT_BYTES:
                self._complete(complete=False)
        else:
            self.stderr += data
            del self.stderr[:-ERROR_BYTES]

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._complete(complete=True)

    def _complete(self, *, complete: bool) -> None:
        if not self.complete.done():
            self.complete.set_result(complete)


async def _start(command: list[str], environ: dict[str, str]) -> tuple[asyncio.SubprocessTransport, _Output]:
    loop = asyncio.get_running_loop()
    start = asyncio.ensure_future(
        loop.subprocess_exec(
            lambda: _Output(loop),
            *command,
            stdin=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,  # a process group of its own, to kill its children too
        )
    )
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError, ValueError):
            transport, output = await start
            await _kill(transport, output)
            transport.close()
        raise


async def _kill(transport: asyncio.SubprocessTransport, output: _Output) -> None:
    """Kill a plugin and its children, and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(transport.get_pid(), signal.SIGKILL)
    await asyncio.wait([output.exited], timeout=1.0)


def _parse(stdout: bytearray, api_version: str, name: str) -> PluginCredentials:
    """Return the credentials in the output of a plugin. Errors do not show the output."""
    try:
        credential = msgspec.json.decode(stdout, type=_ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CredentialsError(f"{name} did not print a valid ExecCredential in JSON") from None
    if credential.kind != "ExecCredential" or credential.api_version != api_version:
        known = re.fullmatch(r"client\.authentication\.k8s\.io/[a-z0-9]{1,20}", credential.api_version)
        printed = credential.api_version if known and credential.kind == "ExecCredential" else "another type"
        raise CredentialsError(f"{name} printed {printed}, but the kubeconfig expects {api_version}")
    status = credential.status or _Status()
    certificate, key = status.client_certificate_data or None, status.client_key_data or None
    if (certificate is None) != (key is None):
        raise CredentialsError(f"{name} returned only one of client certificate and key")
    if not status.token and certificate is None:
        raise CredentialsError(f"{name} returned neither a token nor a client certificate")
    return PluginCredentials(
        token=check_token(status.token, f"the token of {name}") if status.token else None,
        certificate=certificate.encode() if certificate else None,
        key=key.encode() if key else None,
    )
