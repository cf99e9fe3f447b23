"""What several suites of the tests use."""
