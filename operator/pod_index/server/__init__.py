"""The HTTP server: connections, TLS and limits.

It uses more of uvicorn than uvicorn documents, so setup.cfg limits the versions of uvicorn to those that were tested.
"""

UVICORN_MEMBERS = {
    "HttpToolsProtocol": (
        *("connection_made", "connection_lost", "data_received", "eof_received", "resume_writing"),
        *("on_message_begin", "on_response_complete"),
        *("app", "app_state", "config", "cycle", "flow", "headers", "parser", "scheme", "scope", "server_state"),
        *("transport", "url"),
    ),
    "RequestResponseCycle": (
        *("disconnected", "keep_alive", "message_event", "more_body", "receive"),
        *("response_complete", "response_started", "scope", "send"),
    ),
    "FlowControl": ("pause_reading", "resume_reading", "write_paused"),
    "Config": ("load", "loaded_app"),
    "Server": ("capture_signals", "serve", "server_state", "should_exit", "shutdown", "started"),
    "ServerState": ("connections", "default_headers"),
}
"""All members of uvicorn's classes that this package uses or overrides."""
