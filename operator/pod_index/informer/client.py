"""Authenticated GET requests to the API server. Each failure is an ``ApiError`` with one line for the log."""

import asyncio
import contextlib
import datetime
import email.utils
import os
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import aiohttp

from pod_index.client_sockets import open_socket
from pod_index.informer.credentials import Credentials
from pod_index.informer.errors import (
    ApiError,
    BadRequest,
    CredentialsError,
    Expired,
    Forbidden,
    IdleTimeout,
    Rejected,
    Throttled,
    Unauthorized,
    Unreachable,
)
from pod_index.informer.wire import ACCEPT, wire_for

CONNECT_SECONDS = 10.0
"""The timeout for connecting, TLS included."""

RETRY_AFTER_LIMIT = 300.0
"""The maximum Retry-After, in seconds; longer ones are cut, so that no proxy can stop the informer for hours."""

ERROR_BODY_LIMIT = 64 * 1024
"""The bytes of an error response's body that are read."""


class ApiClient:
    """A read-only client of one API server.

    ``load`` loads the credentials at each login.
    """

    def __init__(self, load: Callable[[], Awaitable[Credentials]], *, user_agent: str) -> None:
        self._load = load
        self._user_agent = user_agent
        self._credentials: Credentials | None = None
        self._session: aiohttp.ClientSession | None = None
        self._login = asyncio.Lock()

    async def login(self) -> None:
        """Load the credentials; raise CredentialsError if none are usable.

        Open streams continue: the API server checks credentials when a request starts.
        """
        self._credentials = await self._load()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=open_socket),
                trust_env=False,  # it would read ~/.netrc, and send its passwords to the API server
                headers={
                    # Compression costs both sides more CPU time than it saves in a cluster's network.
                    "Accept-Encoding": "identity",
                    "User-Agent": self._user_agent,
                },
            )

    async def renew_login(self, refused: Credentials | None) -> None:
        """Log in again, unless another stream already replaced the ``refused`` credentials.

        Raise ApiError if no credentials are usable now; the next attempt may find some.
        """
        async with self._login:
            if self._credentials is refused:
                try:
                    await self.login()
                except CredentialsError as error:
                    raise ApiError(str(error)) from error

    @property
    def credentials(self) -> Credentials | None:
        """The credentials in use."""
        return self._credentials

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        idle_seconds: float,
        accept: str = ACCEPT,
        close_connection: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET request and yield the response, whose status is 200.

        ``idle_seconds`` is the maximum time between two reads. With ``close_connection``, no later request uses the
        same connection. Raise ApiError for every failure, those while reading the body included.
        """
        credentials, session = self._credentials, self._session
        if credentials is None or session is None:
            raise RuntimeError("get() requires login()")
        server, proxy = credentials.server, credentials.proxy
        try:
            async with session.get(
                server + path,
                params=params,
                headers=[
                    ("Accept", accept),
                    *_headers(credentials),
                    *([("Connection", "close")] if close_connection else []),
                ],
                ssl=True if credentials.ssl_context is None else credentials.ssl_context,
                server_hostname=credentials.server_hostname,
                proxy=proxy.url if proxy else None,
                proxy_headers=_proxy_headers(credentials),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=idle_seconds),
            ) as response:
                if response.status != 200:
                    raise await _error_of(response, server)
                yield response
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable(
                f"the certificate of {_peer(error, credentials)} is not trusted ({_reason(error)});"
                " check the CA in the kubeconfig or the service account"
            ) from error
        except aiohttp.ClientHttpProxyError as error:
            raise Unreachable(
                f"the proxy of {proxy.source if proxy else ''} refuses to connect to {server}"
                f" ({error.status} {error.message}); check its rules, user name and password"
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(
                f"cannot connect to {_peer(error, credentials)} ({_reason(error)}); check its address and that it is up"
            ) from error
        except TimeoutError as error:
            raise IdleTimeout(f"{server} has sent nothing for {idle_seconds:g} s; check that it is up") from error
        except aiohttp.InvalidURL as error:
            raise ApiError(f"{server} is not a usable server URL; check the kubeconfig") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"the connection to {server} was lost ({_reason(error)})") from error


def _headers(credentials: Credentials) -> list[tuple[str, str]]:
    headers = list(credentials.impersonation)
    if credentials.authorization:
        headers.append(("Authorization", credentials.authorization))
    proxy = credentials.proxy
    if proxy is not None and proxy.authorization and credentials.server.startswith("http:"):
        headers.append(("Proxy-Authorization", proxy.authorization))
    return headers


def _proxy_headers(credentials: Credentials) -> dict[str, str] | None:
    """Return the headers of the CONNECT request, which only servers with TLS need."""
    proxy = credentials.proxy
    return {"Proxy-Authorization": proxy.authorization} if proxy is not None and proxy.authorization else None


def _peer(error: aiohttp.ClientError, credentials: Credentials) -> str:
    """Return the server, or the proxy if the error is about the connection to that."""
    proxy = credentials.proxy
    if proxy is not None and isinstance(error, aiohttp.ClientConnectorError):
        url = urllib.parse.urlsplit(proxy.url)
        if (error.host, error.port) == (url.hostname, url.port):
            return f"{proxy.url}, the proxy of {proxy.source}"
    return credentials.server


async def _error_of(response: aiohttp.ClientResponse, server: str) -> ApiError:
    wire = wire_for(response.headers.get("Content-Type", ""))
    status = wire.decode_status(await response.content.read(ERROR_BODY_LIMIT))
    failure = f"{response.status} {response.reason or ''}".strip()
    if status.message:
        failure += ": " + " ".join(status.message.split())[:500]
    retry_after = _retry_after(response.headers.get("Retry-After", ""))
    match response.status:
        case 401:
            return Unauthorized(f"{server} refuses the credentials ({failure}); check the token or client certificate")
        case 403:
            anonymous = 'User "system:anonymous"' in status.message if status.message else False
            return Forbidden(
                f"{server} forbids reading pods ({failure});"
                + (
                    " the request had no credentials: check the user in the kubeconfig"
                    if anonymous
                    else " grant get, list and watch on pods, for example as manifests/rbac.yaml does"
                )
            )
        case 410:
            return Expired(f"{server} no longer has the requested version ({failure})")
        case 400 | 422:
            error_class = BadRequest if status.reason == "BadRequest" else Rejected
            return error_class(f"{server} rejects the request ({failure})")
        case 429:
            return Throttled(f"{server} asks to slow down ({failure})", retry_after=retry_after)
        case code if code >= 500:
            return Unreachable(f"{server} fails ({failure}); it may be starting or overloaded", retry_after=retry_after)
        case _:
            return ApiError(
                f"{server} sent an unexpected response ({failure}); check that it is a Kubernetes API server"
            )


def _retry_after(value: str) -> float:
    """Parse a Retry-After header, which has seconds or a date: RFC 9110, section 10.2.3."""
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_LIMIT)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0.0
    seconds = date.timestamp() - datetime.datetime.now(datetime.UTC).timestamp()
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT)


def _reason(error: Exception) -> str:
    """Return the cause of an aiohttp error in the words of the operating system or OpenSSL."""
    cause: BaseException = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if isinstance(cause, aiohttp.ClientPayloadError):
        return "the response is incomplete"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    return " ".join(str(cause).split()) or type(cause).__name__
