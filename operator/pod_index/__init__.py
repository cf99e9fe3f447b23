"""pod-index: tells at once which Kubernetes pod a UID belongs to."""

__version__ = "0.1.0"
"""As in setup.cfg, which the image does not have; a test compares them."""
