"""What the environment configures: read once, checked, and passed on."""

import dataclasses
import math
import unicodedata
from collections.abc import Mapping

from pod_index.store.indexers import INDEX_NAMES, IndexName


class SettingsError(ValueError):
    """An environment variable has a value that cannot be used; the message names it and says what fits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The service's settings; each field says the environment variable that sets it."""

    port: int = 8080
    """``PORT``: the TCP port of the HTTP API, 1 to 65535."""

    shutdown_drain_seconds: float = 5.0
    """``SHUTDOWN_DRAIN_SECONDS``: how long requests are still answered after SIGTERM or SIGINT, so that
    load balancers can notice the 503 of ``/ready`` first; 0 to 300 (Kopf kills a process that takes 600)."""

    streaming_list: bool = True
    """``STREAMING_LIST``: ask for the first state as a streaming list where the API server has it; ``false``
    always asks for pages."""

    retry_max_seconds: float = 30.0
    """``RETRY_MAX_SECONDS``: the longest pause between two attempts to reach the API server, 0.01 to 3600."""

    watch_idle_seconds: float = 130.0
    """``WATCH_IDLE_SECONDS``: a watch that is silent for so long is dead and opened anew, 0.1 to 3600. The API
    server sends a bookmark every minute, the first one after a streaming list only after two."""

    lookup_keys: frozenset[IndexName] = INDEX_NAMES
    """``LOOKUP_KEYS``: what pods are found by besides their UID, separated by commas; what is not among them takes no
    memory. ``uid`` is always on, and may stand alone."""

    deleted_retention_seconds: float = 300.0
    """``DELETED_RETENTION_SECONDS``: how long pods that are gone can still be asked for, 0 to 86400."""

    deleted_retention_max: int = 10_000
    """``DELETED_RETENTION_MAX``: how many of them are kept at most, 0 to 1000000; about 2 KB each."""

    tls_cert_file: str = ""
    """``TLS_CERT_FILE``: the file of the certificate in PEM, with those that lead to its CA; the API is HTTPS then."""

    tls_key_file: str = ""
    """``TLS_KEY_FILE``: the file of its private key in PEM, not encrypted. There is neither of the two, or both."""

    max_staleness_seconds: float = 0.0
    """``MAX_STALENESS_SECONDS``: ``/ready`` is 503 while the API server's last word on the data is older, 0 (never)
    to 86400. Where no pods change it speaks once a minute, the first time after two: less than 180 comes and goes."""

    basic_auth_username: str = dataclasses.field(default="", repr=False)
    """``BASIC_AUTH_USERNAME``: who may ask below ``/api/v1/``, with the password; empty: everybody may, unless there
    are tokens. It has no colon: https://www.rfc-editor.org/rfc/rfc7617#section-2"""

    basic_auth_password: str = dataclasses.field(default="", repr=False)
    """``BASIC_AUTH_PASSWORD``: the password that goes with it."""

    auth_token_file: str = ""
    """``AUTH_TOKEN_FILE``: a file of bearer tokens, one a line, each of which lets in as well."""

    access_log: bool = False
    """``ACCESS_LOG``: a line for every request, of which there may be tens of thousands a second."""

    auth_metrics: bool = False
    """``AUTH_METRICS``: ask for the login or a token, one of which there must be, at ``/metrics`` as well."""

    page: bool = True
    """``PAGE``: serve a page for people at ``/``; ``false`` answers 404 there."""

    max_connections: int = 2000
    """``MAX_CONNECTIONS``: how many connections of clients may be open, 1 to 1000000. An idle one takes 10 KB of
    memory, with TLS 50 KB, and up to 100 KB more while its client does its worst."""

    max_header_bytes: int = 16 * 1024
    """``MAX_HEADER_BYTES``: the longest head of a request, its line included, 1024 to 1048576 bytes."""

    max_query_bytes: int = 8 * 1024
    """``MAX_QUERY_BYTES``: the longest query string below ``/api/v1/``, 100 to 1048576 bytes; a UID has 36, the longest
    path of a cgroup some hundred."""

    max_body_bytes: int = 256 * 1024
    """``MAX_BODY_BYTES``: the longest body that is read, 1024 to 67108864 bytes."""

    max_pipelined_requests: int = 16
    """``MAX_PIPELINED_REQUESTS``: how many requests may be sent before the answer to the last one, 0 to 1000; the
    others are not answered."""

    client_timeout_seconds: float = 10.0
    """``CLIENT_TIMEOUT_SECONDS``: how long a client may take for a request's head, for its body, for a TLS handshake,
    and to read 16 KiB of an answer, 0.1 to 3600."""

    idle_timeout_seconds: float = 5.0
    """``IDLE_TIMEOUT_SECONDS``: how long a connection may be idle between two requests, 0.1 to 3600."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from ``environ``; raise SettingsError for a value out of its range.

        A variable that is absent or empty keeps its default.
        """
        tls_cert_file, tls_key_file = _both(environ, "TLS_CERT_FILE", "TLS_KEY_FILE")
        username, password = _login(environ)
        auth_token_file = environ.get("AUTH_TOKEN_FILE", "").strip()
        auth_metrics = _flag(environ, "AUTH_METRICS", cls.auth_metrics)
        if auth_metrics and not (username or auth_token_file):
            raise SettingsError(
                "AUTH_METRICS asks for a login or a token, of which there is none:"
                " set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD, or AUTH_TOKEN_FILE"
            )
        return cls(
            port=_whole(environ, "PORT", cls.port, 1, 65535),
            shutdown_drain_seconds=_number(environ, "SHUTDOWN_DRAIN_SECONDS", cls.shutdown_drain_seconds, 0, 300),
            streaming_list=_flag(environ, "STREAMING_LIST", cls.streaming_list),
            retry_max_seconds=_number(environ, "RETRY_MAX_SECONDS", cls.retry_max_seconds, 0.01, 3600),
            watch_idle_seconds=_number(environ, "WATCH_IDLE_SECONDS", cls.watch_idle_seconds, 0.1, 3600),
            lookup_keys=_kinds(environ, "LOOKUP_KEYS", cls.lookup_keys),
            deleted_retention_seconds=_number(
                environ, "DELETED_RETENTION_SECONDS", cls.deleted_retention_seconds, 0, 86400
            ),
            deleted_retention_max=_whole(environ, "DELETED_RETENTION_MAX", cls.deleted_retention_max, 0, 1_000_000),
            tls_cert_file=tls_cert_file.strip(),
            tls_key_file=tls_key_file.strip(),
            max_staleness_seconds=_number(environ, "MAX_STALENESS_SECONDS", cls.max_staleness_seconds, 0, 86400),
            basic_auth_username=username,
            basic_auth_password=password,
            auth_token_file=auth_token_file,
            auth_metrics=auth_metrics,
            access_log=_flag(environ, "ACCESS_LOG", cls.access_log),
            page=_flag(environ, "PAGE", cls.page),
            max_connections=_whole(environ, "MAX_CONNECTIONS", cls.max_connections, 1, 1_000_000),
            max_header_bytes=_whole(environ, "MAX_HEADER_BYTES", cls.max_header_bytes, 1024, 1024 * 1024),
            max_query_bytes=_whole(environ, "MAX_QUERY_BYTES", cls.max_query_bytes, 100, 1024 * 1024),
            max_body_bytes=_whole(environ, "MAX_BODY_BYTES", cls.max_body_bytes, 1024, 64 * 1024 * 1024),
            max_pipelined_requests=_whole(environ, "MAX_PIPELINED_REQUESTS", cls.max_pipelined_requests, 0, 1000),
            client_timeout_seconds=_number(environ, "CLIENT_TIMEOUT_SECONDS", cls.client_timeout_seconds, 0.1, 3600),
            idle_timeout_seconds=_number(environ, "IDLE_TIMEOUT_SECONDS", cls.idle_timeout_seconds, 0.1, 3600),
        )


