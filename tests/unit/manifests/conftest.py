"""A sandbox for every test of a script."""

from pathlib import Path

import pytest

from tests.unit.manifests.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)
