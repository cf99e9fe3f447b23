"""Finds the HTTP proxy for the API server, by the rules of kubectl.

They are those of Go: https://pkg.go.dev/golang.org/x/net/http/httpproxy. Python's libraries have others:
``urllib``, which aiohttp uses, knows no CIDR, and ``kubernetes.client`` takes ``.example.com`` for ``example.com`` too.
"""

import base64
import dataclasses
import ipaddress
import urllib.parse
from collections.abc import Mapping

from pod_index.informer.errors import CredentialsError

PORTS = {"http": 80, "https": 443}

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proxy:
    """An HTTP proxy."""

    url: str
    """The URL without user name and password."""
    authorization: str | None = dataclasses.field(repr=False)
    """The value of the Proxy-Authorization header, if any. A secret."""
    source: str
    """Where it is configured."""


def find_proxy(server: str, proxy_url: str | None, cluster: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for ``server``, a URL; raise CredentialsError if it is not usable.

    ``proxy_url`` is the one of the kubeconfig, for the ``cluster``. The variables count only without it.
    """
    if proxy_url:
        return _parse_proxy(proxy_url, f"proxy-url of cluster {cluster!r}")
    split = urllib.parse.urlsplit(server)
    for name in (f"{split.scheme}_proxy", f"{split.scheme}_proxy".upper()):
        if value := environ.get(name):
            no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
            if bypasses_proxy(split.hostname or "", split.port or PORTS[split.scheme], no_proxy):
                return None
            return _parse_proxy(value, name)
    return None


def _parse_proxy(text: str, source: str) -> Proxy:
    text = text.strip()
    try:
        split = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
        host, port = split.hostname, split.port
    except ValueError:
        host, port = None, None
    if not host or not text.isprintable() or " " in text:
        raise CredentialsError(f"{source} is not the URL of a proxy, such as http://proxy:3128")
    if split.scheme not in PORTS:
        raise CredentialsError(
            f"{source} is a {split.scheme}:// proxy, which is not supported: use one with http:// or https://"
        )
    authorization = None
    if split.username is not None:
        login = f"{urllib.parse.unquote(split.username)}:{urllib.parse.unquote(split.password or '')}"
        authorization = f"Basic {base64.b64encode(login.encode()).decode()}"
    netloc = f"[{host}]" if ":" in host else host
    return Proxy(
        url=f"{split.scheme}://{netloc}:{port or PORTS[split.scheme]}", authorization=authorization, source=source
    )


def bypasses_proxy(host: str, port: int, no_proxy: str) -> bool:
    """Return whether requests to the host are sent directly: it matches ``no_proxy``, or is this machine."""
    address = _ip(host.partition("%")[0])
    host = _ascii(host.lower())
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return "*" in entries or any(_matches(entry, host, address, port) for entry in entries if entry)


def _matches(entry: str, host: str, address: _IPAddress | None, port: int) -> bool:
    network, slash, bits = entry.rpartition("/")
    if slash and bits.isdecimal() and _ip(network) is not None:
        return address is not None and _contains(entry, address)
    name, only_port = _split_port(entry)
    if only_port not in ("", str(port)) or not name:
        return False
    if (entry_address := _ip(name)) is not None:
        return entry_address == address
    if address is not None:
        return False
    name = _ascii(name.removeprefix("*"))
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _contains(network: str, address: _IPAddress) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, str]:
    """Split ``host:port`` and ``[IPv6]:port``; the port is empty if there is none."""
    name, colon, port = entry.rpartition(":")
    if not colon or (":" in name and not (name.startswith("[") and name.endswith("]"))):
        return entry, ""
    return name.removeprefix("[").removesuffix("]"), port


def _ip(text: str) -> _IPAddress | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _ascii(name: str) -> str:
    """Return an internationalized domain name as DNS has it."""
    try:
        return ".".join(label.encode("idna").decode() if label else "" for label in name.split("."))
    except UnicodeError:
        return name
