"""The index values of pods: what ``Indices`` find them by.

The terms are those of client-go: https://pkg.go.dev/k8s.io/client-go/tools/cache#Indexer
"""

from binascii import unhexlify
from collections.abc import Collection
from contextlib import suppress
from typing import Literal, get_args

from pod_index.pods import Pod
from pod_index.store.identifiers import SHORT_ID_LENGTH, canonical_ip, is_short_id, parse_uid
from pod_index.store.packed_parts import PackedPod
from pod_index.store.workloads import Workload, controller_of, workload_of

IndexName = Literal["containerID", "ip", "name", "node", "config.hash", "workload"]

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

# The packed form: rank, namespace, each value that is text after a "\n", then "\n\0" and the container IDs as bytes.
# The first letter of a value identifies its index.
_START_SIZE = 20
_RANK_SIZE = 1 + _START_SIZE
_ID_SIZE = 33
_ID_KEY_SIZE = 1 + SHORT_ID_LENGTH // 2
_ID_LETTER = ord("c")
_TEXT_ID_LETTER = ord("d")
_IP_LETTER = ord("i")
_LOST_IP_LETTER = ord("l")
_FINISHED = ord("0")

CONTAINER_ID_LETTERS = bytes([_ID_LETTER, _TEXT_ID_LETTER])
"""The first letters of the index values of container IDs."""

FIRST_SYNC = b"first sync"
"""The value of the first sync, for subscriptions. It is not among the packed index values."""

WORKLOAD_PARTS = 16
"""The pods of a workload are spread over so many values. To remove one of 10,000 pods with one value takes 1 ms."""


def container_id_value(container_id: str) -> bytes:
    """Return the index value of a container ID without its scheme: 64 hexadecimal digits, or any other text.

    The value of a short one belongs to all container IDs that begin with it.
    """
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


def namespace_value(namespace: str) -> bytes:
    """Return the value of a namespace, for streams. It is not among the packed index values."""
    return _encode("s" + namespace)


def config_hash_value(uid: str) -> bytes:
    """Return the index value of the kubelet's UID of a static pod."""
    return _encode("h" + uid)


def workload_values(namespace: str, workload: str) -> list[bytes]:
    """Return the index values of the pods of a workload, which is ``KIND.GROUP/NAME``; the group may be empty."""
    return [_encode(f"w{part:x}{namespace}/{workload}") for part in range(WORKLOAD_PARTS)]


def workload_value(namespace: str, workload: str) -> bytes:
    """Return the value of a workload, for streams. It is not among the packed index values."""
    return _encode(f"w{namespace}/{workload}")


def uid_value(uid: str) -> bytes:
    """Return the value of a UID, for subscriptions. It is not among the packed index values."""
    return _encode("u" + uid)


def index_values(pod: Pod, names: frozenset[IndexName] = INDEX_NAMES) -> bytes:
    """Return the packed values of ``pod`` in the named indices, after its rank and its namespace.

    Among pods with the same value, a lookup finds the one with the highest rank. Unfinished pods rank above finished
    ones. Among either, a later start ranks above an earlier one.
    """
    return pack(pod, names)[0]


def pack(pod: Pod, names: frozenset[IndexName]) -> tuple[bytes, list[bytes]]:
    """Return ``index_values`` of a pod, and the same as ``split`` returns them."""
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
    if "workload" in names:
        workload = _key_of(
            pod.workload if isinstance(pod, PackedPod) else workload_of(metadata, controller_of(metadata))
        )
        # The API server validates neither the kind nor the name in the reference to an owner.
        if workload.isprintable():
            part = hash(metadata.uid) % WORKLOAD_PARTS
            lines.append(f"w{part:x}{metadata.namespace}/{workload}")
    ids = []
    if "containerID" in names:
        for container_id in pod.container_ids if isinstance(pod, PackedPod) else container_ids_of(pod):
            if isinstance(container_id, bytes):
                ids.append(b"c" + container_id)
                continue
            value = container_id_value(container_id.split("://", 1)[-1])
            if value[0] == _ID_LETTER:
                ids.append(value)
            # The API server validates names, but not the container IDs that a kubelet reports.
            elif len(value) > 1 and (text := value.decode("utf-8", "surrogatepass")).isprintable():
                lines.append(text)
    text_values = "\n".join(lines).encode()
    return b"%b\n\0%b" % (text_values, b"".join(ids)), text_values.split(b"\n")[1:] + ids


