"""Logs in: loads the credentials in a limited time, without blocking the event loop or the end of the process."""

import asyncio
import contextlib
import functools
import logging
import os
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from pod_index.informer.credentials import Credentials, credentials_of, has_static_credentials, in_cluster_credentials
from pod_index.informer.errors import CredentialsError
from pod_index.informer.exec_plugin import PluginCredentials, plugin_name, run_plugin
from pod_index.informer.kubeconfig import kubeconfig_paths, read_context

logger = logging.getLogger("pod_index.informer")

NOTICE_SECONDS = 15.0
"""A login that takes longer than this is logged."""

_T = TypeVar("_T")


class CredentialsLoader:
    """Loads the credentials at each login.

    The first login decides between cluster and kubeconfig, and which context of the kubeconfig is used: later ones must
    not lead to another cluster. ``timeout_seconds`` limits each login.
    """

    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._source: str | None = None
        """The name of the context; empty for the cluster's own configuration; None before the first login."""
        self._blocked = False
        """Whether a thread has not returned yet."""

    async def load(self) -> Credentials:
        """Read the in-cluster configuration, or else the kubeconfig; raise CredentialsError if neither is usable."""
        try:
            return await self._load(asyncio.get_running_loop().time() + self._timeout_seconds)
        except CredentialsError as error:
            raise CredentialsError(f"cannot log in to Kubernetes: {error}") from error
        except Exception as error:  # noqa: BLE001 - raised again, without the text, which could show a secret
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise CredentialsError(
                "cannot log in to Kubernetes: internal error"
                f" ({type(error).__name__} in {place.name}, line {place.lineno}); please report it"
            ) from None

    async def _load(self, deadline: float) -> Credentials:
        in_cluster = "not in a cluster"
        if not self._source and os.environ.get("KUBERNETES_SERVICE_HOST"):
            try:
                credentials = await self._in_thread(
                    in_cluster_credentials, deadline, "the files of the service account"
                )
            except CredentialsError as error:
                in_cluster = f"in-cluster configuration unusable: {error}"
            else:
                self._source = ""
                return credentials
        if self._source == "":
            raise CredentialsError(f"{in_cluster}; check the service account of the pod")
        variable = os.environ.get("KUBECONFIG", "")
        try:
            return await self._from_kubeconfig(kubeconfig_paths(variable), deadline)
        except CredentialsError as error:
            raise CredentialsError(
                f"{in_cluster}, and kubeconfig {variable or '~/.kube/config'} unusable: {error};"
                " point KUBECONFIG at a working kubeconfig (kubectl config view shows the one in use)"
            ) from error

    async def _from_kubeconfig(self, paths: list[str], deadline: float) -> Credentials:
        files = "the files of the kubeconfig"
        context = await self._in_thread(functools.partial(read_context, paths, self._source), deadline, files)
        ca, _ = await self._in_thread(functools.partial(context.data_or_file, "certificate_authority"), deadline, files)
        plugin = context.user.exec
        credentials: PluginCredentials | None = None
        if plugin is not None and not has_static_credentials(context):
            async with self._limited(deadline, plugin_name(plugin)):
                credentials = await run_plugin(plugin, context, ca)
        found = await self._in_thread(functools.partial(credentials_of, context, credentials), deadline, files)
        self._source = context.name
        return found

    async def _in_thread(self, function: Callable[[], _T], deadline: float, name: str) -> _T:
        """Run a function that can block; errors call it ``name``.

        Unlike ``asyncio.to_thread``, a file system that hangs does not keep the process from ending.
        """
        if self._blocked:
            raise CredentialsError("an earlier login still waits for a file")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def deliver(result: Any, error: Exception | None) -> None:
            if not future.done():
                future.set_result(result) if error is None else future.set_exception(error)

        def run() -> None:
            result, failure = None, None
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - raised again in the event loop
                failure = error
            self._blocked = False
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(deliver, result, failure)

        async with self._limited(deadline, name):
            self._blocked = True
            threading.Thread(target=run, name="login", daemon=True).start()
            return await future

    @contextlib.asynccontextmanager
    async def _limited(self, deadline: float, name: str) -> AsyncIterator[None]:
        """Log a line if something takes long, and end it at the deadline."""
        limit = f"{self._timeout_seconds:g} s (LOGIN_TIMEOUT_SECONDS)"
        loop = asyncio.get_running_loop()
        notice = loop.call_later(
            NOTICE_SECONDS, logger.warning, "The login still waits for %s; it is given up after %s", name, limit
        )
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            raise CredentialsError(f"{name} did not finish within {limit}") from error
        finally:
            notice.cancel()
