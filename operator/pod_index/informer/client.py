"""Authenticated GET requests to the API server. Each failure is an ``ApiError`` with one line for the log."""

import asyncio
import contextlib
import datetime
import email.utils
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp

from pod_index.informer.client_sockets import open_socket
from pod_index.informer.credentials import Credentials, CredentialsError
from pod_index.informer.errors import ApiError, Expired, IdleTimeout, Rejected, Throttled, Unauthorized, Unreachable
from pod_index.informer.json_wire import MEDIA_TYPE, decode_status

CONNECT_SECONDS = 10.0
"""The timeout for connecting, TLS included."""

RETRY_AFTER_LIMIT = 300.0
"""The maximum Retry-After, in seconds; longer ones are cut, so that no proxy can stop the informer for hours."""

ERROR_BODY_LIMIT = 64 * 1024
"""The bytes of an error response's body that are read."""


class ApiClient:
    """A read-only client of one API server.

    ``load`` reads the credentials; it runs in a thread at each login.
    """

    def __init__(self, load: Callable[[], Credentials], *, user_agent: str) -> None:
        self._load = load
        self._user_agent = user_agent
        self._credentials: Credentials | None = None
        self._session: aiohttp.ClientSession | None = None
        self._login = asyncio.Lock()

    async def login(self) -> None:
        """Read the credentials; raise CredentialsError if none are usable.

        Open streams continue: the API server checks credentials when a request starts.
        """
        self._credentials = await asyncio.to_thread(self._load)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=open_socket),
                trust_env=True,  # HTTPS_PROXY and NO_PROXY, as in kubectl
                headers={
                    "Accept": MEDIA_TYPE,
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
        self, path: str, params: Mapping[str, str], *, idle_seconds: float, close_connection: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET request and yield the response, whose status is 200.

        ``idle_seconds`` is the maximum time between two reads. With ``close_connection``, no later request uses the
        same connection. Raise ApiError for every failure, those while reading the body included.
        """
        credentials, session = self._credentials, self._session
        if credentials is None or session is None:
            raise RuntimeError("get() requires login()")
        server = credentials.server
        headers = {"Connection": "close"} if close_connection else {}
        if credentials.authorization:
            headers["Authorization"] = credentials.authorization
        try:
            async with session.get(
                server + path,
                params=params,
                headers=headers,
                ssl=True if credentials.ssl_context is None else credentials.ssl_context,
                server_hostname=credentials.server_hostname,
                proxy=credentials.proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=idle_seconds),
            ) as response:
                if response.status != 200:
                    raise await _error_of(response, server)
                yield response
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch) as error:
            raise Unreachable(
                f"the certificate of {server} is not trusted ({_reason(error)});"
                " check the CA in the kubeconfig or the service account"
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(
                f"cannot connect to {server} ({_reason(error)}); check its address and that it is up"
            ) from error
        except TimeoutError as error:
            raise IdleTimeout(f"{server} has sent nothing for {idle_seconds:g} s; check that it is up") from error
        except aiohttp.InvalidURL as error:
            raise ApiError(f"{server} is not a usable server URL; check the kubeconfig") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"the connection to {server} was lost ({_reason(error)})") from error


async def _error_of(response: aiohttp.ClientResponse, server: str) -> ApiError:
    status = decode_status(await response.content.read(ERROR_BODY_LIMIT))
    failure = f"{response.status} {response.reason or ''}".strip()
    if status.message:
        failure += ": " + " ".join(status.message.split())[:500]
    retry_after = _retry_after(response.headers.get("Retry-After", ""))
    match response.status:
        case 401:
            return Unauthorized(f"{server} refuses the credentials ({failure}); check the token or client certificate")
        case 403:
            return ApiError(
                f"{server} forbids reading pods ({failure});"
                " grant get, list and watch on pods, for example as manifests/rbac.yaml does"
            )
        case 410:
            return Expired(f"{server} no longer has the requested version ({failure})")
        case 400 | 422:
            return Rejected(f"{server} rejects the request ({failure})")
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
