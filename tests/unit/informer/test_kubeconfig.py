"""Kubeconfigs are merged and read by the rules of kubectl."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pod_index.informer.errors import CredentialsError
from pod_index.informer.kubeconfig import kubeconfig_paths, read_context, server_url
from tests.support.kubeconfigs import config


def write(path: Path, document: object) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return str(path)


def failure(*paths: str) -> str:
    with pytest.raises(CredentialsError) as caught:
        server_url(read_context(paths))
    line = str(caught.value)
    assert "\n" not in line
    assert "s3cret" not in line
    return line


def test_the_variable_names_several_files_or_there_is_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane")
    assert kubeconfig_paths("") == ["/home/jane/.kube/config"]
    assert kubeconfig_paths(":/a::~/b:/a:c:") == ["/a", "/home/jane/b", "c"]


def test_files_that_are_missing_or_empty_are_skipped(tmp_path: Path) -> None:
    empty, comment = tmp_path / "empty", tmp_path / "comment"
    empty.touch()
    comment.write_text("# nothing yet\n---\n")
    last = write(tmp_path / "last", config({"token": "t"}))
    context = read_context([str(empty), str(tmp_path / "missing"), str(comment), last])
    assert (context.name, context.user.token) == ("x", "t")


def test_the_first_file_that_has_a_value_wins(tmp_path: Path) -> None:
    first = {"users": [{"name": "u", "user": {"token": "first"}}], "clusters": None, "current-context": ""}
    second = config({"token": "second", "as": "jane"}, server="https://second")
    third = config({"token": "third"}, server="https://third") | {"current-context": "other"}
    paths = [write(tmp_path / str(number), document) for number, document in enumerate((first, second, third))]
    context = read_context(paths)
    assert (context.name, context.user.token, context.user.impersonate) == ("x", "first", None)
    assert server_url(context) == "https://second"


def test_paths_are_relative_to_the_file_that_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"clusters": [{"name": "c", "cluster": {"server": "s", "certificate-authority": "../ca"}}]}
    user = {"tokenFile": "token", "client-key": "/key", "exec": {"command": "./bin/login"}}
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a" / "config", cluster)
    write(tmp_path / "b" / "config", config(user))
    context = read_context(["a/config", "b/config"])
    assert context.cluster.certificate_authority == f"{tmp_path}/a/../ca"
    assert (context.user.token_file, context.user.client_key) == (f"{tmp_path}/b/token", "/key")
    assert context.user.exec is not None
    assert context.user.exec.command == f"{tmp_path}/b/./bin/login"


def test_a_command_without_a_slash_is_searched_in_path(tmp_path: Path) -> None:
    context = read_context([write(tmp_path / "config", config({"exec": {"command": "aws"}}))])
    assert context.user.exec is not None
    assert context.user.exec.command == "aws"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("host:6443", "https://host:6443"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("[fd00::1]:6443", "https://[fd00::1]:6443"),
        ("https://[fd00::1]/", "https://[fd00::1]"),
        ("HTTPS://Host:443//", "https://Host:443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("https://rancher/k8s/clusters/c-1/", "https://rancher/k8s/clusters/c-1"),
        ("https://host/prefix?x=1#y", "https://host/prefix"),
    ],
)
def test_the_url_of_the_server(server: str, expected: str, tmp_path: Path) -> None:
    assert server_url(read_context([write(tmp_path / "config", config({}, server=server))])) == expected


@pytest.mark.parametrize(
    "server",
    ["", None, "ftp://host", "https://", "https://:6443", "host:port", "host:70000", "https://[::1", "https://a b",
     "https://jane:s3cret@host", "https://host\nname"],
)  # fmt: skip
def test_an_unusable_server_is_one_line(server: str | None, tmp_path: Path) -> None:
    line = failure(write(tmp_path / "config", config({}, server=server)))
    assert line == "the server of cluster 'c' must be like https://host:6443, without a user name"


def changed(**changes: Any) -> dict[str, Any]:
    return config({"token": "s3cret"}) | {name.replace("_", "-"): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (changed(current_context=None), "it has no current-context"),
        (changed(current_context="y"), "context 'y' does not exist"),
        (changed(contexts=[{"name": "x"}]), "cluster '' of context 'x' does not exist"),
        (changed(contexts=[{"name": "x", "context": {"cluster": "d"}}]), "cluster 'd' of context 'x' does not exist"),
        (changed(users=[]), "user 'u' of context 'x' does not exist"),
        (changed(users={"u": {"token": "s3cret"}}), "is invalid: Expected `array | null`, got `object` - at `$.users`"),
        (changed(clusters=[{"cluster": {}}]), "missing required field `name` - at `$.clusters[0]`"),
        (changed(users=[{"name": "u"}, {"name": "u"}]), "has several users with the name 'u'"),
        (config({"as-groups": "s3cret"}), "user 'u' in {path} is invalid: Expected `array | null`"),
        (["s3cret"], "is invalid: Expected `object`, got `array`"),
        ("s3cret", "is invalid: Expected `object`, got `str`"),
        ({1: "s3cret"}, "is invalid"),
    ],
)
def test_an_invalid_document_is_one_line_that_names_the_entry(document: Any, expected: str, tmp_path: Path) -> None:
    path = write(tmp_path / "config", document)
    assert expected.format(path=path) in failure(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"users:\n- name: 's3cret", "line 2: found unexpected end of stream"),
        (b"users: [s3cret", "line 2: did not find expected"),
        (b"users:\n  token: *s3cret", "line 2: found undefined alias"),
        (b"token: !s3cret x", "line 1: could not determine a constructor for the tag"),
        (b"token: 2024-13-45", "is not valid YAML"),
        (b"\x00s3cret", "is not valid YAML"),
        (b"\xffs3cret", "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"#" * (5 << 20), "is larger than 4 MiB"),
    ],
)
def test_a_file_that_does_not_parse_is_one_line(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    line = failure(str(path))
    assert str(path) in line
    assert expected in line


def test_a_folder_or_a_broken_link_is_one_line(tmp_path: Path) -> None:
    assert failure(str(tmp_path)) == f"cannot read kubeconfig {tmp_path} (Is a directory)"
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    assert failure(str(link)) == f"cannot read kubeconfig {link} (No such file or directory)"


def test_without_any_file_it_is_one_line(tmp_path: Path) -> None:
    assert failure(str(tmp_path / "missing")) == "the file does not exist"
    assert failure(str(tmp_path / "missing"), str(tmp_path / "other")) == "none of the files exists"
