"""The operator: ``kopf run -A operator/main.py`` keeps an index of all pods and answers lookups over HTTP.

The way of a pod: ``informer`` lists and watches the API server for Kopf, Kopf calls ``pod_event``, which writes the
pod to the index of ``store``, from which ``api`` answers. Kopf executes this file by path; do not import it.
"""

import asyncio
import dataclasses
import gc
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn, Self

import kopf
from starlette.applications import Starlette

from pod_index import __version__
from pod_index.api.access_log import AccessLog
from pod_index.api.app import begin_shutdown, create_app, endpoint_context
from pod_index.api.authentication import Authenticator
from pod_index.api.endpoints import POD_PATH
from pod_index.environ import SettingsError
from pod_index.fleet.fleet import Fleet
from pod_index.informer import kopf_settings
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import CredentialsError
from pod_index.informer.kopf_session import KopfSession
from pod_index.informer.login import CredentialsLoader
from pod_index.server.certificate import Certificate, CertificateError
from pod_index.server.listener import ListenError
from pod_index.server.lookups import PlainLookups
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Changes, ListPage, Progress
from pod_index.store.index import PodIndex
from pod_index.store.table import SLICE

GARBAGE_THRESHOLD = 150_000
"""How many more objects there are before the garbage collector runs. An event of Kopf leaves 25 in reference cycles."""

COLLECTED_PAGES = 16
"""After so many pages of listings the garbage collector runs too: their reference cycles hold pods."""

logger = logging.getLogger("pod_index")


def give_up(reason: str) -> NoReturn:
    """End the operator with one line and exit code 1: SystemExit passes through Kopf."""
    logger.critical(reason)
    logging.getLogger("kopf").setLevel(logging.ERROR)  # It may warn that it skips the cleanup handlers.
    raise SystemExit(1)


# At import: Kopf sets its logs up before it loads this file, and logs warnings before it calls the first handler.
kopf_settings.configure_logs()
try:
    kopf_settings.check_options()
except kopf_settings.OptionsError as error:
    give_up(str(error))


FileWatch = Callable[[], Coroutine[Any, Any, None]]
"""Reloads the file of a setting when it changes; runs until it is cancelled."""


@dataclasses.dataclass(kw_only=True)
class Service:
    """The objects that live as long as the operator. Handlers find them in Kopf's memo."""

    settings: Settings
    index: PodIndex
    client: ApiClient
    session: KopfSession
    app: Starlette
    server: Server
    fleet: Fleet | None
    watched_files: Mapping[str, FileWatch]
    file_watches: list[asyncio.Task[None]] = dataclasses.field(default_factory=list)
    pages: int = 0
    """The pages of listings so far."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Make the objects, which open nothing before ``start``; raise SettingsError or CertificateError."""
        settings, stats = Settings.from_environ(environ), Stats()
        index = PodIndex(
            index_names=settings.lookup_keys,
            retention_seconds=settings.deleted_retention_seconds,
            retention_max=settings.deleted_retention_max,
            retention_max_bytes=settings.deleted_retention_max_bytes,
            keeping=settings.keeping,
            selective=bool(settings.selectors),
            details=settings.details,
        )
        loader = CredentialsLoader(timeout_seconds=settings.login_timeout_seconds)
        client = ApiClient(loader.load, user_agent="pod-index")
        session = KopfSession(client, settings, stats, give_up)
        authenticator = Authenticator.from_settings(settings)
        fleet = Fleet.from_settings(settings, stats)
        app = create_app(index, session.age, settings, stats=stats, authenticator=authenticator, clusters=fleet)
        context, authorized = endpoint_context(app), authenticator.accepts if authenticator else None
        lookups = PlainLookups(POD_PATH, context.find_plain, context.age, stats, authorized)
        certificate = Certificate(settings.tls_cert_file, settings.tls_key_file) if settings.tls_cert_file else None
        watched_files: dict[str, FileWatch] = {}
        if certificate is not None:
            watched_files["TLS_CERT_FILE"] = certificate.watch
        if authenticator is not None and authenticator.tokens is not None:
            watched_files["AUTH_TOKEN_FILE"] = authenticator.tokens.watch
        if fleet is not None and fleet.has_peers_file:
            watched_files["PEERS_FILE"] = fleet.watch
        server = Server(
            AccessLog(app) if settings.access_log else app,
            settings,
            give_up,
            tls=certificate.context if certificate else None,
            stats=stats,
            lookups=None if settings.access_log else lookups,  # The application logs requests.
        )
        return cls(
            settings=settings,
            index=index,
            client=client,
            session=session,
            app=app,
            server=server,
            fleet=fleet,
            watched_files=watched_files,
        )

    async def start(self) -> None:
        """Listen, then log in to the API server; raise ListenError or CredentialsError."""
        for variable, watch in self.watched_files.items():
            task = asyncio.create_task(watch(), name=variable)
            task.add_done_callback(file_watch_ended)
            self.file_watches.append(task)
        if self.fleet is not None:
            self.fleet.start()
        await self.server.start()
        await self.client.login()

    def summary(self) -> str:
        """Return what the service uses and offers, in one line."""
        settings, credentials = self.settings, self.client.credentials
        schemes = [
            *(["password"] if settings.basic_auth_username else []),
            *(["token"] if settings.auth_token_file else []),
        ]
        return (
            f"pod-index {__version__}; API server: {credentials.server if credentials else 'none'};"
            f" encoding: protobuf, else JSON; namespaces: {','.join(kopf_settings.namespaces()) or 'all'};"
            + "".join(f" {name}: {selector};" for name, selector in settings.selectors.items())
            + f" lookup keys: {','.join(('uid', *sorted(settings.lookup_keys)))};"
            f" authentication: {' or '.join(schemes) or 'none'}; TLS: {'on' if settings.tls_cert_file else 'off'}"
            + (f"; clusters: {', '.join(self.fleet.select([]))}" if self.fleet is not None else "")
        )

    async def stop(self) -> None:
        """Turn ``/ready`` to 503, answer until load balancers have noticed, and close."""
        begin_shutdown(self.app)
        await asyncio.sleep(self.settings.shutdown_drain_seconds)
        await self.close()

    async def close(self) -> None:
        """Close all that ``start`` opened, even if it failed half way."""
        await self.server.stop()
        for task in self.file_watches:
            task.cancel()
        if self.fleet is not None:
            await self.fleet.close()
        await self.session.close()

    async def write(self, item: ListPage | Changes) -> None:
        """Write an item of a stream to the index."""
        was_synced, history_resets = self.index.synced, self.index.history_resets
        if isinstance(item, ListPage):
            for _ in self.index.replace_page(item):
                await asyncio.sleep(0)
            self.pages += 1
            if self.pages % COLLECTED_PAGES == 0:
                gc.collect(0)
            if self.index.history_resets > history_resets and not item.history_reset:
                logger.warning("The API server's history was reset: pods are older than known, or exist again")
        else:
            for number, delta in enumerate(item, 1):
                if isinstance(delta, Progress):
                    self.index.advance(delta)
                elif delta.type == "DELETED":
                    self.index.delete(delta)
                else:
                    self.index.update(delta)
                if number % SLICE == 0:
                    await asyncio.sleep(0)
        if self.index.synced and not was_synced:
            gc.freeze()  # Most pods of the first sync stay, too: see start().


