"""``build-and-deploy``: build the image, bring it to where the cluster finds it, and deploy it."""

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands.deploy import deploy, folder_of
from tests.commands.engines import BUILDERS, Engine, find_engine
from tests.commands.image import Reference, build, buildable_image
from tests.commands.kubectl import Context, current_context, deployed_images, read_manifests
from tests.commands.programs import CommandFailed, Programs


@dataclasses.dataclass(frozen=True)
class Loader:
    """How a cluster on this machine is given an image; both commands lack the image or the archive."""

    program: str
    advice: str
    by_name: tuple[str, ...]
    by_archive: tuple[str, ...]
    options: tuple[str, ...]


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Build, deliver and deploy; return the exit code. What is missing is told before anything is built."""
    folder = folder_of(
        arguments,
        "build-and-deploy",
        "Build the image $IMAGE (pod-index:latest), load it into kind, k3d or minikube, else push it, and deploy it.",
    )
    programs = Programs(environ)
    context = current_context(programs)
    image = buildable_image(environ)
    loader = loader_for(context)
    if loader is not None:
        programs.require(loader.program, loader.advice)
    elif not image.has_registry:
        raise CommandFailed(
            f"{context} is no kind, k3d or minikube cluster, which could be given the image {image}: "
            "set IMAGE to a name in a registry that the cluster can pull from, as in registry.example.com/pod-index:1"
        )
    engine = find_engine(programs, BUILDERS)
    manifests = read_manifests(programs, folder, context)
    before = deployed_images(programs, manifests.namespace)
    build(programs, engine, image)
    if loader is not None:
        load(programs, engine, loader, image)
    else:
        image = push(programs, engine, image)
    # The same tag is no change to the Deployment, though it is another image now.
    restart = not image.digest and image.complete in before
    deploy(programs, context, folder, manifests, image, restart=restart)
    return 0


def loader_for(context: Context) -> Loader | None:
    """How the context's cluster is given images; None if it pulls them from a registry as any cluster does."""
    if context.name.startswith("kind-"):
        options = (f"--name={context.name.removeprefix('kind-')}",)
        load_image, load_archive = ("kind", "load", "docker-image"), ("kind", "load", "image-archive")
        return Loader("kind", "see https://kind.sigs.k8s.io", load_image, load_archive, options)
    if context.name.startswith("k3d-"):
        options = (f"--cluster={context.name.removeprefix('k3d-')}",)
        command: tuple[str, ...] = ("k3d", "image", "import")
        return Loader("k3d", "see https://k3d.io", command, command, options)
    if context.is_minikube:
        command = ("minikube", "image", "load")
        return Loader("minikube", "see https://minikube.sigs.k8s.io", command, command, (f"--profile={context.name}",))
    return None


def load(programs: Programs, engine: Engine, loader: Loader, image: Reference) -> None:
    """Give the image to a cluster on this machine."""
    if not engine.keeps_archives:
        programs.run(*loader.by_name, str(image), *loader.options)
        return
    with tempfile.TemporaryDirectory(prefix="pod-index-image-") as folder:
        archive = Path(folder, "image.tar")
        # Podman and buildah call it localhost/pod-index, and nodes look for docker.io/library/pod-index.
        programs.run(engine.program, "push", str(image), f"docker-archive:{archive}:{image.complete}")
        programs.run(*loader.by_archive, str(archive), *loader.options)


def push(programs: Programs, engine: Engine, image: Reference) -> Reference:
    """Push the image to its registry; return its name by digest: no node takes an older one for it."""
    if engine.keeps_archives:
        with tempfile.TemporaryDirectory(prefix="pod-index-image-") as folder:
            file = Path(folder, "digest")
            programs.run(engine.program, "push", f"--digestfile={file}", str(image), f"docker://{image}")
            return Reference(image.name, digest=file.read_text().strip())
    programs.run(engine.program, "push", str(image))
    known = programs.ask(engine.program, "image", "inspect", "--format={{json .RepoDigests}}", str(image))
    pushed = (Reference.parse(name) for name in json.loads(known) or [])
    return next((other for other in pushed if other.complete.name == image.complete.name), image)
