"""``image``: build the container image from the Containerfile."""

import argparse
import configparser
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands.engines import BUILDERS, Engine, find_engine
from tests.commands.programs import CommandFailed, Programs, say

DEFAULT_IMAGE = "pod-index:latest"


@dataclasses.dataclass(frozen=True)
class Reference:
    """The name of an image: ``registry/path:tag`` or ``registry/path@digest``."""

    name: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Split the name; a digest makes the tag meaningless, and no tag means ``latest``."""
        name, _, digest = text.partition("@")
        path, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        return cls(path + slash + last, "" if digest else tag or "latest", digest)

    @property
    def has_registry(self) -> bool:
        """Whether it names the registry where it is, as container engines see it."""
        first, slash, _ = self.name.partition("/")
        return bool(slash) and ("." in first or ":" in first or first == "localhost")

    @property
    def complete(self) -> "Reference":
        """The same image as the nodes of a cluster call it, whose runtimes complete what is left out."""
        if self.has_registry:
            return self
        prefix = "docker.io/" if "/" in self.name else "docker.io/library/"
        return dataclasses.replace(self, name=prefix + self.name)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def image_of(environ: Mapping[str, str]) -> Reference:
    """The image that ``$IMAGE`` names, else the default."""
    return Reference.parse(environ.get("IMAGE", "").strip() or DEFAULT_IMAGE)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Build the image; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="tox run -e image --",
        usage="tox run -e image [-- argument ...]",
        description="Build the image $IMAGE (pod-index:latest) with $CONTAINER_ENGINE, else with docker, podman "
        "or buildah. Arguments go to the engine's build command.",
    )
    if {"-h", "--help"} & set(arguments):
        parser.print_help()
        return 0
    programs = Programs(environ)
    image = buildable_image(environ)
    build(programs, find_engine(programs, BUILDERS), image, arguments)
    say(f"The image {image} is built.")
    return 0


def buildable_image(environ: Mapping[str, str]) -> Reference:
    """The image to build; raise CommandFailed where nothing can be built under this name, or here."""
    image = image_of(environ)
    if image.digest:
        raise CommandFailed(f"IMAGE={image} names a digest, which only a built image has: give it a tag instead")
    if not Path("Containerfile").is_file():
        raise CommandFailed(f"there is no Containerfile in {Path.cwd()}: run this at the root of the repository")
    return image


def build(programs: Programs, engine: Engine, image: Reference, arguments: Sequence[str] = ()) -> None:
    """Build the Containerfile of the current folder; ``arguments`` go to the engine's build command."""
    setup = configparser.ConfigParser()
    setup.read("setup.cfg")
    build_arguments = [f"--build-arg=VERSION={setup['metadata']['version']}"]
    try:
        build_arguments.append(f"--build-arg=REVISION={programs.ask('git', 'rev-parse', 'HEAD').strip()}")
    except CommandFailed:
        say("The image will not tell its revision: there is no git, or no git repository here.")
    command = (engine.program, "build", "--file=Containerfile", f"--tag={image}", *build_arguments, *arguments, ".")
    programs.run(*command)
