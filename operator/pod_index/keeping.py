"""The labels and annotations that are kept in records, by patterns of their keys."""

import fnmatch
import re
from collections.abc import Iterable
from typing import NamedTuple

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which ``kubectl apply`` stores the manifest of a bare pod, with the passwords in its environment.
https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-last-applied-configuration"""

VERDICTS_MAX = 4096
"""How many keys are remembered. Most pods have the same keys, but anybody who creates pods can invent others."""

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_PATTERN = re.compile(r"!?[A-Za-z0-9*_./-]+")


class KeyFilter:
    """Which keys are kept.

    ``patterns`` are separated by commas: a key, with ``*`` for any text, is kept; with ``!`` before it, it is dropped.
    To drop takes precedence, so the order does not matter. If all of them drop, everything else is kept. ``none`` keeps
    nothing, and the empty text keeps everything. ``secret`` is a key that is dropped unless a pattern is exactly it.

    Raise ValueError if they are invalid.
    """

    def __init__(self, patterns: str, *, secret: str = "") -> None:
        kept, dropped = _parse(patterns)
        self._secret = "" if secret in kept else secret
        self._kept = _compile(kept) if kept else None
        self._dropped = _compile(dropped)
        self._drops_only_secret = not kept and not dropped
        self._drops_everything = "*" in dropped
        self._verdicts = _Verdicts(self)

    def keep(self, entries: dict[str, str] | None) -> dict[str, str] | None:
        """Return the entries whose keys are kept; the same object if these are all that can be."""
        if self._drops_only_secret:
            if not entries or self._secret not in entries:
                return entries
        elif self._drops_everything or not entries:
            return None
        verdicts = self._verdicts
        return {key: value for key, value in entries.items() if verdicts[key]}

    def keeps(self, key: str) -> bool:
        """Return whether a key is kept."""
        if key == self._secret or self._dropped.fullmatch(key):
            return False
        return self._kept is None or self._kept.fullmatch(key) is not None


class _Verdicts(dict[str, bool]):
    """Whether keys are kept. A key that is known costs one access to a dictionary."""

    def __init__(self, keys: KeyFilter) -> None:
        super().__init__()
        self._keys = keys

    def __missing__(self, key: str) -> bool:
        if len(self) >= VERDICTS_MAX:
            self.clear()
        verdict = self[key] = self._keys.keeps(key)
        return verdict


class Keeping(NamedTuple):
    """What is kept of pods."""

    labels: KeyFilter
    annotations: KeyFilter

    @classmethod
    def of(cls, labels: str = "", annotations: str = "") -> "Keeping":
        """Make the filters from patterns."""
        return cls(KeyFilter(labels), KeyFilter(annotations, secret=LAST_APPLIED))


def _parse(patterns: str) -> tuple[list[str], list[str]]:
    """Return the patterns that keep, and those that drop without their ``!``."""
    parts = [part.strip() for part in patterns.split(",")]
    if parts == [""]:
        return [], []
    if parts == ["none"]:
        return [], ["*"]
    if "none" in parts or not all(map(_PATTERN.fullmatch, parts)):
        raise ValueError(f"invalid patterns: {patterns!r}")
    return [part for part in parts if part[0] != "!"], [part[1:] for part in parts if part[0] == "!"]


def _compile(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return an expression that matches all keys that one of the patterns matches."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
