"""The operator: ``kopf run -A operator/main.py`` keeps an index of all pods and answers lookups over HTTP.

The way of a pod: ``feed`` lists and watches the API server for Kopf, Kopf calls ``pod_event``, which hands the pod
to ``index``, from which ``api`` answers. Kopf executes this file by path, so it must not be imported elsewhere.
"""

import asyncio
import gc
import logging
import os
import time
from typing import Any, NoReturn, cast

import aiohttp
import kopf

from pod_index.api.access_log import AccessLog
from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.authentication import Authenticator
from pod_index.informer import kopf_settings
from pod_index.informer.client import ApiClient
from pod_index.informer.credentials import CredentialsError, load_credentials
from pod_index.informer.kopf_session import KopfSession
from pod_index.server.certificate import Certificate, CertificateError
from pod_index.server.listener import ListenError
from pod_index.server.server import Server
from pod_index.settings import Settings, SettingsError
from pod_index.stats import Stats
from pod_index.store.index import PodIndex

logger = logging.getLogger("pod_index")

# Now, as Kopf has set its logs up before it loads this, and warns before it calls any handler.
kopf_settings.configure_logs()


@kopf.on.startup(id="start")
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Make what lives as long as the operator, and listen: /health is 200 before the first sync."""
    await asyncio.sleep(0)  # Kopf's other tasks have to begin before they can be cancelled without a warning.
    try:
        memo.settings = Settings.from_environ(os.environ)
        memo.index = PodIndex(
            index_names=memo.settings.lookup_keys,
            retention_seconds=memo.settings.deleted_retention_seconds,
            retention_max=memo.settings.deleted_retention_max,
        )
        client = ApiClient(load_credentials, user_agent="pod-index")
        stats = Stats()
        memo.feed = KopfSession(client, memo.settings, stats)
        authenticator = Authenticator.from_settings(memo.settings)
        memo.app = create_app(memo.index, memo.feed.age, memo.settings, stats=stats, authenticator=authenticator)
        tls = None
        if memo.settings.tls_cert_file:
            certificate = Certificate(memo.settings.tls_cert_file, memo.settings.tls_key_file)
            memo.certificate_watch = asyncio.create_task(certificate.watch(), name="certificate")
            memo.certificate_watch.add_done_callback(certificate_watch_ended)
            tls = certificate.context
        served = AccessLog(memo.app) if memo.settings.access_log else memo.app
        memo.server = Server(served, memo.settings, give_up, tls=tls, stats=stats)
        await memo.server.start()
        await client.login()
    except (SettingsError, CertificateError, ListenError, CredentialsError) as error:
        give_up(str(error))
    kopf_settings.configure(settings)
    # What has been imported stays. Every full collection would look through it: 26 ms without an answer.
    gc.freeze()
    memo.listening = True
    logger.info("Listening on port %d", memo.settings.port)


@kopf.on.cleanup(id="stop")
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Turn /ready to 503, go on answering until load balancers have noticed, then stop."""
    began = time.monotonic()
    if "server" in memo:
        begin_shutdown(memo.app)
        await asyncio.sleep(memo.settings.shutdown_drain_seconds)
        await memo.server.stop()
    if "certificate_watch" in memo:
        memo.certificate_watch.cancel()
    if "feed" in memo:
        await memo.feed.close()
    if "listening" in memo:
        logger.info("Stopped in %.1f s", time.monotonic() - began)


@kopf.on.login(id="login")
async def login(memo: kopf.Memo, **_: Any) -> kopf.AiohttpSession:
    """Hand Kopf the feed as its session with the API server."""
    return kopf.AiohttpSession(
        server="https://kubernetes.default.svc", aiohttp_session=cast(aiohttp.ClientSession, memo.feed)
    )


@kopf.on.event("", "v1", "pods", id="pod")
async def pod_event(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Write the index: resume (a page of a listing), create, update and delete."""
    with memo.feed.ticket(event) as said:
        match event["type"]:
            case None:
                was_synced = memo.index.synced
                memo.index.replace_page(said)
                if memo.index.synced and not was_synced:
                    gc.freeze()  # Most pods stay, too.
            case "ADDED" | "MODIFIED":
                memo.index.update(said)
            case "DELETED":
                memo.index.delete(said)


@kopf.on.probe(id="pods")
async def probe_pods(memo: kopf.Memo, **_: Any) -> int:
    """Tell the number of pods at Kopf's liveness endpoint."""
    return len(memo.index)


@kopf.on.probe(id="synced")
async def probe_synced(memo: kopf.Memo, **_: Any) -> bool:
    """Tell whether the first sync is complete."""
    return bool(memo.index.synced)


@kopf.on.probe(id="age")
async def probe_age(memo: kopf.Memo, **_: Any) -> float | None:
    """Tell how many seconds ago the API server last confirmed the data."""
    age = cast(float | None, memo.feed.age())
    return None if age is None else round(age, 1)


def certificate_watch_ended(watch: asyncio.Task[None]) -> None:
    """End the operator before it shows a certificate that has expired: Kubernetes starts it again with the new one."""
    if not watch.cancelled():
        give_up(f"TLS_CERT_FILE is not watched any more ({watch.exception()!r})")


def give_up(reason: str) -> NoReturn:
    """End the operator with one line and exit code 1: SystemExit passes through Kopf, which still cleans up."""
    logger.critical(reason)
    raise SystemExit(1)
