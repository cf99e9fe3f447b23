"""How Kopf has to be set up to feed a cache: it watches, and neither writes nor remembers."""

import logging
from typing import Any

import kopf

FOREVER = 365 * 24 * 3600.0
"""A year, in seconds: for time limits of Kopf's that the feed has better ones for."""

CHATTY = ("kopf.objects", "kopf.activities", "kopf._core.engines.activities", "aiohttp.access")
"""Loggers that tell of every event of every pod and of every liveness probe that its handler has succeeded, and of
what is no event in the life of pod-index: that Kopf has called its handlers at the start, at login and at the end."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last state of objects: Kopf's own copies every object at every event."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        """Return an empty essence."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Return nothing."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no progress of handlers: an event handler is called once."""

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
        """Return the essence as it is."""
        return essence


def configure(settings: kopf.OperatorSettings) -> None:
    """Set Kopf up; to be called by the startup handler."""
    # Nothing is written: no events, no peering objects, no annotations.
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    # Nothing else is watched, which would need rights on namespaces and on CustomResourceDefinitions.
    settings.scanning.disabled = True
    # One watch that begins with the state; the feed knows better when it is dead and when to begin anew.
    settings.watching.initial_streaming = True
    settings.watching.inactivity_timeout = FOREVER
    settings.watching.reconnect_backoff = 0.0


def configure_logs() -> None:
    """Let the log say what happens to pod-index, in the format that Kopf was told; to be called before all else."""
    # Else they go to stderr as they are, whatever the format is: https://docs.python.org/3/library/logging.html
    logging.captureWarnings(capture=True)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
