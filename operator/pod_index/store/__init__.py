"""The index: plain objects without I/O."""
