"""The wire that a response's Content-Type chooses."""

import pytest

from pod_index.informer import json_wire, protobuf_wire
from pod_index.informer.wire import ACCEPT, Wire, wire_for


@pytest.mark.parametrize(
    ("content_type", "wire"),
    [
        ("application/vnd.kubernetes.protobuf", protobuf_wire),
        ("application/vnd.kubernetes.protobuf;stream=watch", protobuf_wire),
        ("Application/VND.kubernetes.protobuf ; stream=watch", protobuf_wire),
        ("application/json", json_wire),
        ("application/json;stream=watch", json_wire),
        ("text/plain; charset=utf-8", json_wire),
        ("application/vnd.kubernetes.protobufs", json_wire),
        ("", json_wire),
    ],
)
def test_the_content_type_decides(content_type: str, wire: Wire) -> None:
    assert wire_for(content_type) is wire


def test_protobuf_is_preferred() -> None:
    assert ACCEPT == "application/vnd.kubernetes.protobuf,application/json"


def test_an_error_of_plain_text_has_an_empty_status() -> None:
    for wire in (wire_for("application/json"), wire_for(protobuf_wire.MEDIA_TYPE), wire_for("text/plain")):
        assert wire.decode_status(b"404 page not found\n") == json_wire.Status()
