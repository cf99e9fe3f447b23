"""The index values of pods, and the indices that find pods by them.

The terms are those of client-go: https://pkg.go.dev/k8s.io/client-go/tools/cache#Indexer

A pod with three containers and two IPs has eight index values. A dictionary needs over 1 KB for them. These indices
need 0.4 KB and are as fast: an entry holds its index values packed into one byte string, and a table of buckets narrows
down the entries that can have a value.
"""

from binascii import unhexlify
from collections.abc import Collection
from typing import Generic, Literal, Protocol, TypeVar, get_args

from pod_index.pods import Pod, PodStatus
from pod_index.store.identifiers import canonical_ip, parse_uid

IndexName = Literal["containerID", "ip", "name", "node", "config.hash"]

INDEX_NAMES: frozenset[IndexName] = frozenset(get_args(IndexName))

CONFIG_HASH = "kubernetes.io/config.hash"
"""The annotation of a mirror pod that holds the kubelet's UID of the static pod:
https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-hash"""

CONFIG_MIRROR = "kubernetes.io/config.mirror"
"""The annotation that makes a pod a mirror pod:
https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror"""

FINISHED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that never runs again. Another pod may have its IPs already:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase"""

BUCKETS = 1 << 14
"""Buckets of the indices. At 50,000 pods, a bucket has 25 index values, and its search takes 3 microseconds."""

# The packed form: rank, namespace, each value that is text after a "\n", then "\n\0" and the container IDs as bytes.
# The first letter of a value identifies its index.
_START_SIZE = 20
_RANK_SIZE = 1 + _START_SIZE
_ID_SIZE = 33
_ID_LETTER = ord("c")
_IP_LETTER = ord("i")
_LOST_IP_LETTER = ord("l")
_FINISHED = ord("0")


def container_id_value(container_id: str) -> bytes:
    """Return the index value of a container ID without its scheme: 64 hexadecimal digits, or any other text."""
    if len(container_id) == 64:
        try:
            return b"c" + unhexlify(container_id)
        except ValueError:
            pass
    return _encode("d" + container_id)


def ip_value(address: str) -> bytes:
    """Return the index value of an IP address in canonical form."""
    return _encode("i" + address)


def name_value(name: str) -> bytes:
    """Return the index value of a ``namespace/name``."""
    return _encode("n" + name)


def node_value(node: str) -> bytes:
    """Return the index value of a node's name."""
    return _encode("o" + node)


def config_hash_value(uid: str) -> bytes:
    """Return the index value of the kubelet's UID of a static pod."""
    return _encode("h" + uid)


def uid_value(uid: str) -> bytes:
    """Return the value of a UID, for subscriptions. It is not among the packed index values."""
    return _encode("u" + uid)


def index_values(pod: Pod, names: frozenset[IndexName] = INDEX_NAMES) -> bytes:
    """Return the packed values of ``pod`` in the named indices, after its rank and its namespace.

    Among pods with the same value, a lookup finds the one with the highest rank. Unfinished pods rank above finished
    ones. Among either, a later start ranks above an earlier one.
    """
    metadata, status = pod.metadata, pod.status
    rank = "0" if status.phase in FINISHED else "1"
    started = (status.start_time or "").ljust(_START_SIZE)[:_START_SIZE]
    lines = [f"{rank}{started}{metadata.namespace}"]
    if "name" in names:
        lines.append(f"n{metadata.namespace}/{metadata.name}")
    if "node" in names and pod.spec.node_name:
        lines.append("o" + pod.spec.node_name)
    if "ip" in names and not pod.spec.host_network:
        if status.pod_ips:
            lines += ["i" + ip for pod_ip in status.pod_ips if (ip := canonical_ip(pod_ip.ip))]
        elif status.pod_ip and (ip := canonical_ip(status.pod_ip)):
            lines.append("i" + ip)
    if "config.hash" in names and metadata.annotations and CONFIG_MIRROR in metadata.annotations:
        uid = parse_uid(metadata.annotations.get(CONFIG_HASH, ""))
        if uid is not None:
            lines.append("h" + uid)
    ids = b""
    if "containerID" in names:
        for container_id in _container_ids(status):
            value = container_id_value(container_id)
            if value[0] == _ID_LETTER:
                ids += value
            # The API server validates names, but not the container IDs that a kubelet reports.
            elif container_id and container_id.isprintable():
                lines.append(value.decode())
    return b"%b\n\0%b" % ("\n".join(lines).encode(), ids)


def rank_of(packed: bytes) -> bytes:
    """Return the rank in packed index values."""
    return packed[:_RANK_SIZE]


