"""The documented examples of authentication work."""

import re
import shlex
import shutil
from pathlib import Path

import httpx
import pytest
import yaml

from pod_index.api.authentication import Authenticator
from pod_index.settings import Settings
from tests.support.documents import OPERATOR, section
from tests.support.manifests import JSON, complaints, documented_overlay, kustomized
from tests.support.served import UID, example_pod, served, synced_index

SECTION = section(OPERATOR, "### Authentication")
COMMANDS = re.findall(r"^curl .+$", SECTION, re.MULTILINE)
PATCH = re.findall(r"```yaml\n(patches:.*?)```", SECTION, re.DOTALL)[0]
VALUES = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3:cret", "TOKEN": "t0ken", "POD_UID": UID}


@pytest.fixture
def authenticator(tmp_path: Path) -> Authenticator:
    (tmp_path / "tokens").write_text("t0ken\n")
    authenticator = Authenticator.from_settings(
        Settings(basic_auth_username="ann", basic_auth_password="s3:cret", auth_token_file=str(tmp_path / "tokens"))
    )
    assert authenticator is not None
    return authenticator


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_is_let_in(command: str, authenticator: Authenticator) -> None:
    for name, value in VALUES.items():
        command = command.replace(f"${{{name}}}", value).replace(f"${name}", value)
    curl, option, credentials, url = shlex.split(command)
    login = None
    headers = {}
    if option == "-u":
        login = httpx.BasicAuth(*credentials.split(":", 1))
    else:
        assert option == "-H"
        name, _, value = credentials.partition(": ")
        headers[name] = value
    async with served(synced_index(example_pod()), authenticator=authenticator) as client:
        assert curl == "curl"
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url, auth=login, headers=headers)).status_code == 200


def test_there_is_a_command_for_either_way() -> None:
    assert [shlex.split(command)[1] for command in COMMANDS] == ["-u", "-H"]


def build(folder: Path, patch: str) -> JSON:
    """The Deployment that kustomize makes for production with the patch."""
    path = documented_overlay(folder) / "kustomization.yaml"
    kustomization = yaml.safe_load(path.read_text())
    kustomization["patches"] += yaml.safe_load(patch)["patches"]
    path.write_text(yaml.safe_dump(kustomization))
    built = kustomized(folder)
    assert complaints(built) == []
    (deployment,) = (item for item in built if item["kind"] == "Deployment")
    return deployment


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_patch_mounts_the_tokens_where_the_variable_says(tmp_path: Path) -> None:
    pod = build(tmp_path, PATCH)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["env"] == [{"name": "AUTH_TOKEN_FILE", "value": "/etc/pod-index/tokens"}]
    assert container["volumeMounts"] == [{"name": "tokens", "mountPath": "/etc/pod-index", "readOnly": True}]
    assert pod["volumes"] == [{"name": "tokens", "secret": {"secretName": "pod-index-tokens"}}]
    secret, source = re.findall(r"kubectl create secret generic (\S+) --from-file=(\w+)", SECTION)[0]
    assert (secret, f"/etc/pod-index/{source}") == ("pod-index-tokens", container["env"][0]["value"])
    assert container["image"] == "registry.example.com/pod-index:0.1.0"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_a_password_comes_from_a_secret_as_documented(tmp_path: Path) -> None:
    (source,) = re.findall(r"`(envFrom: [^`]*)`", SECTION)
    kept = [line for line in PATCH.splitlines() if "volume" not in line]
    patch = "\n".join(re.sub(r"env: .*", source, line) for line in kept)
    (container,) = build(tmp_path, patch)["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "pod-index-login"}}]
