"""``python -m tests.benchmarks``: measure pod-index, and a baseline for every figure."""
