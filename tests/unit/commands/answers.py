"""A service that answers as pod-index does, unless it is told to answer otherwise."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Answers(ThreadingHTTPServer):
    """Answers as pod-index does, but for what `wrong` says: by path, a status, a body and headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pods: dict[str, Any] = {}
        self.wrong: dict[str, tuple[int, str, dict[str, str]]] = {}
        self.unready = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, target: str) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers."""
        url = urlsplit(target)
        uid = parse_qs(url.query).get("uid", [""])[0]
        if wrong := self.wrong.get(f"{method} {url.path}{'?' if uid else ''}"):
            return wrong
        if url.path not in ("/health", "/ready", "/api/v1/pod"):
            return _error(404, "not found")
        if method != "GET":
            return *_error(405, "Method not allowed")[:2], {"Allow": "GET, HEAD"}
        if url.path == "/health":
            return 200, '{"status":"healthy"}', {}
        if url.path == "/ready":
            self.unready -= 1
            return (200, '{"status":"ready","podCount":3}', {}) if self.unready < 0 else _error(503, "cache not synced")
        if not uid:
            return _error(400, "uid parameter is required")
        if uid not in self.pods:
            return _error(404, f"pod with UID {uid} not found")
        return 200, json.dumps(self.pods[uid]), {}


def _error(status: int, message: str) -> tuple[int, str, dict[str, str]]:
    return status, json.dumps({"error": message}), {}


class Handler(BaseHTTPRequestHandler):
    """Passes requests on to Answers."""

    server: Answers

    def do_GET(self) -> None:
        """Answer."""
        status, body, headers = self.server.answer(self.command, self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        """Answer too."""
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""
