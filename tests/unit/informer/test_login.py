"""Logins that take long."""

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from pod_index.informer import login
from pod_index.informer.errors import CredentialsError
from pod_index.informer.login import CredentialsLoader
from tests.support.kubeconfigs import config, plugin
from tests.support.polling import eventually


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return path


def write(path: Path, user: dict[str, Any]) -> None:
    path.write_text(json.dumps(config(user)))


async def failure(loader: CredentialsLoader) -> str:
    with pytest.raises(CredentialsError) as caught:
        await loader.load()
    return str(caught.value)


async def test_a_plugin_that_hangs_is_named_in_the_log_and_given_up(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(login, "NOTICE_SECONDS", 0.05)
    write(kubeconfig, plugin("sleep 30"))
    line = await failure(CredentialsLoader(timeout_seconds=0.3))
    assert "exec plugin 'sh' did not finish within 0.3 s (LOGIN_TIMEOUT_SECONDS)" in line
    assert caplog.record_tuples == [
        (
            "pod_index.informer",
            logging.WARNING,
            "The login still waits for exec plugin 'sh'; it is given up after 0.3 s (LOGIN_TIMEOUT_SECONDS)",
        )
    ]


async def test_a_file_that_hangs_is_given_up_and_opened_once(kubeconfig: Path) -> None:
    pipe = kubeconfig.with_name("pipe")
    os.mkfifo(pipe)
    write(kubeconfig, {"tokenFile": str(pipe)})
    loader = CredentialsLoader(timeout_seconds=0.1)
    assert "the files of the kubeconfig did not finish within 0.1 s" in await failure(loader)
    assert "an earlier login still waits for a file" in await failure(loader)
    await asyncio.to_thread(pipe.write_text, "t")  # the thread ends
    write(kubeconfig, {"token": "t"})
    await asyncio.to_thread(eventually, lambda: not loader._blocked)
    loader._timeout_seconds = 30
    assert (await loader.load()).authorization == "Bearer t"


async def test_an_internal_error_is_one_line_without_secrets(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_context(*_: object) -> None:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr(login, "read_context", read_context)
    line = await failure(CredentialsLoader(timeout_seconds=5))
    assert line.startswith("cannot log in to Kubernetes: internal error (ZeroDivisionError in read_context, line ")
    assert "s3cret" not in line
