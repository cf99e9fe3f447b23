"""How Kopf has to be set up to feed a cache: it watches, and neither writes nor remembers."""

import logging
from typing import Any

import kopf

FOREVER = 365 * 24 * 3600.0
"""A year, in seconds: for time limits of Kopf's that the feed has better ones for."""


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
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        # "Handler 'pod' succeeded." for every event of every pod, and the like for every liveness probe.
        for name in ("kopf.objects", "kopf.activities.probe", "aiohttp.access"):
            logging.getLogger(name).setLevel(logging.WARNING)
