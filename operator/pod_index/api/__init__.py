"""The HTTP API: requests and responses."""
