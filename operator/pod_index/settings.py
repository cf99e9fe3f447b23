"""What the environment configures: read once, checked, and passed on."""

import dataclasses
import math
from collections.abc import Mapping


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

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from ``environ``; raise SettingsError for a value out of its range.

        A variable that is absent or empty keeps its default.
        """
        return cls(
            port=int(_number(environ, "PORT", cls.port, 1, 65535, whole=True)),
            shutdown_drain_seconds=_number(environ, "SHUTDOWN_DRAIN_SECONDS", cls.shutdown_drain_seconds, 0, 300),
            streaming_list=_flag(environ, "STREAMING_LIST", cls.streaming_list),
            retry_max_seconds=_number(environ, "RETRY_MAX_SECONDS", cls.retry_max_seconds, 0.01, 3600),
            watch_idle_seconds=_number(environ, "WATCH_IDLE_SECONDS", cls.watch_idle_seconds, 0.1, 3600),
        )


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
        raise SettingsError(f"{name} must be a {kind} from {low:g} to {high:g}, not {text!r}")
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
