"""The HTTP server: connections, TLS and limits.

It uses more of uvicorn than uvicorn documents, so setup.cfg pins uvicorn to a minor version.
"""

UVICORN_MEMBERS = {
    "HttpToolsProtocol": (
        *("connection_made", "data_received", "connection_lost", "resume_writing", "send_400_response"),
        *("on_response_complete", "shutdown"),
        *("cycle", "flow", "headers", "pipeline", "scope", "server_state", "transport", "url"),
    ),
    "RequestResponseCycle": (
        *("disconnected", "message_event", "more_body", "on_response"),
        *("response_complete", "response_started", "scope"),
    ),
    "Server": ("capture_signals", "serve", "server_state", "should_exit", "shutdown", "started"),
    "ServerState": ("connections", "default_headers"),
}
"""All members of uvicorn's classes that this package uses or overrides."""
