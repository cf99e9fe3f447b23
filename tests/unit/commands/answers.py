"""A service that answers as pod-index does, unless it is told to answer otherwise."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Answers(ThreadingHTTPServer):
    """Answers as pod-index does, but for what `wrong` says: by path or whole target, a status, a body and headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pods: dict[str, Any] = {}
        self.wrong: dict[str, tuple[int, str, dict[str, str]]] = {}
        self.unready = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, target: str) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        uid = query.get("uid", "")
        for request in (f"{method} {target}", f"{method} {url.path}{'?' if uid else ''}"):
            if wrong := self.wrong.get(request):
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
        name = query.get("id") or f"{query.get('namespace')}/{query.get('name')}"
        if not uid and name == "None/None":
            return _error(400, "uid parameter is required")
        named = (pod for pod in self.pods.values() if name == f"{pod['namespace']}/{pod['name']}")
        pod = self.pods.get(uid) or next(named, None)
        return (200, json.dumps(pod), {"Age": "0"}) if pod else _error(404, f"pod with UID {uid} not found")


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
