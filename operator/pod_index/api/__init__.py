"""The HTTP API: what is asked and what is answered."""
