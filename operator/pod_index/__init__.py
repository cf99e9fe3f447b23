"""pod-index: tells at once which Kubernetes pod a UID belongs to."""
