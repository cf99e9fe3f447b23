"""Serve lookups without and with authentication, and over TLS, for the measurement of their cost.

The argument is the number of pods. A line of JSON on stdout has the ports by variant, and the UIDs. The program ends
when stdin ends.
"""

import asyncio
import base64
import contextlib
import json
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import trustme
import uvloop

from pod_index.api.app import create_app
from pod_index.api.authentication import Authenticator
from pod_index.informer.json_wire import decode_list
from pod_index.pods import Pod
from pod_index.server.certificate import Certificate
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.index import PodIndex
from tests.apiserver import realistic_pod
from tests.support.certificates import MountedSecret
from tests.support.operator_process import free_port
from tests.support.plain_lookups import plain_lookups
from tests.support.served import listing, replace_page

PLAIN, LOGIN, TOKEN, TLS = VARIANTS = ("plain", "login", "token", "tls")

_NAME, _PASSWORD, _SECRET = "ann", "correct horse battery staple", "0123456789abcdef" * 4

CREDENTIALS = {
    LOGIN: f"Basic {base64.b64encode(f'{_NAME}:{_PASSWORD}'.encode()).decode()}",
    TOKEN: f"Bearer {_SECRET}",
}
"""The ``Authorization`` header of each variant that needs one."""


@contextlib.asynccontextmanager
async def serving(index: PodIndex) -> AsyncIterator[dict[str, int]]:
    """Serve all variants; yield their ports."""
    ports, servers = {variant: free_port() for variant in VARIANTS}, []
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens"
        tokens.write_text(f"{_SECRET}\n")
        settings = dict.fromkeys(VARIANTS, Settings())
        settings[LOGIN] = Settings(basic_auth_username=_NAME, basic_auth_password=_PASSWORD)
        settings[TOKEN] = Settings(auth_token_file=str(tokens))
        secret = MountedSecret(Path(folder), trustme.CA())
        certificate = Certificate(str(secret.certificate), str(secret.key))
        for variant, port in ports.items():
            servers.append(_server(index, settings[variant], port, certificate.context if variant == TLS else None))
            await servers[-1].start()
        yield ports
        for server in servers:
            await server.stop()


async def serve(pods: int) -> None:
    """Serve until stdin ends."""
    index = PodIndex()
    made = [_pod(number) for number in range(pods)]
    replace_page(index, listing(*made))
    async with serving(index) as ports:
        print(json.dumps({"ports": ports, "uids": [pod.metadata.uid for pod in made]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _server(index: PodIndex, settings: Settings, port: int, tls: ssl.SSLContext | None) -> Server:
    stats, authenticator = Stats(), Authenticator.from_settings(settings)
    app = create_app(index, lambda: 0.0, settings, stats=stats, authenticator=authenticator)
    lookups = plain_lookups(app, authenticator)
    return Server(app, msgspec.structs.replace(settings, port=port), sys.exit, tls=tls, stats=stats, lookups=lookups)


def _pod(number: int) -> Pod:
    made = realistic_pod(number)
    made["metadata"]["resourceVersion"] = "1"
    page = {"metadata": {"resourceVersion": "1"}, "items": [made]}
    (pod,) = decode_list(json.dumps(page).encode()).items or []
    return pod


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
