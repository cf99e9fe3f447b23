"""From the API server to the index: lists, watches and logins."""