def has_value(packed: bytes, value: bytes) -> bool:
    """Return whether a value is among packed index values, or belongs to one of them."""
    # The first test is fast. It is also true if the value is part of the namespace or of another value.
    if value in packed and value in split(packed):
        return True
    return is_short_value(value) and bool(named_ids(packed, value))


def is_short_value(value: bytes) -> bool:
    """Return whether an index value is that of a container ID with which others can begin."""
    return value[0] == _TEXT_ID_LETTER and is_short_id(value[1:].decode("latin-1"))


def named_ids(packed: bytes, value: bytes) -> set[bytes]:
    """Return the container IDs among packed index values that a container ID names, of which ``value`` is the value.

    These are the one that equals it, and those that begin with it if it is short.
    """
    values = split(packed)
    if not is_short_value(value):
        return {value} & set(values)
    digits = value[1:].lower()
    return {
        known
        for known in values
        if (known[0] == _ID_LETTER and known[1:].hex().encode().startswith(digits))
        or (known[0] == _TEXT_ID_LETTER and known[1:].lower().startswith(digits))
    }


def bucket_key(value: bytes) -> bytes:
    """Return what decides on the bucket of an index value: of a container ID, its first hexadecimal digits.

    So a short container ID is in the same bucket as the whole ones that begin with it.
    """
    if value[0] == _ID_LETTER:
        return value[:_ID_KEY_SIZE]
    if value[0] == _TEXT_ID_LETTER and len(value) > SHORT_ID_LENGTH:
        with suppress(ValueError):
            return b"c" + unhexlify(value[1 : 1 + SHORT_ID_LENGTH])
    return value


def rank_of(packed: bytes) -> bytes:
    """Return the rank in packed index values."""
    return packed[:_RANK_SIZE]


def is_in_namespace(packed: bytes, namespace: str) -> bool:
    """Return whether the packed index values belong to a pod in the namespace."""
    # ``namespace`` comes from a client, and with a line feed it could match the values after the namespace.
    return "\n" not in namespace and packed.startswith(_encode(namespace + "\n"), _RANK_SIZE)


def namespace_value_of(packed: bytes) -> bytes:
    """Return the value of the namespace in packed index values."""
    return b"s" + packed[_RANK_SIZE : packed.index(b"\n")]


def node_value_of(packed: bytes) -> bytes:
    """Return the value of the node in packed index values, or b"" without one."""
    begin = packed.find(b"\no", _RANK_SIZE, packed.index(b"\n\0")) + 1
    return packed[begin : packed.index(b"\n", begin)] if begin else b""


def workload_value_of(packed: bytes) -> bytes:
    """Return the value of the workload, for streams, in packed index values, or b"" without one."""
    begin = packed.find(b"\nw", _RANK_SIZE, packed.index(b"\n\0")) + 1
    return b"w" + packed[begin + 2 : packed.index(b"\n", begin)] if begin else b""


def split(packed: bytes) -> list[bytes]:
    """Return the index values in their packed form as a list."""
    lines, _, ids = packed.partition(b"\n\0")
    return lines.split(b"\n")[1:] + [ids[at : at + _ID_SIZE] for at in range(0, len(ids), _ID_SIZE)]


def is_finished(packed: bytes) -> bool:
    """Return whether packed index values are those of a finished pod."""
    return packed[0] == _FINISHED


def start_of(packed: bytes) -> bytes:
    """Return the start time in packed index values, as text in the order of time. It is blank before the start."""
    return packed[1:_RANK_SIZE]


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


def _key_of(workload: Workload) -> str:
    return f"{workload.kind}.{workload.api_version.rpartition('/')[0]}/{workload.name}"


def container_ids_of(pod: Pod) -> list[bytes | str]:
    """Return the IDs of all containers of a pod, and the IDs from before their last restart."""
    status = pod.status
    ids: list[bytes | str] = []
    for statuses in (
        status.init_container_statuses,
        status.container_statuses,
        status.ephemeral_container_statuses,
    ):
        for container in statuses or ():
            current, last = container.container_id, container.last_state
            if current:
                ids.append(current)
            if last and last.terminated:
                previous = last.terminated.container_id
                # Until its restart, a container still has the ID of its last run.
                if previous and previous != current:
                    ids.append(previous)
    return ids


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
