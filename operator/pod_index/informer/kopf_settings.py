"""Set Kopf up for a cache: it watches, writes nothing and stores nothing."""

import contextlib
import logging
import os
import re
import socket
import urllib.parse
from typing import Any

import click
import kopf

FOREVER = 365 * 24 * 3600.0
"""A year, in seconds: for timeouts of Kopf that the Reflector replaces by its own."""

VERBOSE_LOGGERS = ("kopf.objects", "kopf.activities", "kopf._core.engines.activities", "aiohttp.access")
"""Loggers with a line at INFO for each pod event, each liveness probe, and each call of the handlers for startup, login
and cleanup."""


_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names"""


class OptionsError(ValueError):
    """An option of ``kopf run`` is unusable; the message is one line that names it and says what to do."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores no last state of objects: Kopf's own storage copies the object at each event."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        """Return an empty essence."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Return nothing."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Stores no progress of handlers: an event handler is called once per event."""

    def fetch(self, *, key: kopf.HandlerId, body: kopf.Body) -> kopf.ProgressRecord | None:
        """Return nothing."""
        return None

    def store(self, *, key: kopf.HandlerId, record: kopf.ProgressRecord, body: kopf.Body, patch: kopf.Patch) -> None:
        """Store nothing."""

    def purge(self, *, key: kopf.HandlerId, body: kopf.Body, patch: kopf.Patch) -> None:
        """Purge nothing."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Touch nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the essence unchanged."""
        return essence


def configure(settings: kopf.OperatorSettings) -> None:
    """Set Kopf up. Call this in the startup handler."""
    # Write nothing: no events, no peering objects, no annotations.
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    # Watching namespaces and CustomResourceDefinitions would need rights on them.
    settings.scanning.disabled = True
    # One watch that starts with the initial state. The Reflector detects dead connections and relists.
    settings.watching.initial_streaming = True
    settings.watching.inactivity_timeout = FOREVER
    settings.watching.reconnect_backoff = 0.0


def configure_logs() -> None:
    """Log the events of pod-index, in the format of Kopf's options, JSON with the logger's name. Call this first."""
    # Else they go to stderr as plain text, also with --log-format=json: https://docs.python.org/3/library/logging.html
    logging.captureWarnings(capture=True)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for name in VERBOSE_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_add_logger)


def _add_logger(record: logging.LogRecord) -> bool:
    """Add the logger's name as an attribute of its own: Kopf's JSON has only those that a record lacks by default."""
    record.logger = record.name
    return True


def namespaces() -> tuple[str, ...]:
    """Return the namespaces that the ``kopf run`` which loads the operator watches; empty for all of them."""
    context = click.get_current_context(silent=True)
    named = context.params.get("namespaces", ()) if context is not None else ()
    # Kopf reads the variable too: kopf.cli.run.
    return tuple(name for name in (*named, os.environ.get("KOPF_RUN_NAMESPACE") or None) if name is not None)


def check_options() -> None:
    """Check the options of the ``kopf run`` that loads the operator; raise OptionsError.

    Kopf waits for ever for a namespace that matches a pattern, since listing namespaces needs rights that pod-index
    does not have, and shows a long traceback if it cannot open the liveness endpoint.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "run":
        return
    for namespace in namespaces():
        if not _NAMESPACE.fullmatch(namespace):
            raise OptionsError(
                f"-n {namespace} is not the name of a namespace: patterns are not supported;"
                " repeat -n for each namespace, or use -A for all"
            )
    if context.params["liveness_endpoint"]:
        _check_liveness(context.params["liveness_endpoint"])


def _check_liveness(endpoint: str) -> None:
    try:
        url = urllib.parse.urlsplit(endpoint)
        host, port = url.hostname or "localhost", url.port or 80
    except ValueError as error:
        raise OptionsError(f"--liveness={endpoint} is not a URL ({error})") from error
    if url.scheme != "http":
        raise OptionsError(f"--liveness={endpoint} must be a URL such as http://0.0.0.0:8081/healthz")
    try:
        # Of "localhost", only the IPv4 address: the machine may have no IPv6.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        *_, address = socket.getaddrinfo(host, port, family)[0]
        with contextlib.closing(socket.socket(family)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise OptionsError(
            f"--liveness={endpoint} cannot be opened ({error.strerror}); stop the program that uses the port,"
            " or choose another one"
        ) from error
