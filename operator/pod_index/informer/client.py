"""GET requests to the API server: logged in, timed out, and with every failure told in one line."""

import asyncio
import contextlib
import datetime
import email.utils
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import ClassVar

import aiohttp

from pod_index.informer.client_sockets import open_socket
from pod_index.informer.credentials import Credentials, CredentialsError
from pod_index.pods import decode_status

CONNECT_SECONDS = 10.0
"""How long connecting may take, TLS included."""

RETRY_AFTER_LIMIT = 300.0
"""The longest Retry-After that is obeyed, in seconds: nobody shall be able to send the feed to sleep for ever."""

ERROR_BODY_LIMIT = 64 * 1024
"""How much of an error's body is read, in bytes."""


class ApiError(Exception):
    """A request failed; the message is one line that says what failed, where, and what to do."""

    reason: ClassVar[str] = "other"
    """What the metrics call it: one of ``stats.API_FAILURES``."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """How many seconds the server asked to wait before the next attempt."""


class Unreachable(ApiError):
    """There was no answer, or it broke off: the server may be down or another one when it is back."""

    reason = "unreachable"


class Silent(Unreachable):
    """The server accepted the request and then sent nothing for too long."""

    reason = "silent"


class Unauthorized(ApiError):
    """The server refused the credentials (401)."""

    reason = "unauthorized"


class Expired(ApiError):
    """The server no longer has the resourceVersion or the continue token that was asked for (410)."""

    reason = "expired"


class Rejected(ApiError):
    """The server refused the request as such (400 or 422): an older one knows no streaming lists."""

    reason = "rejected"


class Untrusted(ApiError):
    """What came cannot be what happened: garbage, or a history that began anew."""

    reason = "untrusted"


class ApiClient:
    """A client of one API server, which it only ever reads.

    ``load`` reads the credentials; it is called in a thread, at every login.
    """

    def __init__(self, load: Callable[[], Credentials], *, user_agent: str) -> None:
        self._load = load
        self._user_agent = user_agent
        self._credentials: Credentials | None = None
        self._session: aiohttp.ClientSession | None = None
        self._login = asyncio.Lock()

    async def login(self) -> None:
        """Read the credentials (anew); raise CredentialsError if there are none.

        Streams that are open go on: the API server checks credentials when a request starts.
        """
        self._credentials = await asyncio.to_thread(self._load)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=open_socket),
                trust_env=True,  # HTTPS_PROXY and NO_PROXY, as kubectl does
                headers={
                    "Accept": "application/json",
                    # Inflating costs more CPU on both sides than a cluster's network costs time.
                    "Accept-Encoding": "identity",
                    "User-Agent": self._user_agent,
                },
            )

    async def renew_login(self, refused: Credentials | None) -> None:
        """Log in again unless that has happened since ``refused`` were in use.

        Raise ApiError if there are no credentials now: they may be back at the next attempt.
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
        self, path: str, params: Mapping[str, str], *, idle_seconds: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET request and yield the response, whose status is 200.

        ``idle_seconds`` is how long the server may send nothing. Raises ApiError for everything that goes
        wrong, while the body is read too.
        """
        credentials, session = self._credentials, self._session
        if credentials is None or session is None:
            raise RuntimeError("login() comes before get()")
        server = credentials.server
        try:
            async with session.get(
                server + path,
                params=params,
                headers={"Authorization": credentials.authorization} if credentials.authorization else None,
                ssl=True if credentials.ssl_context is None else credentials.ssl_context,
                server_hostname=credentials.server_hostname,
                proxy=credentials.proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=idle_seconds),
            ) as response:
                if response.status != 200:
                    raise await _refusal(response, server)
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
            raise Silent(f"{server} has sent nothing for {idle_seconds:g} s; check that it is up") from error
        except aiohttp.InvalidURL as error:
            raise ApiError(f"{server} is not a usable server URL; check the kubeconfig") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"the connection to {server} broke off ({_reason(error)})") from error


async def _refusal(response: aiohttp.ClientResponse, server: str) -> ApiError:
    status = decode_status(await response.content.read(ERROR_BODY_LIMIT))
    said = f"{response.status} {response.reason or ''}".strip()
    if status.message:
        said += ": " + " ".join(status.message.split())[:500]
    retry_after = _retry_after(response.headers.get("Retry-After", ""))
    match response.status:
        case 401:
            return Unauthorized(
                f"{server} refuses the credentials ({said}); check the token or certificate that they hold"
            )
        case 403:
            return ApiError(
                f"{server} forbids reading pods ({said});"
                " grant get, list and watch on pods, for example as manifests/rbac.yaml does"
            )
        case 410:
            return Expired(f"{server} has forgotten that version ({said})")
        case 400 | 422:
            return Rejected(f"{server} rejects the request ({said})")
        case 429:
            return ApiError(f"{server} asks to slow down ({said})", retry_after=retry_after)
        case code if code >= 500:
            return Unreachable(f"{server} fails ({said}); it may be starting or overloaded", retry_after=retry_after)
        case _:
            return ApiError(f"{server} gives an answer that makes no sense ({said}); is it a Kubernetes API?")


def _retry_after(value: str) -> float:
    """Read a Retry-After header, in seconds or as a date: RFC 9110, section 10.2.3."""
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_LIMIT)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    seconds = date.timestamp() - datetime.datetime.now(datetime.UTC).timestamp()
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT)


def _reason(error: Exception) -> str:
    """Name the cause of an aiohttp error as the operating system or OpenSSL does, without aiohttp's wrapping."""
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
