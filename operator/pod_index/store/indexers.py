"""What a pod is found by besides its UID, in as few bytes as can be.

A pod with three containers and two IPs has eight keys. A dictionary would take over a kilobyte for them; this takes
0.4 KB, and no more time: an entry holds its own keys as one text, and a table of buckets tells which entries may hold
a key.
"""

from binascii import unhexlify
from typing import Generic, Literal, Protocol, TypeVar, get_args

from pod_index.pods import Pod, PodStatus
from pod_index.store.identifiers import canonical_ip, parse_uid

IndexName = Literal["containerID", "ip", "name", "node", "config.hash"]
"""What a key is."""

INDEX_NAMES: frozenset[IndexName] = frozenset(get_args(IndexName))

CONFIG_HASH = "kubernetes.io/config.hash"
"""The annotation of a mirror pod that holds the kubelet's UID of the static pod:
https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-hash"""

CONFIG_MIRROR = "kubernetes.io/config.mirror"
"""The annotation that makes a pod a mirror pod:
https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror"""

FINISHED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that never runs again, and whose IPs another pod may have by now:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase"""

BUCKETS = 1 << 14
"""How many buckets a table has. At 50,000 pods each has 25 keys, which are looked through in 3 microseconds."""

_RANK_SIZE = 21
_ID_SIZE = 33
_ID_LETTER = ord("c")


def container_id_value(container_id: str) -> bytes:
    """Return the key of a container ID without its scheme: 64 hexadecimal digits, or what else a runtime may have."""
    if len(container_id) == 64:
        try:
            return b"c" + unhexlify(container_id)
        except ValueError:
            pass
    return _encode("d" + container_id)


def ip_value(address: str) -> bytes:
    """Return the key of an IP address in its canonical notation."""
    return _encode("i" + address)


def name_value(name: str) -> bytes:
    """Return the key of a pod's ``namespace/name``."""
    return _encode("n" + name)


def node_value(node: str) -> bytes:
    """Return the key of the node that a pod is on."""
    return _encode("o" + node)


def config_hash_value(uid: str) -> bytes:
    """Return the key of the kubelet's UID of a static pod."""
    return _encode("h" + uid)


def uid_value(uid: str) -> bytes:
    """Return the key of a UID, which is in no text: it can be waited for."""
    return _encode("u" + uid)


def index_values(pod: Pod, names: frozenset[IndexName] = INDEX_NAMES) -> bytes:
    """Return the keys of ``pod`` as an entry holds them: one text, that begins with its rank and its namespace.

    Its rank tells which of several pods with one key is meant: the one with the greatest. One that may run comes before
    one that has finished, then the one that started last.
    """
    metadata, status = pod.metadata, pod.status
    rank = "0" if status.phase in FINISHED else "1"
    lines = [f"{rank}{status.start_time or '':{_RANK_SIZE - 1}.{_RANK_SIZE - 1}}{metadata.namespace}"]
    if "name" in names:
        lines.append(f"n{metadata.namespace}/{metadata.name}")
    if "node" in names and pod.spec.node_name:
        lines.append("o" + pod.spec.node_name)
    if "ip" in names and status.pod_ips and not pod.spec.host_network:
        lines += ["i" + ip for pod_ip in status.pod_ips if (ip := canonical_ip(pod_ip.ip))]
    if "config.hash" in names and metadata.annotations and CONFIG_MIRROR in metadata.annotations:
        uid = parse_uid(metadata.annotations.get(CONFIG_HASH, ""))
        if uid is not None:
            lines.append("h" + uid)
    ids = b""
    if "containerID" in names:
        for container_id in _container_ids(status):
            key = container_id_value(container_id)
            if key[0] == _ID_LETTER:
                ids += key
            # Names are checked by the API server, but nobody checks what a kubelet reports.
            elif container_id and container_id.isprintable():
                lines.append(key.decode())
    return b"%b\n\0%b" % ("\n".join(lines).encode(), ids)


def rank_of(text: bytes) -> bytes:
    """Return the rank in the text of a pod's keys."""
    return text[:_RANK_SIZE]


def is_in_namespace(text: bytes, namespace: str) -> bool:
    """Return whether the text of a pod's keys tells this namespace."""
    # Whoever asks may write what he likes, a line and the beginning of the next as well.
    return "\n" not in namespace and text.startswith(_encode(namespace + "\n"), _RANK_SIZE)


def split(text: bytes) -> list[bytes]:
    """Return the keys in the text of a pod's keys."""
    lines, _, ids = text.partition(b"\n\0")
    return lines.split(b"\n")[1:] + [ids[at : at + _ID_SIZE] for at in range(0, len(ids), _ID_SIZE)]


class Indexed(Protocol):
    """What a table holds."""

    @property
    def keys(self) -> bytes:
        """The text of its keys; it must not change while the entry is in a table."""


E = TypeVar("E", bound=Indexed)


class Indices(Generic[E]):
    """Entries by their keys; several may have the same one."""

    def __init__(self, buckets: int = BUCKETS) -> None:
        self._buckets: list[list[E]] = [[] for _ in range(buckets)]

    def add(self, entry: E) -> None:
        """Let the entry be found by its keys."""
        buckets, number = self._buckets, len(self._buckets)
        for key_hash in map(hash, split(entry.keys)):  # not self._bucket(): it is twice as fast, for every key there is
            buckets[key_hash % number].append(entry)

    def remove(self, entry: E) -> None:
        """Let the entry be found no more."""
        for key in split(entry.keys):
            self._bucket(key).remove(entry)

    def find(self, key: bytes) -> list[E]:
        """Return the entries that have the key."""
        # The first test is quick, and wrong where the key is a part of another.
        found = [entry for entry in self._bucket(key) if key in entry.keys and key in split(entry.keys)]
        # An entry is there as often as it has keys in the bucket.
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def _bucket(self, key: bytes) -> list[E]:
        return self._buckets[hash(key) % len(self._buckets)]


def _container_ids(status: PodStatus) -> list[str]:
    """The IDs, without schemes, of all containers of a pod, and those that they had before they were restarted."""
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
            # A container that waits for its next start still has the ID of the last.
            if previous and previous != current:
                ids.append(previous.split("://", 1)[-1])
    return ids


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
