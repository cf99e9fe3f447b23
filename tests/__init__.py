"""The tests of pod-index, and the small Kubernetes API server that they and the demo use."""
