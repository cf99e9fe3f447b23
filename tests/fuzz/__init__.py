"""What a coverage-guided fuzzer checks."""
