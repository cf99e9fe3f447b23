"""The settings of the listening socket."""

from ipaddress import ip_address
from typing import Annotated

from msgspec import Meta

from pod_index.environ import SettingsError
from pod_index.selection import Selection


class Listening(Selection, frozen=True, kw_only=True):
    """Where the server listens. Structs of msgspec have one base, so the groups of settings inherit one another."""

    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of the HTTP API.")] = 8080

    listen_address: Annotated[
        str,
        Meta(
            description="Address that the HTTP API listens on, such as `127.0.0.1` behind a proxy in the same pod. `::`"
            " stands for all IPv6 addresses, `0.0.0.0` for all IPv4 addresses, and an empty value for both.",
            extra={"values": "IPv4 or IPv6 address"},
        ),
    ] = ""

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only processes of the same pod can connect."""
        return bool(self.listen_address) and ip_address(self.listen_address).is_loopback


def check(listening: Listening) -> None:
    """Raise SettingsError if one of the settings is invalid."""
    try:
        if listening.listen_address:
            ip_address(listening.listen_address)
    except ValueError:
        raise SettingsError(
            f"LISTEN_ADDRESS must be an IPv4 or IPv6 address, not {listening.listen_address!r}"
        ) from None
