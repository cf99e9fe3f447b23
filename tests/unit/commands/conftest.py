"""A small repository for every test, and a service to check."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.commands.answers import Answers
from tests.unit.commands.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def service() -> Iterator[Answers]:
    with Answers() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
