"""Reads files of credentials. Each failure is a CredentialsError that names the file, but never shows its content."""

from pod_index.informer.errors import CredentialsError

FILE_BYTES = 4 * 1024 * 1024
"""The maximum size of a file; kubeconfigs of hundreds of clusters have 1 MB."""


def read_file(path: str, name: str) -> bytes:
    """Return the content of a file that errors call ``name``."""
    try:
        with open(path, "rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise CredentialsError(f"cannot read {name} {path} ({error.strerror})") from error
    except ValueError as error:
        raise CredentialsError(f"cannot read {name}: its path has a NUL character") from error
    if len(content) > FILE_BYTES:
        raise CredentialsError(f"{name} {path} is larger than {FILE_BYTES // 1024**2} MiB")
    return content


def read_text(path: str, name: str) -> str:
    """Return the content of a text file that errors call ``name``."""
    try:
        return read_file(path, name).decode("utf-8-sig")
    except UnicodeDecodeError:
        # Without the cause: it shows some of the content.
        raise CredentialsError(f"{name} {path} is not UTF-8") from None


def read_token(path: str, name: str) -> str:
    """Return the token in a file that errors call ``name``."""
    return check_token(read_text(path, name), f"{name} {path}")


def check_token(text: str, name: str) -> str:
    """Return the token without whitespace around it: files end with a newline, which is invalid in a header."""
    token = text.strip()
    if not token:
        raise CredentialsError(f"{name} is empty")
    if not all("!" <= character <= "~" for character in token):
        raise CredentialsError(f"{name} has a character that is invalid in a token, such as a line break or a space")
    return token


def one_line(text: str, limit: int) -> str:
    """Return a foreign text as one line of printable characters; of a longer text, its last ``limit`` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else "..." + line[-limit:]
