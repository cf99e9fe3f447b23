"""Tests for a coverage-guided fuzzer."""
