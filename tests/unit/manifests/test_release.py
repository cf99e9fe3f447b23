"""What a release checks first, and what it publishes."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.documents import CHANGELOG, read, section
from tests.support.manifests import parse
from tests.unit.manifests.sandbox import ROOT, Sandbox

IMAGE = f"ghcr.io/me/pods:0.1.0@sha256:{'0123456789abcdef' * 4}"
GITHUB = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "Me/Pods"}
CHANGES = """\
# Changelog

## [Unreleased]

## [2.0.0] - 2030-01-02

### Added

- A thing that is
  [described](README.md#api) at length.
- Another, for [deployments](../manifests/README.md), after [Kopf](https://docs.kopf.dev).

## [1.0.0] - 2030-01-01

The first.
"""


class Tree:
    """A copy of what a release reads, with another version, changelog and address."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "manifests", root / "manifests")
        (root / "operator").mkdir()
        self.write("setup.cfg", "[metadata]\nversion = 2.0.0\nurl = https://github.com/Me/Pods\n")
        self.write(CHANGELOG, CHANGES)

    def write(self, path: str, text: str) -> None:
        """Write a file of the copy."""
        (self.root / path).write_text(text)

    def check(self, tag: str, github: Mapping[str, str] = GITHUB) -> "subprocess.CompletedProcess[str]":
        """Run the first step."""
        command = [sys.executable, str(self.root / "manifests/scripts/release.py"), "check", tag]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        return subprocess.run(command, env=outside | dict(github), capture_output=True, text=True, timeout=60)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


def version() -> str:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["metadata"]["version"]


# ---- the checks


def test_the_outputs_are_the_version_and_the_image_in_the_registry_of_the_repository(tree: Tree) -> None:
    done = tree.check("v2.0.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "version=2.0.0\nimage=ghcr.io/me/pods:2.0.0\n"


def test_maintainers_can_run_the_checks_before_they_push_the_tag(tree: Tree) -> None:
    assert tree.check("v2.0.0", github={}).stdout == tree.check("v2.0.0").stdout
    assert tree.check("v2.0.1", github={}).returncode == 1


def test_another_tag_than_the_version_is_an_error(sandbox: Sandbox) -> None:
    line = sandbox.fail("release.py", "check", "v9.9.9", **GITHUB)
    assert line == f"the tag is v9.9.9, but setup.cfg has version {version()}: the tag must be v{version()}"


@pytest.mark.parametrize(
    "changes",
    [
        CHANGES.replace("[2.0.0]", "[1.9.0]"),
        CHANGES.replace("[2.0.0]", "[2.0.01]"),
        "# Changelog\n\n## [2.0.0] - 2030-01-02\n\n## [1.0.0]\n\nThe first.\n",
    ],
)
def test_a_version_without_changes_in_the_changelog_is_an_error(changes: str, tree: Tree) -> None:
    tree.write(CHANGELOG, changes)
    done = tree.check("v2.0.0")
    assert done.returncode == 1
    assert done.stderr == f"{CHANGELOG} has no section with changes for [2.0.0]\n"


def test_changes_that_belong_to_no_version_are_an_error(tree: Tree) -> None:
    tree.write(CHANGELOG, CHANGES.replace("[Unreleased]\n", "[Unreleased]\n\n- Forgotten.\n"))
    done = tree.check("v2.0.0")
    assert done.returncode == 1
    assert done.stderr == f"{CHANGELOG} has changes in [Unreleased]: move them to [2.0.0]\n"


def test_alerts_that_link_to_another_repository_are_an_error(tree: Tree) -> None:
    tree.write("setup.cfg", "[metadata]\nversion = 2.0.0\nurl = https://github.com/Other/Pods\n")
    done = tree.check("v2.0.0")
    assert done.returncode == 1
    assert done.stderr.startswith("the alerts link to https://github.com/Other/Pods, but the repository is https://gi")


# ---- the assets


def words(text: str) -> list[str]:
    """The words of a text in Markdown, without the targets of its links."""
    return re.sub(r"\]\([^)]+\)", "]", text).split()


@pytest.fixture
def tools(sandbox: Sandbox) -> Sandbox:
    """The sandbox with tools that keep what they are given."""
    sandbox.install("kubectl", 'cat "$2/kustomization.yaml"')
    sandbox.install("helm", 'cat "$2/values.yaml" >values')
    return sandbox


def test_the_manifests_and_the_chart_have_the_image_with_its_digest(tools: Sandbox) -> None:
    tools.succeed("release.py", "assets", IMAGE, "dist")
    (kustomization,) = parse((tools.folder / "dist/install.yaml").read_text())
    (patch,) = kustomization["patches"]
    assert parse(patch["patch"])[0]["spec"]["template"]["spec"]["containers"] == [{"name": "pod-index", "image": IMAGE}]
    (values,) = parse((tools.folder / "values").read_text())
    (unreleased,) = parse((ROOT / "manifests/chart/values.yaml").read_text())
    assert values == unreleased | {"image": IMAGE}
    ((*_, destination),) = tools.calls("helm")
    assert destination == "--destination=dist"


def test_the_notes_are_the_section_of_the_version_and_the_image(tools: Sandbox) -> None:
    tools.succeed("release.py", "assets", IMAGE, "dist")
    notes = (tools.folder / "dist/notes.md").read_text()
    (heading,) = re.findall(rf"^## \[{re.escape(version())}\].*$", read(CHANGELOG), re.MULTILINE)
    assert words(notes) == words(f"{section(CHANGELOG, heading)}\n\nImage: `{IMAGE}`")


def test_the_notes_have_one_line_for_each_entry_and_links_to_the_documents_of_the_version(
    tools: Sandbox, tree: Tree
) -> None:
    command = [sys.executable, str(tree.root / "manifests/scripts/release.py"), "assets", IMAGE, "dist"]
    subprocess.run(command, env=tools.environ, cwd=tools.folder, check=True, timeout=60)
    documents = "https://github.com/Me/Pods/blob/v2.0.0"
    assert (tools.folder / "dist/notes.md").read_text() == (
        "### Added\n\n"
        f"- A thing that is [described]({documents}/operator/README.md#api) at length.\n"
        f"- Another, for [deployments]({documents}/manifests/README.md), after [Kopf](https://docs.kopf.dev).\n\n"
        f"Image: `{IMAGE}`\n"
    )


@pytest.mark.parametrize("image", ["ghcr.io/me/pods:0.1.0", "ghcr.io/me/pods@sha256:12", f"{IMAGE}0"])
def test_an_image_without_a_digest_is_an_error(image: str, tools: Sandbox) -> None:
    line = tools.fail("release.py", "assets", image, "dist")
    assert line == f"{image} does not end with a digest: @sha256: and 64 hexadecimal digits"
    assert not (tools.folder / "dist").exists()


def test_a_chart_whose_image_cannot_be_replaced_is_an_error(tools: Sandbox, tree: Tree) -> None:
    tree.write("manifests/chart/values.yaml", "image: other:latest\n")
    command = [sys.executable, str(tree.root / "manifests/scripts/release.py"), "assets", IMAGE, "dist"]
    done = subprocess.run(command, env=tools.environ, cwd=tools.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "manifests/chart/values.yaml must have one line image: pod-index:latest\n"
