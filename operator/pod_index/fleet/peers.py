"""The file with the pod-indexes of other clusters, which may change while the process runs."""

import base64
import functools
import os
import re
import ssl
import stat
import urllib.parse
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pod_index.environ import SettingsError
from pod_index.peering import CLUSTER_NAME_SYNTAX, is_cluster_name

FILE_LIMIT = 256 * 1024
"""The maximum size of a file, in bytes."""

PEERS_FILE_LIMIT = 64 * 1024
"""The maximum size of ``PEERS_FILE``. Parsing blocks the event loop, for up to 2 ms per KB."""

DEPTH_MAX = 10
"""The deepest accepted nesting. The parser of PyYAML is recursive, and a stack overflow ends the process."""

TRUSTED_MAX = 16
"""The number of cached TLS contexts. One for a bundle of 140 CAs takes 0.9 MB, and 16 ms to make."""

PEERS_MAX = 200
"""The maximum number of peers. All of them are asked at once."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""
_URL = re.compile(r"[!-~]+")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A pod-index of another cluster. ``repr`` shows no credentials."""

    name: str
    url: str
    """Without a slash at the end."""
    authorization: str = ""
    """The secret value of the header ``Authorization``; empty without credentials."""
    ca: bytes = b""
    """The trusted CAs in PEM format; empty for those of the system."""

    def __repr__(self) -> str:
        return f"Peer({self.name!r}, {self.url!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("name", self.name), ("url", self.url)]

    def ssl_context(self) -> ssl.SSLContext | bool:
        """Return the argument ``ssl`` of aiohttp."""
        return _trust(self.ca) if self.ca else True


