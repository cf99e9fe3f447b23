"""Resume tokens: the version of a view that a client has. All replicas understand them without a shared state."""

import base64
import functools
import hashlib

import msgspec
from msgspec import Struct

from pod_index.store.index import PodIndex
from pod_index.store.progress import LastChange, StreamProgress
from pod_index.store.views import View


class Expired(Exception):
    """The changes since the token are unknown: the client must begin with all pods again."""


class ScopeVersion(Struct, array_like=True, frozen=True):
    """The version of one stream of the index, and its last change up to it.

    A replica that has reached the version must know the change, or its history is another one: etcd was restored from a
    backup. A replica that has started at the version, or has seen no change since up to it, knows the pods only: it
    does not notice that if both histories end with a deletion, or with a change of the same pod at the same version.
    """

    version: int
    complete_since: int
    """The version since which all changes are known, so that ``last`` is certainly the last, if it is later."""
    last: LastChange


class ResumeToken(Struct, array_like=True, frozen=True):
    """A view at a version."""

    view: bytes
    """A digest of the view."""
    history: str
    """As ``PodIndex.history`` has it."""
    scopes: dict[str, ScopeVersion]
    """The versions of the streams that the view covers. Each has its own, so that nothing older is ever sent."""

    def encode(self) -> str:
        """Return the text for clients."""
        return base64.urlsafe_b64encode(_encode(self)).rstrip(b"=").decode()

    def is_reached(self, index: PodIndex, namespace: str) -> bool:
        """Return whether the index is at this version or later; raise Expired if deletions since may be unknown."""
        streams = index.streams(namespace)
        if self.history != index.history or self.scopes.keys() != streams.keys():
            raise Expired("the resume token is of another history")
        for scope, stream in streams.items():
            if not stream.progress.knows_deletions_since(self.scopes[scope].version):
                raise Expired("the resume token is too old")
        for scope, stream in streams.items():
            if stream.progress.is_mixed or stream.progress.version < self.scopes[scope].version:
                return False
        if not all(_knows(index, stream.progress, self.scopes[scope]) for scope, stream in streams.items()):
            raise Expired("the resume token is of another history")
        return True


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ResumeToken).decode


def parse_token(text: str, view: View) -> ResumeToken:
    """Parse a token of a view; raise Expired if it is not one of this version of pod-index, or of another view."""
    try:
        token = _decode(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Expired("the resume token is invalid") from error
    if token.view != _digest(view):
        raise Expired("the resume token is of another view")
    return token


def current_token(index: PodIndex, view: View) -> ResumeToken | None:
    """Return the token of a view as it is now; None while the index is between two versions."""
    if index.is_mixed(view.namespace):
        return None
    versions = {
        scope: ScopeVersion(progress.version, progress.recent_floor, progress.last)
        for scope, stream in index.streams(view.namespace).items()
        for progress in (stream.progress,)
    }
    return ResumeToken(_digest(view), index.history, versions)


@functools.lru_cache(maxsize=1024)
def _digest(view: View) -> bytes:
    """Return what identifies a view in its tokens."""
    text = "\n".join([view.node, view.namespace, view.workload, "details" * view.details])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4]


def _knows(index: PodIndex, progress: StreamProgress, known: ScopeVersion) -> bool:
    """Return whether the index knows the last change up to a version, and none after it up to the version."""
    last = known.last
    if progress.contradicts(known.version, last, known.complete_since):
        return False
    if any(
        last.version < version <= known.version and index.version_of(uid) == version for version, uid in progress.recent
    ):
        return False  # A pod that existed, and that every listing has shown.
    if last.version < 0:
        return True
    if last.deleted:
        # A replica that has started since has never known the pod. With a selector, it may have returned.
        return not 0 <= index.version_of(last.uid) <= last.version
    return index.version_of(last.uid) >= last.version or index.changes.knows_deletion(last.uid)
