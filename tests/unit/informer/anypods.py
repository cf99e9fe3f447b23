"""Pods with any content, as the real server encodes them: both encodings of each are returned.

Go's JSON sorts maps by key, omits what is empty, and replaces each byte of invalid UTF-8 by U+FFFD. Strings that are
invalid UTF-8 have surrogates here (``surrogateescape``).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.apiserver.protobuf import encode_message

_texts = st.text(max_size=12) | st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789./-", min_size=1, max_size=12)
_maps = st.dictionaries(_names, _texts, max_size=5)
_epoch = datetime(1970, 1, 1, tzinfo=UTC)
_times = st.integers(-62_135_510_400, 253_370_764_800).map(  # the years 1 to 9999
    lambda seconds: (_epoch + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
)
_optional_times = st.none() | st.just("1970-01-01T00:00:00Z") | _times
_integers = st.integers(-(2**31), 2**31 - 1)


def _objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    # Any of the fields may be absent.
    return st.fixed_dictionaries({}, optional=fields)


# Go's JSON always has the exit code, the restart count, ``ready`` and the image ID.
_terminated = st.fixed_dictionaries(
    {"exitCode": _integers},
    optional={"reason": _texts, "startedAt": _optional_times, "finishedAt": _optional_times, "containerID": _texts},
)
_states = _objects(
    waiting=_objects(reason=_texts, message=_texts),
    running=_objects(startedAt=_optional_times),
    terminated=_terminated,
)
_statuses = st.lists(
    st.fixed_dictionaries(
        {
            "name": _texts,
            "state": _states,
            "lastState": _states,
            "ready": st.booleans(),
            "restartCount": _integers,
            "imageID": _texts,
        },
        optional={"image": _texts, "containerID": _texts},
    ),
    max_size=3,
)
_containers = st.lists(
    _objects(
        name=_texts,
        image=_texts,
        restartPolicy=_texts,
        args=st.lists(_texts, max_size=3),
        env=st.lists(_objects(name=_texts, value=_texts), max_size=3),
        ports=st.lists(_objects(containerPort=_integers), max_size=2),
        stdin=st.booleans(),
    ),
    max_size=2,
)
_ips = st.lists(_objects(ip=_texts), max_size=3)

_pods = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": _names, "uid": _names, "resourceVersion": st.integers(0, 2**63 - 1).map(str)},
            optional={
                "generateName": _texts,
                "namespace": _names,
                "generation": _integers,
                "creationTimestamp": _optional_times,
                "deletionTimestamp": _optional_times,
                "labels": _maps,
                "annotations": _maps,
                "finalizers": st.lists(_texts, max_size=2),
                "ownerReferences": st.lists(
                    _objects(kind=_texts, name=_texts, uid=_texts, apiVersion=_texts, controller=st.booleans()),
                    max_size=2,
                ),
                "managedFields": st.lists(_objects(manager=_texts, time=_times), max_size=2),
            },
        )
    },
    optional={
        "spec": _objects(
            nodeName=_texts,
            hostNetwork=st.booleans(),
            serviceAccountName=_texts,
            ephemeralContainers=_containers,
            containers=_containers,
            initContainers=_containers,
            nodeSelector=_maps,
            priority=_integers,
            tolerations=st.lists(_objects(key=_texts, tolerationSeconds=_integers), max_size=2),
        ),
        "status": _objects(
            phase=_texts,
            podIP=_texts,
            hostIP=_texts,
            qosClass=_texts,
            reason=_texts,
            podIPs=_ips,
            hostIPs=_ips,
            startTime=_optional_times,
            message=_texts,
            conditions=st.lists(_objects(type=_texts, lastProbeTime=_optional_times, message=_texts), max_size=2),
            containerStatuses=_statuses,
            initContainerStatuses=_statuses,
            ephemeralContainerStatuses=_statuses,
        ),
    },
)

encoded_pods: st.SearchStrategy[tuple[bytes, bytes]] = _pods.map(
    lambda pod: (encode_message("Pod", pod), json.dumps(_as_in_go(pod), sort_keys=True).encode())
)
"""Pods as protobuf messages and as JSON."""


def go_text(raw: bytes) -> str:
    """The text as Go's JSON has it: https://pkg.go.dev/unicode/utf8#DecodeRune, one step after the other."""
    text, begin = "", 0
    while begin < len(raw):
        for size in (1, 2, 3, 4):
            try:
                character = raw[begin : begin + size].decode()
            except UnicodeDecodeError:
                continue
            if len(character) == 1:
                break
        else:
            character, size = "\N{REPLACEMENT CHARACTER}", 1
        text += character
        begin += size
    return text


_NEVER_OMITTED = {
    *("state", "lastState", "waiting", "running", "terminated"),
    *("exitCode", "restartCount", "ready", "imageID"),
}


def _field_in_go(name: str, value: Any) -> Any:
    """A field of an object; None if Go omits it."""
    if name in ("labels", "annotations", "nodeSelector"):
        return {key: _as_in_go(text) for key, text in value.items()} or None
    # Go never omits structs and pointers that are set.
    return _as_in_go(value) if value or name in _NEVER_OMITTED else None


def _as_in_go(value: Any) -> Any:
    match value:
        case str():
            return go_text(value.encode("utf-8", "surrogateescape"))
        case list():
            return [_as_in_go(item) for item in value]
        case dict():
            return {key: converted for key, item in value.items() if (converted := _field_in_go(key, item)) is not None}
    return value
