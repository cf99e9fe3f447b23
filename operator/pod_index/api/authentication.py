"""HTTP authentication in front of the application: basic, and bearer tokens.

It is a middleware of its own, which is absent unless it is configured.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from pod_index.api.responses import Header, error, respond
from pod_index.api.tokens import TokenFile, digest
from pod_index.settings import Settings

PROTECTED = ("/api/v1/",)
"""The prefixes of protected paths; the probes are open."""

METRICS = "/metrics"
"""Protected too if ``AUTH_METRICS`` is set."""

HEADER_LIMIT = 8192
"""The longest Authorization header that is accepted, in bytes."""

UNAUTHORIZED = error("Unauthorized")

_BASIC: Header = (b"www-authenticate", b'Basic realm="Restricted"')
_BEARER: Header = (b"www-authenticate", b'Bearer realm="Restricted"')
# Only for requests with a token: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
_WRONG_TOKEN: Header = (b"www-authenticate", b'Bearer realm="Restricted", error="invalid_token"')


class Login:
    """A user name and its password in UTF-8, kept as digests: https://www.rfc-editor.org/rfc/rfc7617#section-2."""

    def __init__(self, username: str, password: str) -> None:
        self._username = digest(username.encode("utf-8", "surrogateescape"))
        self._password = digest(password.encode("utf-8", "surrogateescape"))

    def accepts(self, encoded: bytes) -> bool:
        """Whether ``encoded`` is the base64 of ``username:password``, in a time that reveals nothing of either.

        The user name ends at the first colon; the password may contain colons.
        """
        try:
            username, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
        except binascii.Error:
            return False
        same_username = hmac.compare_digest(self._username, digest(username))
        same_password = hmac.compare_digest(self._password, digest(password))
        return bool(colon) & same_username & same_password


class Authenticator:
    """Checks credentials for protected paths: the login, or one of the tokens."""

    def __init__(self, login: Login | None, tokens: TokenFile | None, protected: tuple[str, ...] = PROTECTED) -> None:
        self._login = login
        self.tokens = tokens
        self.protected = protected

    @classmethod
    def from_settings(cls, settings: Settings) -> "Authenticator | None":
        """Return the configured authenticator, or None; raise SettingsError if the token file is unusable."""
        username, password = settings.basic_auth_username, settings.basic_auth_password
        login = Login(username, password) if username else None
        tokens = TokenFile(settings.auth_token_file) if settings.auth_token_file else None
        protected = (*PROTECTED, METRICS) if settings.auth_metrics else PROTECTED
        return None if login is None and tokens is None else cls(login, tokens, protected)

    def accepts(self, authorization: bytes) -> bool:
        """Whether the value of an Authorization header is valid, if there is no other one."""
        return not self.challenges([(b"authorization", authorization)])

    def challenges(self, headers: Iterable[Header]) -> tuple[Header, ...]:
        """Return the challenges of a 401, one for each configured scheme; empty if the credentials are valid.

        Credentials are accepted in one Authorization header only: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2.
        Tokens in a query would appear in logs: https://www.rfc-editor.org/rfc/rfc6750#section-5.3.
        """
        values = [value for name, value in headers if name == b"authorization"]
        bearer = _BEARER
        if len(values) == 1 and len(values[0]) <= HEADER_LIMIT:
            # The name of the scheme is case-insensitive: https://www.rfc-editor.org/rfc/rfc9110#section-11.1
            scheme, _, credentials = values[0].strip(b" \t").partition(b" ")
            match scheme.lower():
                case b"basic" if self._login is not None:
                    if self._login.accepts(credentials.lstrip(b" ")):
                        return ()
                case b"bearer" if self.tokens is not None:
                    if self.tokens.accepts(credentials.lstrip(b" ")):
                        return ()
                    bearer = _WRONG_TOKEN
        # Two header fields, since many clients read only the first challenge of a list.
        return ((_BASIC,) if self._login is not None else ()) + ((bearer,) if self.tokens is not None else ())


class Authentication:
    """Middleware that answers 401 to requests without valid credentials.

    ``age`` returns the age of the data in seconds; ``on_refusal`` is called with the path and the duration in seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        age: Callable[[], float],
        on_refusal: Callable[[str, float], None],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._age = age
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests for open paths, and those with valid credentials."""
        if scope["type"] == "http" and scope["path"].startswith(self._authenticator.protected):
            started = time.perf_counter()
            challenges = self._authenticator.challenges(scope["headers"])
            if challenges:
                await respond(send, 401, UNAUTHORIZED, (b"age", b"%d" % self._age()), *challenges)
                self._on_refusal(scope["path"], time.perf_counter() - started)
                return
        await self._app(scope, receive, send)
