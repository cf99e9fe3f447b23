"""python -m tests.apiserver."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


def started(*arguments: str) -> tuple[subprocess.Popen[str], str, Path]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.apiserver", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout
    url = process.stdout.readline().split()[0]
    kubeconfig = Path(process.stdout.readline().strip().removeprefix("export KUBECONFIG="))
    return process, url, kubeconfig


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    process, url, kubeconfig = started("--pods", "12")
    with process:
        config = json.loads(kubeconfig.read_text())
        token = config["users"][0]["user"]["token"]
        listed = httpx.get(url + "/api/v1/pods", headers={"Authorization": f"Bearer {token}"}).json()
        assert len(listed["items"]) == 12
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not kubeconfig.exists()


def test_its_pods_may_be_realistic_and_its_requests_encrypted_and_anonymous() -> None:
    process, url, _ = started("--pods", "2", "--realistic", "--tls", "--anonymous", "--no-streaming-list")
    with process:
        response = httpx.get(url + "/api/v1/pods", verify=False)
        assert len(response.content) > 18_000
        query = {"watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        assert httpx.get(url + "/api/v1/pods", params=query, verify=False).status_code == 422
        process.terminate()
        assert process.wait(20) == 0
