"""``container``: run the image on the user's kubeconfig, as hardened as in the cluster."""

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands.engines import RUNNERS, Engine, find_engine
from tests.commands.image import Reference, image_of
from tests.commands.kubeconfig import portable_kubeconfig
from tests.commands.programs import CommandFailed, Programs, say, show

SETTINGS = (
    "PORT",
    "SHUTDOWN_DRAIN_SECONDS",
    "STREAMING_LIST",
    "RETRY_MAX_SECONDS",
    "WATCH_IDLE_SECONDS",
    "LOOKUP_KEYS",
    "DELETED_RETENTION_SECONDS",
    "DELETED_RETENTION_MAX",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
    "MAX_STALENESS_SECONDS",
    "BASIC_AUTH_USERNAME",
    "BASIC_AUTH_PASSWORD",
    "AUTH_TOKEN_FILE",
    "AUTH_METRICS",
    "ACCESS_LOG",
    "PAGE",
    "MAX_CONNECTIONS",
    "MAX_HEADER_BYTES",
    "MAX_QUERY_BYTES",
    "MAX_BODY_BYTES",
    "MAX_PIPELINED_REQUESTS",
    "CLIENT_TIMEOUT_SECONDS",
    "IDLE_TIMEOUT_SECONDS",
)
"""The environment variables that configure pod-index."""

PROXIES = ("HTTPS_PROXY", "NO_PROXY")
"""Others that it respects."""

HIDDEN = ("BASIC_AUTH_USERNAME", "BASIC_AUTH_PASSWORD", *PROXIES)
"""Those whose values, which may be or hold a password, are not shown: the engine takes them from its environment."""

REPEAT_SECONDS = 2.0
"""A signal within this time after another is the same Ctrl-C: tox repeats the one of the terminal."""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the container until it ends or Ctrl-C; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="tox run -e container --",
        usage="tox run -e container [-- argument ...]",
        description="Run the image $IMAGE (pod-index:latest) on your kubeconfig with $CONTAINER_ENGINE, else with "
        "docker or podman. PORT and the other settings of pod-index are passed on; arguments go to the image.",
    )
    if {"-h", "--help"} & set(arguments):
        parser.print_help()
        return 0
    programs, image = Programs(environ), image_of(environ)
    engine = find_engine(programs, RUNNERS)
    _require_image(programs, engine, image)
    with portable_kubeconfig(programs) as kubeconfig:
        command = [engine.program, "run", *_options(engine, kubeconfig, environ), str(image), *arguments]
        show(*command)
        say(f"pod-index will answer at http://localhost:{environ.get('PORT') or 8080}; Ctrl-C ends it.")
        code = _run_until_signalled(command, environ)
    if code != 0:
        raise CommandFailed(f"the container has ended with exit code {code}")
    return 0


def _require_image(programs: Programs, engine: Engine, image: Reference) -> None:
    """Say how to build the image, unless it is in a registry that it can be pulled from."""
    if image.has_registry:
        return
    try:
        programs.ask(engine.program, "image", "inspect", str(image))
    except CommandFailed:
        raise CommandFailed(f"{engine.program} has no image {image}: build it with tox run -e image") from None


def _options(engine: Engine, kubeconfig: Path, environ: Mapping[str, str]) -> list[str]:
    # In a rootless docker's user namespace, root is the user, and the user's own number is nobody who could read the
    # kubeconfig. Podman can map the user to itself.
    user = "0:0" if engine.rootless and not engine.keeps_archives else f"{os.getuid()}:{os.getgid()}"
    options = ["--rm", "--network", "host", "--user", user]
    if engine.rootless and engine.keeps_archives:
        options += ["--userns=keep-id"]
    options += ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    options += ["-v", f"{kubeconfig}:/kubeconfig:ro", "-e", "KUBECONFIG=/kubeconfig"]
    for name in (name for name in (*SETTINGS, *PROXIES) if environ.get(name)):
        if name == "AUTH_TOKEN_FILE":
            options += ["-v", f"{Path(environ[name]).absolute()}:/tokens:ro", "-e", f"{name}=/tokens"]
        else:
            options += ["-e", name if name in HIDDEN else f"{name}={environ[name]}"]
    return options


def _run_until_signalled(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the engine, which passes signals on to the container; return its exit code, 0 after an orderly end."""
    signals: list[int] = []
    process: subprocess.Popen[bytes] | None = None
    last = -REPEAT_SECONDS

    def pass_on(signum: int, frame: object) -> None:
        nonlocal last
        signals.append(signum)
        if process is not None and time.monotonic() - last >= REPEAT_SECONDS:
            last = time.monotonic()
            process.send_signal(signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, pass_on)
    # A session of its own keeps the terminal's Ctrl-C away from it: it gets the one that is passed on.
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, start_new_session=True)
    if signals and last < 0:
        process.send_signal(signals[0])
    return process.wait()
