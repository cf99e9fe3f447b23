"""What the benchmark of keys measures."""

from pod_index.store.indexers import INDEX_NAMES
from tests.apiserver import realistic_pod
from tests.benchmarks.keys import texts


def test_every_key_that_can_be_switched_off_is_measured() -> None:
    assert set(texts(realistic_pod(0))) == INDEX_NAMES
