"""The HTTP server: connections, TLS and limits."""
