"""A running pod-index, asked over HTTP."""

import base64
import dataclasses
import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.commands.programs import CommandFailed

TIMEOUT_SECONDS = 10.0
BODY_LIMIT = 1024 * 1024
SHOWN_CHARACTERS = 300


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def content(self) -> object:
        """The JSON of the body; None if it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def __str__(self) -> str:
        text = self.text if len(self.text) <= SHOWN_CHARACTERS else f"{self.text[:SHOWN_CHARACTERS]}..."
        return f"{self.status} {text}".replace("\n", " ").strip()


class Service:
    """The service at a URL."""

    def __init__(self, url: str, authorization: str | None = None) -> None:
        """Raise CommandFailed for what is not the URL of an HTTP service.

        ``authorization`` is the header for what is not open to all: everything below ``/api/``.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and " " not in url
        except ValueError:
            valid = False
        if not valid:
            raise CommandFailed(f"{url!r} is not a URL as http://localhost:8080 is")
        self.url = url.rstrip("/")
        self._authorization = authorization
        # A proxy for the world does not know what is on this machine.
        proxies = urllib.request.ProxyHandler({} if _is_loopback(parts.hostname or "") else None)
        self._opener = urllib.request.build_opener(proxies, _AsItIs)

    def ask(self, path: str, method: str = "GET") -> Answer:
        """Send a request without a body; raise CommandFailed if no HTTP answer comes within the timeout."""
        request = urllib.request.Request(self.url + path, method=method, data=b"" if method == "POST" else None)
        if self._authorization is not None and path.startswith("/api/"):
            request.add_header("Authorization", self._authorization)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                headers = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, headers, _read(response).decode(errors="replace"))
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, reason: object) -> CommandFailed:
        told = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
        return CommandFailed(
            f"{self.url} does not answer ({' '.join(told.split())}): "
            "start pod-index, or forward a port to it with kubectl port-forward"
        )


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Every answer is an answer: no exceptions for 404, and no way to wherever a redirect points."""

    def http_response(
        self, request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        return response

    https_response = http_response


def authorization_of(environ: Mapping[str, str]) -> str | None:
    """The Authorization header that the settings of pod-index allow; raise CommandFailed if there is no token.

    It is the login's, else the first token's.
    """
    username, password = environ.get("BASIC_AUTH_USERNAME"), environ.get("BASIC_AUTH_PASSWORD")
    if username and password:
        login = f"{username}:{password}".encode("utf-8", "surrogateescape")
        return f"Basic {base64.b64encode(login).decode()}"
    path = environ.get("AUTH_TOKEN_FILE", "").strip()
    if not path:
        return None
    try:
        lines = Path(path).read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise CommandFailed(f"AUTH_TOKEN_FILE {path} cannot be read ({error.strerror})") from None
    tokens = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    # It goes into a header, which must not end within it.
    if not tokens or not (tokens[0].isascii() and tokens[0].isprintable()):
        raise CommandFailed(f"AUTH_TOKEN_FILE {path} has no token")
    return f"Bearer {tokens[0]}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(response: http.client.HTTPResponse) -> bytes:
    """The body, which must be small and come soon: the timeout of the socket is for each of its parts only."""
    deadline, body = time.monotonic() + TIMEOUT_SECONDS, b""
    while part := response.read1(BODY_LIMIT):
        body += part
        if len(body) > BODY_LIMIT or time.monotonic() > deadline:
            raise TimeoutError("the answer does not end")
    return body
