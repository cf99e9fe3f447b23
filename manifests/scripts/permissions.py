"""Check that a kustomization gives its permissions to its own service account: ``permissions.py [FOLDER]``.

Without the replacements that manifests/README.md describes, an overlay with another namespace has the names of the
cluster-wide objects of the namespace ``default``: its pods get no permissions, and its deletion takes those of others.
"""

import argparse
import re
from pathlib import Path

from image import ROOT, Failed, ask, script


def check(folder: Path) -> str:
    """Return the namespace of the Deployment, or an empty string if it has none.

    Raise Failed if there is no Deployment, or if it would not get the cluster-wide permissions.
    """
    built = ask("kubectl", "kustomize", str(folder))
    for manifest in built.split("\n---\n"):
        if re.search("^kind: Deployment$", manifest, re.MULTILINE) and "\n  name: pod-index\n" in manifest:
            found = re.search(r"^  namespace: (\S+)$", manifest, re.MULTILINE)
            break
    else:
        raise Failed(f"the kustomization in {folder} has no Deployment pod-index")
    namespace = found[1] if found else ""
    for permitted in re.findall(r"^ +name: system:serviceaccount:([^:\s]+):pod-index$", built, re.MULTILINE):
        if namespace and permitted != namespace:
            raise Failed(
                f"the kustomization in {folder} deploys to the namespace {namespace}, but gives the permissions to the"
                f" namespace {permitted}: add the replacements of {ROOT}/manifests/replacements.yaml, as"
                " manifests/README.md shows in its section about overlays"
            )
    return namespace


def main(arguments: list[str]) -> None:
    """Check one folder; raise Failed if it must not be applied or deleted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "manifests")
    check(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    script(main)
