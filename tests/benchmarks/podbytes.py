"""Pods of 9 to 12 KB as an API server sends them, encoded before the measurement.

They are in chunks of HTTP/1.1, one for each pod, since kube-apiserver flushes after each event and item.
"""

from collections.abc import Iterator

import msgspec

from tests.apiserver import realistic_pod
from tests.apiserver.protobuf import encode_event, encode_message
from tests.apiserver.stored import StoredPod
from tests.support.operator_process import expected_record

FIRST_VERSION = 1_000_000_000
"""All versions have ten digits, so that one can be overwritten by another."""

LAST_CHUNK = b"0\r\n\r\n"

_ADDED, _MODIFIED, _DELETED = b'{"type":"ADDED"', b'{"type":"MODIFIED"', b'{"type":"DELETED"'
_VERSION = b'"resourceVersion":"'
_MARKER = "benchmark/marker"
_DIGITS = 10


class PodBytes:
    """The pods number 0 to ``count`` - 1: as a streaming list, as pages of a list, and changed one by one.

    They belong to so many ``workloads``. In protobuf, there is only the streaming list, in the order of an API server:
    that of the keys in etcd.
    """

    def __init__(self, count: int, workloads: int = 200, *, protobuf: bool = False) -> None:
        self.protobuf = protobuf
        self.version = FIRST_VERSION + count
        """The resourceVersion of the newest pod."""
        self.uids: list[str] = []
        self.record_bytes = 0
        """The size of the records of all pods, in bytes."""
        self.stream = bytearray()
        """The initial events of a streaming list, without the bookmark that ends them."""
        self._stream_ends = [0]
        self._items = bytearray()
        self._item_ends = [0]
        self._workloads = workloads
        for number in sorted(range(count), key=self._etcd_key) if protobuf else range(count):
            self._add(number)

    def __len__(self) -> int:
        return len(self.uids)

    def page(self, start: int, end: int, version: int) -> Iterator[bytes | memoryview]:
        """Yield the body of a page with the pods ``start`` to ``end`` - 1, in chunks."""
        metadata = {"resourceVersion": str(version)}
        if end < len(self):
            metadata |= {"continue": str(end)}
        head = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata}
        yield chunk(msgspec.json.encode(head)[:-1] + b',"items":[')
        if start < end:
            # All chunks start with a comma, but the first item of a page has none.
            first = bytes(self._items[self._item_ends[start] : self._item_ends[start + 1]])
            yield chunk(first.partition(b"\r\n")[2][1:-2])
            yield memoryview(self._items)[self._item_ends[start + 1] : self._item_ends[end]]
        yield chunk(b"]}\n") + LAST_CHUNK

    def modified(self, number: int, version: int) -> bytes:
        """Return the event of a change to a pod, as a chunk; ``marker_of`` its record is ``version``."""
        added = self.stream[self._stream_ends[number] : self._stream_ends[number + 1]]
        line = bytearray(_MODIFIED) + added[added.index(_ADDED) + len(_ADDED) : -2]
        for text in (_VERSION, _marker_key()):
            at = line.index(text) + len(text)
            line[at : at + _DIGITS] = b"%d" % version
        return chunk(bytes(line))

    def churned(self, number: int, version: int, size: int) -> bytes:
        """Return the events of a further pod, number 0 and up, that is created and then deleted, as chunks."""
        pod = realistic_pod(len(self) + number)
        pod["metadata"]["annotations"]["benchmark/large"] = "x" * size
        added, deleted = (StoredPod(pod, version + later).typed() for later in (0, 1))
        return chunk(_ADDED + b',"object":' + added + b"}\n") + chunk(_DELETED + b',"object":' + deleted + b"}\n")

    def _etcd_key(self, number: int) -> tuple[str, str]:
        metadata = realistic_pod(number, self._workloads)["metadata"]
        return metadata["namespace"], metadata["name"]

    def _add(self, number: int) -> None:
        pod = realistic_pod(number, self._workloads)
        pod["metadata"]["annotations"][_MARKER] = "0" * _DIGITS
        stored = StoredPod(pod, FIRST_VERSION + number + 1)
        self.uids.append(stored.uid)
        self.record_bytes += len(msgspec.json.encode(expected_record(pod)))
        if self.protobuf:
            self.stream += chunk(encode_event("ADDED", "Pod", stored.protobuf()))
            return
        self.stream += chunk(_ADDED + b',"object":' + stored.typed() + b"}\n")
        self._stream_ends.append(len(self.stream))
        self._items += chunk(b"," + stored.encoded)
        self._item_ends.append(len(self._items))


def chunk(data: bytes) -> bytes:
    """Return a chunk of a body: RFC 9112, section 7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def bookmark(version: int, *, ends_initial_events: bool = False, protobuf: bool = False) -> bytes:
    """Return a bookmark, as a chunk."""
    metadata: dict[str, object] = {"resourceVersion": str(version), "creationTimestamp": None}
    if ends_initial_events:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    if protobuf:
        return chunk(encode_event("BOOKMARK", "Pod", encode_message("Pod", {"metadata": metadata})))
    pod = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"containers": None}, "status": {}}
    return chunk(msgspec.json.encode({"type": "BOOKMARK", "object": pod}) + b"\n")


def expired() -> bytes:
    """Return the event of a watch whose version has expired, as a chunk."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version",
        "reason": "Expired",
        "code": 410,
    }
    return chunk(msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n")


def marker_of(record: bytes) -> int:
    """Return the version of the last change in a record; 0 if there was no change."""
    _, _, rest = record.partition(_marker_key())
    return int(rest[:_DIGITS] or b"0")


def _marker_key() -> bytes:
    return b'"%b":"' % _MARKER.encode()
