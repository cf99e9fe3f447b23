"""The workflow for tags: its steps run with stand-ins for docker and gh, and its jobs have few permissions."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.sandbox import ROOT, Sandbox

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
DOCKER = """
for word; do case "$word" in --metadata-file=*) echo '{}' >"${word#*=}" ;; esac; done
case "$1 $2" in "buildx imagetools") echo "$*" ;; esac
"""


def step(job: str, containing: str) -> str:
    """The script of the only step of a job that has this text."""
    (script,) = (step["run"] for step in JOBS[job]["steps"] if containing in step.get("run", ""))
    assert isinstance(script, str)
    return script


@pytest.fixture
def runner(sandbox: Sandbox) -> Sandbox:
    """The sandbox with the tools that the runners of GitHub have."""
    for name in ("bash", "mkdir"):
        (sandbox.bin / name).symlink_to(f"/bin/{name}")
    sandbox.install("python3", f'exec {sys.executable} "$@"')
    sandbox.install("git", 'case "$1" in show) echo 2030-01-02T03:04:05Z ;; *) echo 0123abcd ;; esac')
    for name in ("manifests", "setup.cfg"):
        (sandbox.folder / name).symlink_to(ROOT / name)
    return sandbox


def run(runner: Sandbox, script: str, **environ: str) -> str:
    """Run a step as GitHub does; return its outputs."""
    outputs = runner.folder / "outputs"
    environ |= {"GITHUB_OUTPUT": str(outputs), "RUNNER_TEMP": str(runner.folder), "GITHUB_REF_NAME": "v1.2.3"}
    environ |= {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "Me/Pods"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    subprocess.run(command, cwd=runner.folder, env=runner.environ | environ, check=True, timeout=60)
    return outputs.read_text() if outputs.exists() else ""


def test_the_image_is_built_for_both_architectures_with_sbom_and_provenance(runner: Sandbox) -> None:
    runner.install("docker", DOCKER)
    runner.install("jq", f"echo {DIGEST}")
    image = "ghcr.io/me/pods:1.2.3"
    outputs = run(runner, step("image", "image.py build"), IMAGE=image, CONTAINER_ENGINE="docker")
    assert outputs == f"image={image}@{DIGEST}\n"
    (build,) = (call for call in runner.calls("docker") if call[1] == "build")
    assert {"--platform=linux/amd64,linux/arm64", "--push", "--provenance=mode=max", "--sbom=true"} <= set(build)
    assert {f"--tag={image}", "--build-arg=REVISION=0123abcd"} <= set(build)
    assert "--label=org.opencontainers.image.source=https://github.com/Me/Pods" in build
    assert "--label=org.opencontainers.image.created=2030-01-02T03:04:05Z" in build
    for name, field in (("sbom", ".SBOM"), ("provenance", ".Provenance")):
        asked = (runner.folder / f"attestations/{name}.json").read_text()
        assert asked == f"buildx imagetools inspect {image}@{DIGEST} --format {{{{ json {field} }}}}\n"


def test_the_release_has_all_files_that_the_jobs_before_it_write(runner: Sandbox) -> None:
    runner.install("gh")
    run(runner, step("release", "gh release create"), VERSION="1.2.3")
    ((_, _, command, tag, *rest),) = runner.calls("gh")
    assert (command, tag) == ("create", "v1.2.3")
    assert {"--repo=Me/Pods", "--verify-tag", "--notes-file=dist/notes.md"} <= set(rest)
    attached = {Path(word).name for word in rest if not word.startswith("--")}
    assert attached == {"install.yaml", "pod-index-1.2.3.tgz", "sbom.json", "provenance.json"}


def test_the_signature_is_checked_as_the_document_says(runner: Sandbox) -> None:
    runner.install("cosign")
    workflow = "Me/Pods/.github/workflows/release.yaml@refs/tags/v1.2.3"
    image = f"ghcr.io/me/pods:1.2.3@{DIGEST}"
    run(runner, step("sign", "cosign sign"), IMAGE=image, GITHUB_WORKFLOW_REF=workflow)
    sign, verify = runner.calls("cosign")
    assert sign == ["cosign", "sign", "--yes", image]
    document = " ".join((ROOT / "manifests/README.md").read_text().replace("\\\n", "").split())
    documented = " ".join(verify).replace("Me/Pods", "OWNER/REPOSITORY").replace("me/pods", "owner/repository")
    assert documented.replace("1.2.3", "0.2.0").replace(f"@{DIGEST}", "") in document


def test_nothing_is_published_before_the_checks() -> None:
    def needs(job: str) -> set[str]:
        direct = JOBS[job].get("needs", [])
        names = {direct} if isinstance(direct, str) else set(direct)
        return names.union(*(needs(name) for name in names))

    assert {job for job in JOBS if "check" not in needs(job)} == {"check"}
    assert needs("release") == JOBS.keys() - {"release"}


def test_one_job_can_sign_another_can_publish_and_neither_runs_code_of_the_repository() -> None:
    assert WORKFLOW["permissions"] == {}
    able = {
        permission: {name for name, job in JOBS.items() if job["permissions"].get(permission) == "write"}
        for permission in ("contents", "id-token", "packages")
    }
    assert able == {"contents": {"release"}, "id-token": {"sign"}, "packages": {"image", "sign"}}
    for name in ("release", "sign"):
        assert not any("actions/checkout@" in step.get("uses", "") for step in JOBS[name]["steps"])
