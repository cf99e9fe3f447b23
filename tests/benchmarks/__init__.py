"""What pod-index costs, each figure beside the least that it could cost: python -m tests.benchmarks."""
