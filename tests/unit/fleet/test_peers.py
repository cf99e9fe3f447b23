"""The file with the peers."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
import yaml

from pod_index.environ import SettingsError
from pod_index.fleet.peers import FILE_LIMIT, PEERS_FILE_LIMIT, PEERS_MAX, Peer, PeersFile

Write = Callable[..., PeersFile]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the file, and others beside it."""

    def write(content: object, **files: str | bytes) -> PeersFile:
        for name, text in files.items():
            (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        (tmp_path / "peers").write_text(content if isinstance(content, str) else json.dumps({"peers": content}))
        return PeersFile(str(tmp_path / "peers"), "own")

    return write


@pytest.fixture(scope="module")
def ca() -> bytes:
    return trustme.CA().cert_pem.bytes()


def test_yaml_and_json_are_read(write: Write) -> None:
    peers = [{"name": "b", "url": "https://b.example.com/"}, {"name": "c", "url": "http://10.0.0.1:8080/pods"}]
    expected = (Peer(name="b", url="https://b.example.com"), Peer(name="c", url="http://10.0.0.1:8080/pods"))
    assert write(peers).load() == expected
    assert write(yaml.dump({"peers": peers})).load() == expected


def test_no_peers_are_possible(write: Write) -> None:
    assert write([]).load() == ()


def test_the_own_cluster_is_left_out_so_that_all_clusters_can_have_one_file(write: Write) -> None:
    peers = [{"name": name, "url": "http://x"} for name in ("a", "own", "b")]
    assert [peer.name for peer in write(peers).load()] == ["a", "b"]


def test_credentials_come_from_files_beside_it(write: Write, ca: bytes) -> None:
    peers = [
        {"name": "b", "url": "https://b", "tokenFile": "token", "caFile": "ca"},
        {"name": "c", "url": "https://c", "loginFile": "login"},
    ]
    b, c = write(peers, token="abc.DEF\n", login="ann:s3:cr\u00e9t\r\n", ca=ca).load()
    assert (b.authorization, b.ca) == ("Bearer abc.DEF", ca)
    assert base64.b64decode(c.authorization.removeprefix("Basic ")).decode() == "ann:s3:cr\u00e9t"


def test_credentials_are_not_shown(write: Write) -> None:
    (peer,) = write([{"name": "b", "url": "https://b", "tokenFile": "token"}], token="secret").load()
    assert "secret" not in f"{peer!r} {peer} {peer.__rich_repr__()}"


NAME = ", entry 1: name must be at most 63 lower case letters, digits and -._, but not the word all"
LOGIN = ", peer b: loginFile must have one line with a user name, a colon and a password"
URL = ", peer b: url must be an http or https URL such as https://pod-index.example.com"
ENTRY = {"name": "b", "url": "https://b"}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("peers: [", " is not valid YAML or JSON in line 2"),
        ("peers: &a [*a]\n", " entry 1: Expected `object`, got `array`"),
        ("\0", " is not valid YAML or JSON"),
        ("2024-99-99", " is not valid YAML or JSON"),
        ("", " must have a list of peers: Expected `object`, got `null`"),
        ("- name: b\n", " must have a list of peers: Expected `object`, got `array`"),
        ("peer: []", " must have a list of peers: Object contains unknown field `peer`"),
        (["b"], ", entry 1: Expected `object`, got `str`"),
        ([ENTRY, {"name": "c"}], ", peer c: Object missing required field `url`"),
        ([ENTRY, {"url": "https://c"}], ", entry 2: Object missing required field `name`"),
        ([ENTRY | {"token": "s3cret"}], ", peer b: Object contains unknown field `token`"),
        ([ENTRY | {"url": 5}], ", peer b: Expected `str`, got `int` - at `$.url`"),
        ([ENTRY | {"name": "B"}], NAME),
        ([ENTRY | {"name": "all"}], NAME),
        ([ENTRY, ENTRY], ", peer b: the name occurs twice"),
        ([ENTRY | {"url": "b.example.com"}], URL),
        ([ENTRY | {"url": "ftp://b"}], URL),
        ([ENTRY | {"url": "https://b?x=1"}], URL),
        ([ENTRY | {"url": "https://b:99999"}], URL),
        ([ENTRY | {"url": "https://[b"}], URL),
        ([ENTRY | {"url": "https://b\n"}], URL),
        ([ENTRY | {"url": "https://ann:s3cret@b"}], ", peer b: url must have no password; give a loginFile"),
        ([ENTRY | {"tokenFile": "x", "loginFile": "y"}], ", peer b: give tokenFile or loginFile, not both"),
        ([ENTRY | {"tokenFile": "missing"}], ", peer b: tokenFile cannot be read (No such file or directory)"),
        ([ENTRY | {"tokenFile": "a\0b"}], ", peer b: tokenFile has a NUL character"),
        ([ENTRY | {"tokenFile": "."}], ", peer b: tokenFile cannot be read (Is a directory)"),
        ([ENTRY | {"tokenFile": "two"}], ", peer b: tokenFile must have one token of letters, digits and -._~+/"),
        ([ENTRY | {"loginFile": "token"}], LOGIN),
        ([ENTRY | {"loginFile": "lines"}], LOGIN),
        ([ENTRY | {"caFile": "token"}], ", peer b: caFile has no valid certificate in PEM format"),
        ([ENTRY | {"caFile": "broken"}], ", peer b: caFile has no valid certificate in PEM format"),
        ([{"name": "b", "url": "http://b", "caFile": "broken"}], ", peer b: caFile needs a url with https"),
        ([ENTRY | {"name": f"c{number}"} for number in range(PEERS_MAX + 1)], " has 201 peers; the maximum is 200"),
        (" " * (FILE_LIMIT + 1), f" is longer than {FILE_LIMIT} bytes"),
        (" " * (PEERS_FILE_LIMIT + 1), f" is longer than {PEERS_FILE_LIMIT} bytes"),
        ("[" * 60_000, " is not valid YAML or JSON"),
        ("peers: " + "[" * 30_000 + "]" * 30_000, " is not valid YAML or JSON"),
        ('{"peers":' * 5_000 + "1" + "}" * 5_000, " is not valid YAML or JSON"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_that_names_the_entry_and_shows_no_secret(
    content: object, error: str, write: Write, tmp_path: Path
) -> None:
    broken = "-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n"
    file = write(content, token="s3cret", two="s3cret s3cret", lines="ann:s3cret\nbob:s3cret", broken=broken)
    with pytest.raises(SettingsError) as caught:
        file.load()
    message = str(caught.value)
    assert message.startswith(f"PEERS_FILE {tmp_path}/peers")
    assert message.endswith(error)
    assert "s3cret" not in message
    assert message.isprintable()


def test_a_change_of_any_of_the_files_is_noticed(write: Write, tmp_path: Path) -> None:
    file = write([ENTRY | {"tokenFile": "token"}], token="one")
    file.load()
    assert not file.changed()
    (tmp_path / "token").write_text("two")
    assert file.changed()
    assert [peer.authorization for peer in file.load()] == ["Bearer two"]
    assert not file.changed()
    os.utime(tmp_path / "peers")
    assert not file.changed()
    (tmp_path / "peers").write_text('{"peers": []}')
    assert file.changed()


def test_a_failed_load_is_tried_again(write: Write, tmp_path: Path) -> None:
    file = write([ENTRY])
    file.load()
    (tmp_path / "peers").write_text("peers: 5")
    with pytest.raises(SettingsError):
        file.load()
    assert file.changed()
    (tmp_path / "peers").unlink()
    assert file.changed()
    with pytest.raises(SettingsError, match=r"cannot be read \(No such file or directory\)$"):
        file.load()


def test_peers_share_a_file_with_cas(write: Write, ca: bytes) -> None:
    entries = [{"name": name, "url": f"https://{name}", "caFile": "ca.crt"} for name in "bc"]
    b, c = write(entries, **{"ca.crt": ca.decode()}).load()
    assert b.ca is c.ca
    assert b.ssl_context() is c.ssl_context()


def test_a_file_that_disappears_is_a_change_whose_error_names_the_entry(write: Write, tmp_path: Path) -> None:
    file = write([{"name": "b", "url": "https://b", "tokenFile": "token"}], token="x")
    file.load()
    assert not file.changed()
    (tmp_path / "token").unlink()
    assert file.changed()
    with pytest.raises(SettingsError, match=r"peer b: tokenFile cannot be read \(No such file or directory\)"):
        file.load()
