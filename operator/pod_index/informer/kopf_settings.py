"""Set Kopf up for a cache: it watches, writes nothing and stores nothing."""

import logging
from typing import Any

import kopf

FOREVER = 365 * 24 * 3600.0
"""A year, in seconds: for timeouts of Kopf that the Reflector replaces by its own."""

VERBOSE_LOGGERS = ("kopf.objects", "kopf.activities", "kopf._core.engines.activities", "aiohttp.access")
"""Loggers with a line at INFO for each pod event, each liveness probe, and each call of the handlers for startup, login
and cleanup."""


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
    """Log the events of pod-index, in the format of Kopf's options. Call this first."""
    # Else they go to stderr as plain text, also with --log-format=json: https://docs.python.org/3/library/logging.html
    logging.captureWarnings(capture=True)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for name in VERBOSE_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
