"""Streams end when their credentials are no longer valid."""

from pathlib import Path

import pytest

from pod_index.api.authentication import Authenticator
from pod_index.settings import Settings
from tests.support.served import change, simple_pod, synced_index
from tests.support.watching import watched

CHANGES = 100


@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_stream_whose_credentials_are_no_longer_valid_ends(is_busy: bool, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("first\n")
    settings = Settings(auth_token_file=str(tokens), watch_heartbeat_seconds=0.5)
    authenticator = Authenticator.from_settings(settings)
    assert authenticator is not None
    assert authenticator.tokens is not None
    index = synced_index()
    async with watched(index, settings, authenticator) as server:
        assert (await server.get("watch=true&all=true")).status_code == 401
        headers = {"Authorization": "Bearer first", "X-Large": "x" * 8_000}
        async with server.stream(headers=headers) as stream:
            await stream.until_bookmark()
            tokens.write_text("second\n")
            authenticator.tokens.check()
            for version in range(1_001, 1_001 + CHANGES):
                if is_busy:
                    index.update(change(simple_pod("a", version, annotations={"version": str(version)})))
                while (event := await stream.next()) is not None and event["type"] in {"ADDED", "MODIFIED"}:
                    pass
                if event is None or event["type"] == "ERROR":
                    break
        assert event == {"type": "ERROR", "error": "the credentials are no longer valid", "code": 401}
        assert server.stats.watches_cut["unauthorized"] == 1
