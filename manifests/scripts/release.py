"""The steps of a release, for the workflow ``release.yaml``.

``release.py check TAG`` checks that the tag, setup.cfg, the changelog and the repository agree, and prints the version
and the name of the image as outputs of a step.

``release.py assets IMAGE FOLDER`` writes ``install.yaml`` and the Helm chart, both with the image, and ``notes.md``.
The name of the image ends with its digest. It needs kubectl and helm.
"""

import argparse
import configparser
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from image import ROOT, Failed, ask, run, script

CHANGELOG = "operator/CHANGELOG.md"
# The image in values.yaml of the chart, which a release replaces.
UNRELEASED_IMAGE = "image: pod-index:latest\n"


def main(arguments: list[str]) -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(prog="release.py", description=__doc__)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("check")
    step.add_argument("tag")
    step.set_defaults(run=lambda given: check(given.tag))
    step = steps.add_parser("assets")
    step.add_argument("image")
    step.add_argument("folder", type=Path)
    step.set_defaults(run=lambda given: write_assets(given.image, given.folder))
    given = parser.parse_args(arguments)
    given.run(given)


def check(tag: str) -> None:
    """Print the outputs; raise Failed unless everything agrees. Only the workflow knows the repository."""
    version, url = _metadata()
    if tag != f"v{version}":
        raise Failed(f"the tag is {tag}, but setup.cfg has version {version}: the tag must be v{version}")
    changelog = (ROOT / CHANGELOG).read_text()
    section(changelog, version)
    if _sections(changelog).get("Unreleased"):
        raise Failed(f"{CHANGELOG} has changes in [Unreleased]: move them to [{version}]")
    repository = os.environ.get("GITHUB_REPOSITORY")
    address = f"{os.environ['GITHUB_SERVER_URL']}/{repository}" if repository else url
    if url != address:
        raise Failed(
            f"the alerts link to {url}, but the repository is {address}: "
            "change the address in setup.cfg and manifests/components/monitoring/prometheusrule.yaml"
        )
    print(f"version={version}")
    # Names of images are lower case; names of owners can be mixed case.
    print(f"image=ghcr.io{urlsplit(address).path.lower()}:{version}")


def write_assets(image: str, folder: Path) -> None:
    """Write the files of a release into a new folder; raise Failed if the image has no digest."""
    if not re.search(r"@sha256:[0-9a-f]{64}$", image):
        raise Failed(f"{image} does not end with a digest: @sha256: and 64 hexadecimal digits")
    folder.mkdir(parents=True)
    (folder / "install.yaml").write_text(install_manifests(image))
    package_chart(image, folder)
    version, url = _metadata()
    notes = section((ROOT / CHANGELOG).read_text(), version)
    (folder / "notes.md").write_text(f"{for_github(notes, f'{url}/blob/v{version}')}\n\nImage: `{image}`\n")


def install_manifests(image: str) -> str:
    """Return the objects of ``manifests/`` with the image, for ``kubectl apply -f``."""
    with tempfile.TemporaryDirectory(prefix="pod-index-") as temporary:
        container = {"name": "pod-index", "image": image}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "pod-index"}}
        patch = {
            "target": {"kind": "Deployment", "name": "pod-index"},
            "patch": json.dumps(deployment | {"spec": {"template": {"spec": {"containers": [container]}}}}),
        }
        # Kustomize takes no absolute paths.
        base = os.path.relpath(ROOT / "manifests", Path(temporary).resolve())
        Path(temporary, "kustomization.yaml").write_text(json.dumps({"resources": [base], "patches": [patch]}))
        return ask("kubectl", "kustomize", temporary)


def package_chart(image: str, folder: Path) -> None:
    """Write the package of the chart with the image into the folder."""
    with tempfile.TemporaryDirectory(prefix="pod-index-") as temporary:
        chart = shutil.copytree(ROOT / "manifests/chart", Path(temporary, "pod-index"))
        values = (chart / "values.yaml").read_text()
        if values.count(UNRELEASED_IMAGE) != 1:
            raise Failed(f"manifests/chart/values.yaml must have one line {UNRELEASED_IMAGE.strip()}")
        (chart / "values.yaml").write_text(values.replace(UNRELEASED_IMAGE, f"image: {image}\n"))
        run("helm", "package", str(chart), f"--destination={folder}")


def section(changelog: str, version: str) -> str:
    """Return the text of a version; raise Failed if there is none."""
    text = _sections(changelog).get(version)
    if not text:
        raise Failed(f"{CHANGELOG} has no section with changes for [{version}]")
    return text


def for_github(notes: str, root: str) -> str:
    """Return notes for GitHub, which shows line breaks as they are and resolves no relative links."""
    unwrapped = re.sub(r"(?<=\S)\n *(?![ #\n-])", " ", notes)
    folder = Path(CHANGELOG).parent

    def absolute(link: re.Match[str]) -> str:
        path, anchor, fragment = link[1].partition("#")
        resolved = os.path.normpath(folder / path) if path else CHANGELOG
        return f"]({root}/{resolved}{anchor}{fragment})"

    return re.sub(r"\]\((?![a-z]+:)([^)\s]+)\)", absolute, unwrapped)


def _sections(changelog: str) -> dict[str, str]:
    """Return the texts of all versions, by the names in their headings."""
    _, *parts = re.split(r"^## \[(.+?)\].*$", changelog, flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _metadata() -> tuple[str, str]:
    """Return the version and the address of the repository."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["metadata"]["version"], setup["metadata"]["url"]


if __name__ == "__main__":
    script(main)