@kopf.on.startup(id="start")
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Make the service and start it: ``/health`` is 200 before the first sync."""
    await asyncio.sleep(0)  # Kopf's other tasks must begin first: cancelled before that, they cause warnings.
    try:
        service = memo.service = Service.from_environ(os.environ)
        try:
            await service.start()
        except BaseException:  # a signal during the login, too: Kopf then calls no cleanup handler
            await service.close()
            raise
    except (SettingsError, CertificateError, ListenError, CredentialsError) as error:
        give_up(str(error))
    except Exception as error:
        # Kopf would call this handler again after a minute.
        logger.debug("The start failed", exc_info=True)
        give_up(f"the start failed by an internal error ({error!r}); please report it, with the log of kopf run -d")
    kopf_settings.configure(settings)
    # Imported modules stay. Without this, each full garbage collection scans them and blocks the loop for 26 ms.
    gc.freeze()
    # Answered requests and closed connections leave no reference cycles, so collections find little. Each visits all
    # objects of the requests in progress: with 2,000 hostile clients it blocks the loop for 80 ms.
    gc.set_threshold(GARBAGE_THRESHOLD, 10, 10)
    logger.info(service.summary())
    address = f" of {service.settings.listen_address}" if service.settings.listen_address else ""
    logger.info("Listening on port %d%s", service.settings.port, address)


@kopf.on.cleanup(id="stop")
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Stop the service, if the startup got far enough to make one."""
    service: Service | None = memo.get("service")
    if service is not None:
        began = time.monotonic()
        await service.stop()
        logger.info("Stopped in %.1f s", time.monotonic() - began)


@kopf.on.login(id="login")
async def login(memo: kopf.Memo, **_: Any) -> kopf.AiohttpSession:
    """Give Kopf the session that carries lists and watches of pods."""
    return kopf.AiohttpSession(server="https://kubernetes.default.svc", aiohttp_session=memo.service.session)


@kopf.on.event("", "v1", "pods", id="pod")
async def pod_event(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Write the index: resume (a page of a listing), create, update and delete."""
    service: Service = memo.service
    with service.session.ticket(event) as item:
        await service.write(item)


@kopf.on.probe(id="pods")
async def probe_pods(memo: kopf.Memo, **_: Any) -> int:
    """Return the number of pods, for Kopf's liveness endpoint."""
    service: Service = memo.service
    return len(service.index)


@kopf.on.probe(id="synced")
async def probe_synced(memo: kopf.Memo, **_: Any) -> bool:
    """Return whether the first sync is complete."""
    service: Service = memo.service
    return service.index.synced


@kopf.on.probe(id="age")
async def probe_age(memo: kopf.Memo, **_: Any) -> float | None:
    """Return how many seconds ago the API server last confirmed the data."""
    service: Service = memo.service
    age = service.session.age()
    return None if age is None else round(age, 1)


def file_watch_ended(watch: asyncio.Task[None]) -> None:
    """End the operator before its certificate expires or a new token is missed: Kubernetes starts it again."""
    if not watch.cancelled():
        give_up(f"{watch.get_name()} is no longer watched ({watch.exception()!r})")


if __name__ == "__main__":
    raise SystemExit("This file is run by Kopf: kopf run -A operator/main.py")
