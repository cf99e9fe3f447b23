"""How far a stream of the index has come, and what it knows of earlier versions."""

from msgspec import Struct

GAPS_MAX = 32
"""How many gaps between watches are known."""

RECENT_MAX = 4_096
"""How many changes are remembered: at 10 a second those of 7 minutes."""


class LastChange(Struct, array_like=True, frozen=True):
    """The last change up to a version."""

    version: int
    """-1 if there was none."""
    uid: str
    deleted: bool


NO_CHANGE = LastChange(-1, "", deleted=False)


class StreamProgress(Struct, eq=False):
    """How far a stream has come."""

    version: int = -1
    """The resourceVersion up to which everything is in the index; -1 before the first complete listing, and after a
    reset of the history until the next one."""
    is_mixed: bool = True
    """Whether the index also has some later changes: those that an incomplete listing has shown."""
    last: LastChange = NO_CHANGE
    first_listed: LastChange = NO_CHANGE
    """The last change that the first listing showed."""
    floor: int = 0
    """The lowest version from which all deletions since are known."""
    gaps: list[tuple[int, int]] = []
    """The versions from and to which there was no watch, but a listing at the end. What was created and deleted in
    between is unknown."""
    recent: list[tuple[int, str]] = []
    """The versions and UIDs of the recent changes, all of them after ``recent_floor``."""
    recent_floor: int = -1
    is_listed: bool = False
    """Whether the current listing is complete."""

    def begin(self) -> None:
        """Note the begin of a listing."""
        self.is_listed = False

    def note(self, uid: str, version: int, *, deleted: bool = False) -> None:
        """Note a change."""
        if version >= self.last.version:
            self.last = LastChange(version, uid, deleted)
            if self.is_listed:
                self.recent.append((version, uid))
                if len(self.recent) > RECENT_MAX:
                    del self.recent[: RECENT_MAX // 2]
                    self.recent_floor = self.recent[0][0]

    def advance(self, version: int) -> None:
        """Note a change at a version, or none up to it. While a listing is in progress, earlier ones are unknown."""
        if not self.is_listed:
            self.is_mixed = True
        elif version > self.version:
            self.version = version

    def complete(self, version: int) -> None:
        """Note that a listing at a version is complete."""
        self.is_listed, self.is_mixed = True, False
        if self.version < 0:
            self.floor = version
            self.gaps.clear()
            self.first_listed = NO_CHANGE if self.last.deleted else self.last
        elif version > self.version:
            self.gaps.append((self.version, version))
            if len(self.gaps) > GAPS_MAX:
                self.floor = max(self.floor, self.gaps.pop(0)[1])
        self.advance(version)
        self.recent.clear()
        self.recent_floor = self.version

    def reset(self) -> None:
        """Note that what was recorded before the current listing is void."""
        self.version, self.is_mixed, self.last = -1, True, NO_CHANGE

    def knows_deletions_since(self, version: int) -> bool:
        """Return whether all deletions since a version are known, of pods that existed at it."""
        return version >= self.floor and not any(begin < version < end for begin, end in self.gaps)

    def contradicts(self, version: int, last: LastChange, complete_since: int) -> bool:
        """Return whether ``last`` was not the last change up to a version.

        Its source knows all changes after the version ``complete_since``.
        """
        first = self.first_listed
        is_known = complete_since < first.version <= version
        if is_known and last.version <= first.version and last != first:
            return True
        begin = max(complete_since, self.recent_floor)
        known = [change for change in self.recent if begin < change[0] <= version]
        if last.version <= begin:
            return bool(known)
        return not known or known[-1] != (last.version, last.uid)
