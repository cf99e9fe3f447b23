"""The settings of the service, read from environment variables."""

import logging
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, structs

from pod_index import listening, peering, selection
from pod_index.environ import FILE, SettingsError, parse
from pod_index.store.indexers import INDEX_NAMES, IndexName

SECRET = Meta(extra={"values": "text"})
"""Marks a setting that no error, log or ``repr`` shows. Whitespace around its value is kept."""

REMOVED = ("MAX_PIPELINED_REQUESTS",)
"""Settings of earlier versions. They have no effect, and a warning at the start says so."""

logger = logging.getLogger("pod_index")


class Settings(peering.Peering, frozen=True, kw_only=True):
    """The settings; the environment variable of each is its name in upper case.

    The types, ranges, defaults and descriptions are declared here only. The checks, the error messages and the table in
    the documentation are derived from them.
    """

    # Kopf ends a process whose cleanup takes 600 s.
    shutdown_drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="Seconds to go on answering after SIGTERM or SIGINT. `/ready` is 503 during this time, so that"
            " load balancers stop sending requests.",
        ),
    ] = 5.0

    streaming_list: Annotated[
        bool,
        Meta(
            description="Request the initial list of pods as a [streaming list]"
            "(https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists) where the API server"
            " supports it, and otherwise as a whole list. `false` always requests pages, which cost the API server"
            " most."
        ),
    ] = True

    streaming_list_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=86400,
            description="Maximum duration of a streaming list or a whole list, in seconds. Two attempts that take"
            " longer, or end before all pods were sent, are followed by another way to list.",
        ),
    ] = 300.0

    retry_max_seconds: Annotated[
        float,
        Meta(ge=0.01, le=3600, description="Longest pause between two attempts to reach the API server, in seconds."),
    ] = 30.0

    login_timeout_seconds: Annotated[float, Meta(ge=1, le=3600, description="Maximum seconds for a login.")] = 60.0

    watch_idle_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Seconds of silence after which a watch counts as dead and is reopened. The API server sends a"
            " bookmark every minute, but the first one after a streaming list only after two minutes.",
        ),
    ] = 130.0

    lookup_keys: Annotated[
        frozenset[IndexName],
        Meta(
            description="Keys that pods can be found by besides their UID. A key that is left out takes no memory;"
            " `uid` alone turns all of them off."
        ),
    ] = INDEX_NAMES

    details: Annotated[
        bool,
        Meta(
            description="Keep the details of pods for requests with `details=true`: containers, owner, workload."
            " `false` keeps none of them, and answers such requests 400."
        ),
    ] = True

    deleted_retention_seconds: Annotated[
        float,
        Meta(ge=0, le=86400, description="Seconds to keep deleted pods for requests with `includeDeleted=true`."),
    ] = 300.0

    deleted_retention_max: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="Maximum number of deleted pods. The oldest are dropped first."),
    ] = 10_000

    deleted_retention_max_bytes: Annotated[
        int,
        Meta(ge=0, le=64 * 1024**3, description="Maximum memory of deleted pods, in bytes. Most pods take 1 to 2 KB."),
    ] = 32 * 1024 * 1024

    tls_cert_file: Annotated[
        str,
        FILE,
        Meta(
            description="Certificate in PEM format, followed by its intermediates. With it and `TLS_KEY_FILE`, the API"
            " is served over HTTPS (TLS 1.2 or newer) instead of HTTP."
        ),
    ] = ""

    tls_key_file: Annotated[
        str, FILE, Meta(description="Private key of `TLS_CERT_FILE` in PEM format, not encrypted.")
    ] = ""

    max_staleness_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=86400,
            description="`/ready` is 503 while the data was last confirmed by the API server longer ago than this, in"
            " seconds; 0 turns this off. Use 180 or more: while no pods change, the API server confirms the data once a"
            " minute, and the first time only after two minutes.",
        ),
    ] = 0.0

    basic_auth_username: Annotated[
        str,
        SECRET,
        Meta(
            description="User name that requests below `/api/v1/` must have, without a colon"
            " ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2)). Without a user name and without"
            " `AUTH_TOKEN_FILE`, requests need no authentication."
        ),
    ] = ""

    basic_auth_password: Annotated[str, SECRET, Meta(description="Password of `BASIC_AUTH_USERNAME`.")] = ""

    auth_token_file: Annotated[
        str,
        FILE,
        Meta(description="Bearer tokens, one per line. Each is accepted in place of the user name and password."),
    ] = ""

    auth_metrics: Annotated[bool, Meta(description="Require the authentication for `/metrics` too.")] = False

    access_log: Annotated[
        bool,
        Meta(
            description="Log a line for each request: its target, status, milliseconds and client address, but no"
            " headers. A lookup then takes several times the CPU time."
        ),
    ] = False

    page: Annotated[bool, Meta(description="Serve the HTML page at `/`. `false` answers 404 there.")] = True

    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Maximum number of open client connections. An idle one takes 8 KB of memory, 50 KB with"
            " TLS. The [memory budget](#memory-budget) has the most that they can take.",
        ),
    ] = 2000

    max_header_bytes: Annotated[
        int,
        Meta(ge=1024, le=1024 * 1024, description="Maximum size of a request's header with its first line, in bytes."),
    ] = 16 * 1024

    max_query_bytes: Annotated[
        int,
        Meta(ge=100, le=1024 * 1024, description="Maximum length of a query string below `/api/v1/`, in bytes."),
    ] = 8 * 1024

    max_body_bytes: Annotated[
        int,
        Meta(ge=1024, le=64 * 1024 * 1024, description="Maximum size of the body of a request, in bytes."),
    ] = 256 * 1024

    client_timeout_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Seconds that a client may take to send the header or the body of a request, to complete a TLS"
            " handshake, and to read 16 KiB of a response.",
        ),
    ] = 10.0

    idle_timeout_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Seconds that a connection may be idle between two requests. Clients and proxies that reuse"
            " connections mostly close idle ones after 60 seconds, and should do so first. If MAX_CONNECTIONS are open,"
            " the connection that has been idle longest is closed for a new one.",
        ),
    ] = 75.0

    max_watches: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Maximum number of streams (`watch=true`); further ones get 503. Each takes a connection, so"
            " keep it below MAX_CONNECTIONS.",
        ),
    ] = 1000

    watch_max_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=604800,
            description="Maximum duration of a stream, in seconds. It ends in good order after 50 to 100 % of this"
            " time, at random, so that clients spread over all replicas again.",
        ),
    ] = 3600.0

    watch_heartbeat_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Seconds without a change after which a stream has a bookmark, by which clients notice that it"
            " is alive.",
        ),
    ] = 15.0

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in structs.fields(self) if not _is_secret(field)]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from ``environ``; raise SettingsError for an invalid value.

        A variable that is absent or empty keeps its default.
        """
        values: dict[str, Any] = {}
        for field in structs.fields(cls):
            name = field.name.upper()
            text = environ.get(name, "")
            if _is_secret(field):
                values[field.name] = text
            elif text.strip():
                values[field.name] = parse(name, text.strip(), field.type)
        for name in REMOVED:
            if environ.get(name, "").strip():
                logger.warning("%s has no effect any more; remove it", name)
        settings = cls(**values)
        selection.check(settings)
        listening.check(settings)
        peering.check(settings)
        _check_both(settings, "tls_cert_file", "tls_key_file")
        _check_login(settings)
        if settings.auth_metrics and not (settings.basic_auth_username or settings.auth_token_file):
            raise SettingsError(
                "AUTH_METRICS needs a user name or a token:"
                " set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD, or AUTH_TOKEN_FILE"
            )
        return settings


def _is_secret(field: structs.FieldInfo) -> bool:
    return SECRET in field.type.__metadata__


def _check_both(settings: Settings, first: str, second: str) -> None:
    """Raise SettingsError if only one of two settings is given; the message does not show its value."""
    if bool(getattr(settings, first)) != bool(getattr(settings, second)):
        missing, given = (second, first) if getattr(settings, first) else (first, second)
        raise SettingsError(f"{missing.upper()} must be set too, as {given.upper()} is")


def _check_login(settings: Settings) -> None:
    """Raise SettingsError for an invalid user name or password; the message does not show it."""
    _check_both(settings, "basic_auth_username", "basic_auth_password")
    for name in ("basic_auth_username", "basic_auth_password"):
        # RFC 7617, section 2. Mostly the line end of a file from which a Secret was created.
        if any(unicodedata.category(character) == "Cc" for character in getattr(settings, name)):
            raise SettingsError(f"{name.upper()} must not have control characters, such as the end of a line")
    if ":" in settings.basic_auth_username:
        raise SettingsError("BASIC_AUTH_USERNAME must not have a colon, which ends it: RFC 7617, section 2")
