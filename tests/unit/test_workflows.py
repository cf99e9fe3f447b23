"""The workflows call what exists, run nothing that can change under them, and come to an end."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))

every_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.name)


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    """The jobs of a workflow by their names."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(workflow.read_text())["jobs"]
    return loaded


def commands() -> Iterator[str]:
    """Every line that a step of any workflow runs."""
    for workflow in WORKFLOWS:
        for job in jobs(workflow).values():
            for step in job["steps"]:
                yield from step.get("run", "").splitlines()


def ini(name: str) -> configparser.ConfigParser:
    """A file of ours in INI form, as it stands."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / name)
    return parser


def test_every_tox_environment_that_a_workflow_calls_exists() -> None:
    called = {name for line in commands() for name in re.findall(r"\btox run -e (\S+)", line)}
    defined = {section.removeprefix("testenv:") for section in ini("tox.ini").sections()}
    assert {"e2e", "audit"} <= called
    assert called <= defined


def test_ci_runs_the_line_of_the_readme_on_every_python_that_setup_cfg_promises() -> None:
    job = jobs(ROOT / ".github/workflows/ci.yaml")["test"]
    promised = re.findall(
        r"^Programming Language :: Python :: (3\.\d+)$", ini("setup.cfg")["metadata"]["classifiers"], re.M
    )
    assert job["strategy"]["matrix"]["python"] == promised
    (setup,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@"))
    assert setup["with"]["python-version"] == "${{ matrix.python }}"
    assert job["steps"][-1]["run"] == "python3 -m pip install tox tox-uv && python3 -m tox"


@every_workflow
def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(workflow: Path) -> None:
    uses = [line.strip() for line in workflow.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert len(uses) == sum("uses" in step for job in jobs(workflow).values() for step in job["steps"])
    for line in uses:
        assert re.fullmatch(r"(- )?uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@every_workflow
def test_every_job_ends_in_time(workflow: Path) -> None:
    for name, job in jobs(workflow).items():
        assert isinstance(job.get("timeout-minutes"), int), name


def test_an_action_is_the_same_in_every_workflow() -> None:
    pins: dict[str, set[str]] = {}
    for workflow in WORKFLOWS:
        for action, pin in re.findall(r"uses: ([^@\s]+)@(.+)", workflow.read_text()):
            pins.setdefault(action, set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


def test_what_the_policy_scanner_passes_over_is_patches_only() -> None:
    manifests = ROOT / "manifests"
    patterns = yaml.safe_load((ROOT / ".checkov.yaml").read_text())["skip-path"]
    skipped = {
        path
        for path in manifests.rglob("*.yaml")
        if any(re.search(pattern, path.relative_to(ROOT).as_posix()) for pattern in patterns)
    }
    patches = {
        kustomization.parent / patch["path"]
        for kustomization in manifests.rglob("kustomization.yaml")
        for patch in yaml.safe_load(kustomization.read_text()).get("patches", [])
        if "path" in patch
    }
    assert skipped == patches
