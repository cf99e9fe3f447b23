"""The stream of a watch, however it is cut on its way."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.informer.client import Unreachable
from pod_index.informer.listwatch import read_lines


class Content:
    """The body of a response, by the parts in which it is received."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    async def iter_any(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream of lines, and the same in parts."""
    lines = draw(st.lists(st.binary(min_size=1, max_size=6).map(lambda line: line.replace(b"\n", b" ") + b"\n")))
    stream = b"".join(lines)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(stream) - 1)))))
    parts = [stream[begin:end] for begin, end in pairwise([0, *cuts, len(stream)])]
    return stream, [part for part in parts if part]


@given(cut=cut_streams())
async def test_lines_come_whole_and_in_order_wherever_the_stream_is_cut(cut: tuple[bytes, list[bytes]]) -> None:
    stream, parts = cut
    reads = [bytes(lines) async for lines in read_lines(Content(parts))]
    assert b"".join(reads) == stream
    assert all(read.endswith(b"\n") for read in reads)


@given(cut=cut_streams(), rest=st.binary(min_size=1, max_size=6).map(lambda rest: rest.replace(b"\n", b" ")))
async def test_a_line_without_its_end_is_an_outage_and_not_used(cut: tuple[bytes, list[bytes]], rest: bytes) -> None:
    stream, parts = cut
    lines = read_lines(Content([*parts, rest]))
    read = b""
    while len(read) < len(stream):
        read += await anext(lines)
    assert read == stream
    with pytest.raises(Unreachable, match="in the middle of a line"):
        await anext(lines)