class _Entry(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    name: str
    url: str
    ca_file: str = ""
    token_file: str = ""
    login_file: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    peers: list[Any]


class PeersFile:
    """The peers of ``PEERS_FILE``, and the files that it names: paths in it are relative to its folder.

    The peer with the name of the own cluster is left out, so that all clusters can have the same file.
    """

    def __init__(self, path: str, own_cluster: str) -> None:
        self._path = Path(path)
        self._source = f"PEERS_FILE {path}"
        """The name of the file in errors."""
        self._own_cluster = own_cluster
        self._contents: dict[Path, bytes] = {}

    def changed(self) -> bool:
        """Return whether a file has changed since ``load``, or is unreadable."""
        try:
            return any(_read(str(path), path) != content for path, content in self._contents.items())
        except SettingsError:
            return True  # load() raises the error that names the entry.

    def load(self) -> tuple[Peer, ...]:
        """Read the peers; raise SettingsError, which names the entry, but shows no content of the files."""
        contents: dict[Path, bytes] = {}
        content = contents[self._path] = _read(self._source, self._path)
        peers: dict[str, Peer] = {}
        for number, item in enumerate(self._items(content), 1):
            source = f"{self._source}, entry {number}"
            if isinstance(item, dict) and isinstance(item.get("name"), str) and is_cluster_name(item["name"]):
                source = f"{self._source}, peer {item['name']}"
            try:
                entry = msgspec.convert(item, _Entry)
            except msgspec.ValidationError as error:
                raise SettingsError(f"{source}: {error}") from None
            if not is_cluster_name(entry.name):
                raise SettingsError(f"{source}: name must be {CLUSTER_NAME_SYNTAX}")
            if entry.name in peers:
                raise SettingsError(f"{source}: the name occurs twice")
            peers[entry.name] = self._peer(entry, source, contents)
        if len(peers) > PEERS_MAX:
            raise SettingsError(f"{self._source} has {len(peers)} peers; the maximum is {PEERS_MAX}")
        self._contents = contents
        return tuple(peer for peer in peers.values() if peer.name != self._own_cluster)

    def _items(self, content: bytes) -> list[Any]:
        if len(content) > PEERS_FILE_LIMIT:
            raise SettingsError(f"{self._source} is longer than {PEERS_FILE_LIMIT} bytes")
        try:
            _check_depth(content)
            document = yaml.load(content, _Loader)  # noqa: S506 - one of the safe loaders
        except yaml.MarkedYAMLError as error:
            line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise SettingsError(f"{self._source} is not valid YAML or JSON{line}") from None
        except (yaml.YAMLError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
            raise SettingsError(f"{self._source} is not valid YAML or JSON") from None
        try:
            return msgspec.convert(document, _Document).peers
        except msgspec.ValidationError as error:
            raise SettingsError(f"{self._source} must have a list of peers: {error}") from None

    def _peer(self, entry: _Entry, source: str, contents: dict[Path, bytes]) -> Peer:
        url = _check_url(entry.url, source)
        authorization, ca = "", b""
        if entry.token_file and entry.login_file:
            raise SettingsError(f"{source}: give tokenFile or loginFile, not both")
        if entry.token_file:
            token = self._file(entry.token_file, f"{source}: tokenFile", contents).strip()
            if not _TOKEN.fullmatch(token):
                raise SettingsError(f"{source}: tokenFile must have one token of letters, digits and -._~+/")
            authorization = f"Bearer {token.decode()}"
        if entry.login_file:
            login = self._file(entry.login_file, f"{source}: loginFile", contents).rstrip(b"\r\n")
            username, colon, password = login.partition(b":")
            if not (username and colon and password) or any(byte < 32 or byte == 127 for byte in login):
                raise SettingsError(f"{source}: loginFile must have one line with a user name, a colon and a password")
            authorization = f"Basic {base64.b64encode(login).decode()}"
        if entry.ca_file:
            if not url.startswith("https:"):
                raise SettingsError(f"{source}: caFile needs a url with https")
            ca = self._file(entry.ca_file, f"{source}: caFile", contents)
            try:
                _trust(ca)
            except (ssl.SSLError, ValueError):
                raise SettingsError(f"{source}: caFile has no valid certificate in PEM format") from None
        return Peer(name=entry.name, url=url, authorization=authorization, ca=ca)

    def _file(self, name: str, source: str, contents: dict[Path, bytes]) -> bytes:
        if "\0" in name:
            raise SettingsError(f"{source} has a NUL character")
        path = self._path.parent / name
        if path not in contents:  # Peers may share a file, such as a bundle of CAs.
            contents[path] = _read(source, path)
        return contents[path]


def _check_depth(content: bytes) -> None:
    """Raise ValueError if a YAML document is nested too deeply; the events of the parser need no recursion."""
    depth = 0
    for event in yaml.parse(content, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise ValueError("nested too deeply")


def _check_url(url: str, source: str) -> str:
    """Return the URL without a slash at the end. Errors do not show it, as it may have a password."""
    try:
        parts = urllib.parse.urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not _URL.fullmatch(url) or "?" in url or "#" in url:
        raise SettingsError(f"{source}: url must be an http or https URL such as https://pod-index.example.com")
    if "@" in parts.netloc:
        raise SettingsError(f"{source}: url must have no password; give a loginFile")
    return url.rstrip("/")


@functools.lru_cache(maxsize=TRUSTED_MAX)
def _trust(ca: bytes) -> ssl.SSLContext:
    """Return a context that trusts only these CAs; raise SSLError or ValueError without a valid certificate."""
    if b"-----BEGIN CERTIFICATE-----" not in ca:  # Else the context would trust the CAs of the system.
        raise ValueError("no certificate")
    context = ssl.create_default_context(cadata=ca.decode("ascii", "ignore"))
    # Python 3.13 rejects CAs without a key identifier, which many private CAs lack:
    # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _read(source: str, path: Path) -> bytes:
    """Read a file; ``source`` is its name in errors."""
    try:
        # Opening a pipe or a device must not block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SettingsError(f"{source} is not a file")
            content = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise SettingsError(f"{source} cannot be read ({error.strerror})") from None
    if len(content) > FILE_LIMIT:
        raise SettingsError(f"{source} is longer than {FILE_LIMIT} bytes")
    return content
