"""The peers while the process runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pod_index.environ import SettingsError
from pod_index.fleet.fleet import Fleet
from pod_index.settings import Settings
from pod_index.stats import Stats
from tests.support.peers import Received, cluster, pod_index, scripted, write_peers
from tests.support.polling import eventually_true
from tests.support.served import UID, example_pod, synced_index

EMPTY = synced_index()
QUERY = f"uid={UID}&clusters=all"


async def test_a_new_peer_is_asked_and_a_removed_one_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with pod_index(synced_index(example_pod())) as b, cluster(tmp_path, EMPTY, {}) as here:
        assert (await here.get(QUERY))[0] == 404
        here.fleet.check()
        write_peers(here.path, {"b": b})
        here.fleet.check()
        assert (await here.get(QUERY))[1]["cluster"] == "b"
        write_peers(here.path, {})
        here.fleet.check()
        assert (await here.get(QUERY))[0] == 404
        here.fleet.check()
    reloads = [line for line in caplog.messages if "PEERS_FILE" in line]
    assert reloads == ["PEERS_FILE reloaded; clusters: a, b", "PEERS_FILE reloaded; clusters: a"]


async def test_a_broken_file_keeps_the_peers_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with pod_index(synced_index(example_pod())) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        for broken in ('{"peers": [{"name": "b"}]}', None):
            here.path.unlink() if broken is None else here.path.write_text(broken)
            for _ in range(3):
                here.fleet.check()
            assert (await here.get(QUERY))[1]["cluster"] == "b"
        assert caplog.messages == [
            f"PEERS_FILE {here.path}, peer b: Object missing required field `url`; the previous peers stay in use",
            f"PEERS_FILE {here.path} cannot be read (No such file or directory); the previous peers stay in use",
        ]
        write_peers(here.path, {"c": b})
        here.fleet.check()
        assert (await here.get(QUERY))[1]["cluster"] == "c"


async def test_an_unchanged_peer_keeps_its_connection_and_a_changed_one_is_asked_at_once(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong")
    (tmp_path / "accepted").write_text("right")
    auth: dict[str, Any] = {"auth_token_file": str(tmp_path / "accepted")}
    entry = {"tokenFile": "token"}
    async with (
        pod_index(EMPTY, **auth) as b,
        pod_index(EMPTY) as c,
        cluster(tmp_path, EMPTY, {"b": {"url": b, **entry}, "c": c}, **auth) as here,
    ):
        assert (await here.get(QUERY))[0] == 503
        assert (await here.get(QUERY))[0] == 503
        assert here.results("b") == {"unauthorized": 1, "skipped": 1}
        unchanged = here.fleet._clients["c"]
        (tmp_path / "token").write_text("right")
        here.fleet.check()
        assert (await here.get(QUERY))[0] == 404
        assert here.fleet._clients["c"] is unchanged


@pytest.mark.parametrize("replaced", [True, False])
async def test_a_failure_of_a_peer_that_was_replaced_or_removed_meanwhile_says_nothing(
    replaced: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    proceed = asyncio.Event()

    async def fail_late(_: Received) -> bytes | None:
        await proceed.wait()
        return None

    async with scripted(fail_late) as b, pod_index(EMPTY) as other, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        asked = asyncio.create_task(here.get(QUERY))
        await eventually_true(lambda: b.requests)
        write_peers(here.path, {"b": other} if replaced else {})
        here.fleet.check()
        proceed.set()
        assert (await asked)[0] == 503
        assert here.stats.peers_up == ({"b": True} if replaced else {})
        assert (await here.get(QUERY))[0] == 404
    assert "No answer" not in caplog.text


def test_peers_with_credentials_need_authentication_here(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    write_peers(tmp_path / "peers", {"b": {"url": "https://b", "tokenFile": "token"}})
    settings: dict[str, Any] = {"cluster_name": "a", "peers_file": str(tmp_path / "peers")}
    with pytest.raises(
        SettingsError, match=r"^PEERS_FILE has credentials for cluster b, so requests need authentication"
    ):
        Fleet(Settings(**settings), Stats())
    assert Fleet(Settings(**settings, auth_token_file="/tokens"), Stats())
    assert Fleet(Settings(**settings, listen_address="127.0.0.1"), Stats())
    with pytest.raises(SettingsError):
        Fleet(Settings(**settings, listen_address="10.0.0.1"), Stats())
    assert Fleet(Settings(**settings, basic_auth_username="ann", basic_auth_password="x"), Stats())


async def test_a_reload_does_not_bring_credentials_without_authentication_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("s3cret")
    async with cluster(tmp_path, EMPTY, {"b": "http://127.0.0.1:1"}) as here:
        write_peers(here.path, {"b": {"url": "http://127.0.0.1:1", "tokenFile": "token"}})
        for _ in range(3):
            here.fleet.check()
        assert here.fleet._clients["b"].peer.authorization == ""
    (line,) = caplog.messages
    assert line.startswith("PEERS_FILE has credentials for cluster b, so requests need authentication here, too: ")
    assert "s3cret" not in line


async def test_a_mounted_secret_that_is_replaced_is_read_as_a_whole(tmp_path: Path) -> None:
    auth: dict[str, Any] = {"auth_token_file": str(tmp_path / "own")}
    (tmp_path / "own").write_text("own-token")

    def mount(version: str, url: str, token: str) -> None:
        """Do as the kubelet does: https://kubernetes.io/docs/concepts/configuration/secret/."""
        (tmp_path / version).mkdir()
        write_peers(tmp_path / version / "peers", {"b": {"url": url, "tokenFile": "token"}})
        (tmp_path / version / "token").write_text(token)
        (tmp_path / "..new").symlink_to(version)
        (tmp_path / "..new").rename(tmp_path / "..data")

    async with pod_index(synced_index(example_pod()), **auth) as b:
        mount("1", "http://127.0.0.1:1", "other-token")
        settings = Settings(cluster_name="a", peers_file=str(tmp_path / "..data" / "peers"), **auth)
        fleet = Fleet(settings, Stats())
        fleet.start()
        mount("2", b, "own-token")
        fleet.check()
        assert fleet._clients["b"].peer.url == b
        assert fleet._clients["b"].peer.authorization == "Bearer own-token"
        await fleet.close()