def _whole(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    return int(_number(environ, name, default, low, high, whole=True))


def _number(
    environ: Mapping[str, str], name: str, default: float, low: float, high: float, *, whole: bool = False
) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        kind = "whole number" if whole else "number"
        raise SettingsError(f"{name} must be a {kind} from {low:.9g} to {high:.9g}, not {text!r}")
    return value


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, "").strip()
    match text.lower():
        case "":
            return default
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
    raise SettingsError(f"{name} must be true or false, not {text!r}")


def _both(environ: Mapping[str, str], first: str, second: str) -> tuple[str, str]:
    """Read two that are of no use without each other, as they are; the error does not show them."""
    values = environ.get(first, ""), environ.get(second, "")
    if bool(values[0]) != bool(values[1]):
        missing, given = (second, first) if values[0] else (first, second)
        raise SettingsError(f"{missing} must be set too, as {given} is")
    return values


def _login(environ: Mapping[str, str]) -> tuple[str, str]:
    """Read the user name and the password; the errors do not show them."""
    username, password = _both(environ, "BASIC_AUTH_USERNAME", "BASIC_AUTH_PASSWORD")
    for name, text in (("BASIC_AUTH_USERNAME", username), ("BASIC_AUTH_PASSWORD", password)):
        # As RFC 7617 has it; mostly the line end of a file that a Secret was made from.
        if any(unicodedata.category(character) == "Cc" for character in text):
            raise SettingsError(f"{name} must not have control characters, such as the end of a line")
    if ":" in username:
        raise SettingsError("BASIC_AUTH_USERNAME must not have a colon, which ends it: RFC 7617, section 2")
    return username, password


def _kinds(environ: Mapping[str, str], name: str, default: frozenset[IndexName]) -> frozenset[IndexName]:
    text = environ.get(name, "").strip()
    if not text:
        return default
    named = {part.strip() for part in text.split(",")}
    unknown = named - INDEX_NAMES - {"uid"}
    if unknown:
        known = ", ".join(["uid", *sorted(INDEX_NAMES)])
        raise SettingsError(f"{name} must be some of {known}, with commas between them, not {text!r}")
    return frozenset(kind for kind in INDEX_NAMES if kind in named)
