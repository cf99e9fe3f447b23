"""Bodies of responses, cut anywhere."""

from collections.abc import AsyncIterator
from itertools import pairwise

from hypothesis import strategies as st


class Content:
    """The body of a response, in the parts in which it is received."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the parts."""
        for part in self._parts:
            yield part


def cuts(body: bytes) -> st.SearchStrategy[list[bytes]]:
    """The body in parts."""
    ends = st.sets(st.integers(1, max(1, len(body) - 1)), max_size=20).map(sorted)
    return ends.map(lambda ends: [body[begin:end] for begin, end in pairwise([0, *ends, len(body)]) if begin < end])