def is_in_namespace(packed: bytes, namespace: str) -> bool:
    """Return whether the packed index values belong to a pod in the namespace."""
    # ``namespace`` comes from a client, and with a line feed it could match the values after the namespace.
    return "\n" not in namespace and packed.startswith(_encode(namespace + "\n"), _RANK_SIZE)


def split(packed: bytes) -> list[bytes]:
    """Return the index values in their packed form as a list."""
    lines, _, ids = packed.partition(b"\n\0")
    return lines.split(b"\n")[1:] + [ids[at : at + _ID_SIZE] for at in range(0, len(ids), _ID_SIZE)]


def is_finished(packed: bytes) -> bool:
    """Return whether packed index values are those of a finished pod."""
    return packed[0] == _FINISHED


def started_later(packed: bytes, other: bytes) -> bool:
    """Return whether the first of two pods started later."""
    return packed[1:_RANK_SIZE] > other[1:_RANK_SIZE]


def ip_values(packed: bytes) -> list[bytes]:
    """Return the IPs in packed index values."""
    return [value for value in split(packed) if value[0] == _IP_LETTER] if b"\ni" in packed else []


def lost_ip_values(packed: bytes) -> list[bytes]:
    """Return the IPs that ``lose_ips`` took out of packed index values."""
    return [b"i" + value[1:] for value in split(packed) if value[0] == _LOST_IP_LETTER] if b"\nl" in packed else []


def lost_value(ip: bytes) -> bytes:
    """Return the index value of a pod that lost an IP, of which ``ip`` is the value."""
    return b"l" + ip[1:]


def lose_ips(packed: bytes, lost: Collection[bytes]) -> bytes:
    """Return packed index values that do not find the pod by these IPs, but name them in ``lost_ip_values``."""
    lines, end, ids = packed.partition(b"\n\0")
    kept = [line for line in lines.split(b"\n") if line not in lost]
    return b"\n".join([*kept, *map(lost_value, lost)]) + end + ids


REMOVED = b""
"""The index values of removed entries. A comparison with the object is faster than one with its length."""


class Indexed(Protocol):
    """An entry of ``Indices``."""

    index_values: bytes
    """The packed index values. Only ``Indices`` changes them while the entry is in it."""


E = TypeVar("E", bound=Indexed)


class Indices(Generic[E]):
    """Entries by index value. Several entries may have the same value. The number of ``buckets`` is a power of two."""

    def __init__(self, buckets: int = BUCKETS) -> None:
        self._buckets: list[list[E]] = [[] for _ in range(buckets)]
        self._mask = buckets - 1
        self._swept = 0
        """The bucket to be swept next."""

    def add(self, entry: E) -> None:
        """Add an entry under all of its index values."""
        buckets, mask = self._buckets, self._mask
        for value_hash in map(hash, split(entry.index_values)):  # Twice as fast as self._bucket().
            buckets[value_hash & mask].append(entry)

    def replace(self, entry: E, packed: bytes) -> None:
        """Replace the index values of an entry."""
        before, after = set(split(entry.index_values)), set(split(packed))
        entry.index_values = packed
        for value in before - after:
            self._bucket(value).remove(entry)
        for value in after - before:
            self._bucket(value).append(entry)

    def remove(self, entry: E) -> None:
        """Remove an entry for good: without index values nothing finds it.

        A search for it in its buckets would read all their entries from memory, and take 20 to 80 microseconds at
        150,000 pods. So each removal frees only the next bucket of removed entries. At most as many as there are
        buckets remain, without their records: 3 MB.
        """
        entry.index_values = REMOVED
        bucket = self._buckets[self._swept]
        # In place, as a new list would not be frozen, and garbage collections would look at all entries.
        bucket[:] = [entry for entry in bucket if entry.index_values is not REMOVED]
        self._swept = (self._swept + 1) & self._mask

    def find(self, value: bytes) -> list[E]:
        """Return the entries that have the index value, in the order in which they were added."""
        # The first test is fast, but also true if the value is part of another one.
        found = [
            entry for entry in self._bucket(value) if value in entry.index_values and value in split(entry.index_values)
        ]
        # A bucket holds an entry once for each of the entry's values that belong to the bucket.
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def _bucket(self, value: bytes) -> list[E]:
        return self._buckets[hash(value) & self._mask]


def _container_ids(status: PodStatus) -> list[str]:
    """Return the IDs of all containers of a pod, without schemes, and the IDs from before their last restart."""
    ids = []
    for statuses in (
        status.init_container_statuses,
        status.container_statuses,
        status.ephemeral_container_statuses,
    ):
        for container in statuses or ():
            current, last = container.container_id, container.last_state
            if current:
                ids.append(current.split("://", 1)[-1])
            previous = last and last.terminated and last.terminated.container_id
            # Until its restart, a container still has the ID of its last run.
            if previous and previous != current:
                ids.append(previous.split("://", 1)[-1])
    return ids


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
