"""``deploy`` and ``undeploy``: bring the manifests to the cluster of the current context, and take them away."""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.commands.image import Reference, image_of
from tests.commands.kubectl import NAME, Context, Manifests, current_context, read_manifests
from tests.commands.programs import CommandFailed, Programs, say

DEPLOYMENT = f"deployment/{NAME}"
ROLLOUT_TIMEOUT = "5m"
EVENTS_SHOWN = 10


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Deploy; return the exit code."""
    folder = folder_of(arguments, "deploy", "Deploy pod-index to the current context, as $IMAGE if that is set.")
    programs = Programs(environ)
    context = current_context(programs)
    manifests = read_manifests(programs, folder, context)
    image = image_of(environ) if environ.get("IMAGE", "").strip() else None
    deployed = image or manifests.image
    if "/" not in deployed.name:
        say(
            f"{deployed} names no registry: if the nodes do not have it, use tox run -e build-and-deploy, or set IMAGE."
        )
    deploy(programs, context, folder, manifests, image)
    return 0


def undeploy(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Delete what is deployed; return the exit code."""
    folder = folder_of(arguments, "undeploy", "Delete pod-index from the current context.")
    programs = Programs(environ)
    context = current_context(programs)
    say(f"Deleting {folder} from {context}.")
    programs.run("kubectl", "delete", "-k", folder, "--ignore-not-found")
    say(f"Nothing of {folder} is left in {context}.")
    return 0


def folder_of(arguments: Sequence[str], command: str, description: str) -> str:
    """The folder with a kustomization that the user has named, else the default."""
    parser = argparse.ArgumentParser(prog=f"tox run -e {command} --", description=description)
    parser.add_argument("folder", nargs="?", default="manifests", help="of a kustomization (default: manifests)")
    folder: str = parser.parse_args(arguments).folder
    if not Path(folder).is_dir():
        raise CommandFailed(f"there is no folder {folder}: name one with a kustomization.yaml")
    return folder


def deploy(
    programs: Programs,
    context: Context,
    folder: str,
    manifests: Manifests,
    image: Reference | None,
    *,
    restart: bool = False,
) -> None:
    """Apply the manifests, with ``image`` if it is given, and wait until the pods are ready.

    ``restart`` replaces the pods even where nothing changes. Raises CommandFailed after saying why they are not ready.
    """
    namespace = f"--namespace={manifests.namespace}"
    where = f"namespace {manifests.namespace} of {context}"
    say(f"Deploying {folder} with the image {image or manifests.image} to {where}.")
    if image is None:
        programs.run("kubectl", "apply", "-k", folder)
    else:
        with _overlay(manifests, image) as overlay:
            programs.run("kubectl", "apply", "-k", overlay)
    if restart:
        programs.run("kubectl", "rollout", "restart", DEPLOYMENT, namespace)
    try:
        programs.run("kubectl", "rollout", "status", DEPLOYMENT, namespace, f"--timeout={ROLLOUT_TIMEOUT}")
    except CommandFailed:
        _explain(programs, manifests)
        raise CommandFailed(f"{DEPLOYMENT} in {where} is not ready: its pods, events and logs above say why") from None
    say("pod-index is ready. To ask it from here, in two terminals:")
    say(f"  kubectl port-forward {namespace} {manifests.port_forward}")
    # Of all pods, its own are those that it knows even where it watches one namespace only.
    say(f"  tox run -e smoke -- http://localhost:8080 {namespace}")


@contextmanager
def _overlay(manifests: Manifests, image: Reference) -> Iterator[str]:
    """A kustomization of the same manifests with another image, so that there is one rollout and not two."""
    version = {"digest": image.digest} if image.digest else {"newTag": image.tag}
    images = [{"name": manifests.image.name, "newName": image.name, **version}]
    with tempfile.TemporaryDirectory(prefix="pod-index-overlay-") as temporary:
        # Rendered already: a kubectl as old as 1.20 takes no folder as a resource.
        Path(temporary, "manifests.yaml").write_text(manifests.yaml)
        overlay = {"resources": ["manifests.yaml"], "images": images}
        Path(temporary, "kustomization.yaml").write_text(json.dumps(overlay))
        yield temporary


def _explain(programs: Programs, manifests: Manifests) -> None:
    """Show the pods that are not ready, the latest warnings about them, and their last words."""
    of_pods = (f"--namespace={manifests.namespace}", f"--selector={manifests.selector}")
    for command in (("get", "pods", *of_pods), ("logs", *of_pods, "--tail=20", "--all-containers")):
        try:
            programs.run("kubectl", *command)
        except CommandFailed as failure:
            say(str(failure))
    try:
        events = programs.ask(
            *("kubectl", "get", "events", f"--namespace={manifests.namespace}", "--field-selector=type=Warning"),
            "--sort-by=.metadata.creationTimestamp",
        )
    except CommandFailed as failure:
        say(str(failure))
    else:
        warnings = [line for line in events.splitlines() if f"/{NAME}" in line]
        say("\n".join(["The latest warnings:", *warnings[-EVENTS_SHOWN:]]) if warnings else "There are no warnings.")
