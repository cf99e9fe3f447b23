"""Tokens from a file that may change."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.api.tokens import FILE_LIMIT, TokenFile
from pod_index.environ import SettingsError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("old\n")
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"one\ntwo",
        b"one\ntwo\n",
        b"\r\none\r\ntwo\r\n",
        b"# of Ann\n  one \n\n\t# of Bob: \xff\n#\ntwo\t\n",
        b"\xef\xbb\xbfone\ntwo\none\n",
    ],
)
def test_a_line_is_a_token_unless_it_is_blank_or_a_comment(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    tokens = TokenFile(str(path))
    assert tokens.accepts(b"one")
    assert tokens.accepts(b"two")
    for other in (b"", b"on", b"one ", b"One", b"#", b"# of Ann", b"\xef\xbb\xbfone", b"one\ntwo"):
        assert not tokens.accepts(other)


@given(sent=st.binary(max_size=20))
def test_nothing_else_is_accepted(sent: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "one-token"
    path.write_bytes(b"the-token")
    assert TokenFile(str(path)).accepts(sent) == (sent == b"the-token")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nobody yet\n"])
def test_an_empty_file_accepts_no_token_and_is_logged(
    content: bytes, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    tokens = TokenFile(str(path))
    assert not tokens.accepts(b"")
    assert not tokens.accepts(b"old")
    assert caplog.messages == [f"AUTH_TOKEN_FILE {path} has no tokens: every token is rejected"]


@pytest.mark.parametrize("content", [b"two words", b"gr\xc3\xb6\xc3\x9fe", b"a=b", b"=", b"tok\x00en", b"token # mine"])
def test_an_invalid_token_is_an_error_that_does_not_show_it(content: bytes, path: Path) -> None:
    path.write_bytes(b"fine\n" + content + b"\n")
    with pytest.raises(SettingsError) as caught:
        TokenFile(str(path))
    assert str(caught.value).startswith(f"AUTH_TOKEN_FILE {path} has an invalid token in line 2: a token consists of ")
    assert content.decode(errors="replace") not in str(caught.value).partition(": ")[0]


def test_an_unusable_file_is_an_error_that_names_the_variable(path: Path) -> None:
    missing = path.with_name("missing")
    with pytest.raises(SettingsError, match=f"^AUTH_TOKEN_FILE {missing} cannot be read .No such file or directory.$"):
        TokenFile(str(missing))
    with pytest.raises(SettingsError, match=f"^AUTH_TOKEN_FILE {path.parent} is not a file$"):
        TokenFile(str(path.parent))
    os.mkfifo(missing)
    with pytest.raises(SettingsError, match=r"is not a file$"):
        TokenFile(str(missing))
    path.write_bytes(b"\n" * (FILE_LIMIT + 1))
    with pytest.raises(SettingsError, match=f"is longer than {FILE_LIMIT} bytes$"):
        TokenFile(str(path))


def test_a_change_is_noticed_and_logged_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tokens = TokenFile(str(path))
    path.write_text("new\n")
    assert tokens.accepts(b"old"), "the file is not read at every request"
    tokens.check()
    assert tokens.accepts(b"new")
    assert not tokens.accepts(b"old")
    tokens.check()
    assert tokens.accepts(b"new")
    assert caplog.messages == ["AUTH_TOKEN_FILE reloaded; tokens: 1"]


def test_a_mounted_secret_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    """As the kubelet does: the file is a link into a linked directory, and that link is replaced atomically."""
    for name in ("old", "new"):
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}" / "tokens").write_text(name)
    (tmp_path / "..data").symlink_to("..old")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    tokens = TokenFile(str(tmp_path / "tokens"))
    (tmp_path / "..data_tmp").symlink_to("..new")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    tokens.check()
    assert tokens.accepts(b"new")
    assert not tokens.accepts(b"old")


@pytest.mark.parametrize("bad", [b"two words", b"x" * (FILE_LIMIT + 1), None])
def test_a_bad_file_keeps_the_previous_tokens_and_is_logged_once(
    bad: bytes | None, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tokens = TokenFile(str(path))
    if bad is None:
        path.unlink()
    else:
        path.write_bytes(bad)
    for _ in range(3):
        tokens.check()
        assert tokens.accepts(b"old")
    (message,) = caplog.messages
    assert message.startswith(f"AUTH_TOKEN_FILE {path} ")
    assert message.endswith("; the previous tokens stay valid")
    path.write_text("new\n")
    tokens.check()
    assert tokens.accepts(b"new")
    assert not tokens.accepts(b"old")
    assert caplog.messages[1:] == ["AUTH_TOKEN_FILE reloaded; tokens: 1"]


def test_an_emptied_file_accepts_no_token(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokens = TokenFile(str(path))
    path.write_text("")
    tokens.check()
    assert not tokens.accepts(b"old")
    assert not tokens.accepts(b"")
    assert caplog.messages == [f"AUTH_TOKEN_FILE {path} has no tokens: every token is rejected"]


def test_no_descriptor_is_left_open(path: Path) -> None:
    tokens = TokenFile(str(path))
    path.unlink()
    path.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        tokens.check()
        assert tokens.accepts(b"old")
    assert len(os.listdir("/proc/self/fd")) == before
