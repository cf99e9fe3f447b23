"""The demo: pod-index on a small API server with pods that come, change and go."""
