"""The index of pods: plain objects without I/O."""
