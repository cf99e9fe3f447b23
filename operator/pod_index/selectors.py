"""Label selectors and field selectors, checked by the rules of the API server before it gets them.

The API server evaluates them. What it cannot parse, it rejects at each request, so this is found at the start.
"""

import re
from collections.abc import Iterator

FIELDS = frozenset(
    {
        *("metadata.name", "metadata.namespace"),
        *("spec.hostNetwork", "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        *("status.nominatedNodeName", "status.phase", "status.podIP"),
    }
)
"""The fields that pods can be selected by. The API server also accepts ``status.podIPs``, but no pod has it:
https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/registry/core/pod/strategy.go (ToSelectableFields)"""

_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]{0,61})?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN_LENGTH = 253
_INTEGER_MAX = 2**63 - 1

# The lexer of k8s.io/apimachinery/pkg/labels/selector.go. The last token is the empty end.
_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+|\Z)")
_SYMBOLS = frozenset({"", "=", "==", "!=", "!", "(", ")", ",", "<", ">"})

_ESCAPED = re.compile(r"\\[\\,=]|[^\\,=]")
_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)


class SelectorError(ValueError):
    """A selector cannot be parsed; the message names the part that is wrong."""


def check_label_selector(text: str) -> None:
    """Raise SelectorError unless the API server can parse the label selector.

    The grammar is that of ``labels.Parse``: https://pkg.go.dev/k8s.io/apimachinery/pkg/labels#Parse.
    """
    tokens = _Tokens(text)
    while tokens.next:
        _parse_requirement(tokens)
        if not tokens.next:
            return
        tokens.expect(",")
        if tokens.next in _SYMBOLS and tokens.next != "!":
            raise tokens.error("a key")


def check_field_selector(text: str) -> None:
    """Raise SelectorError unless the API server can parse the field selector, and can select pods by its fields."""
    for term in _split_terms(text):
        match = _TERM.fullmatch(term)
        if match is None:
            raise SelectorError(f"{term!r} has none of =, == and !=")
        field, _, value = match.groups()
        if field not in FIELDS:
            raise SelectorError(f"pods cannot be selected by {field!r}, only by {', '.join(sorted(FIELDS))}")
        if "".join(_ESCAPED.findall(value)) != value:
            raise SelectorError(rf"write a backslash before each \, comma and = in the value {value!r}")


def is_node_name(text: str) -> bool:
    """Return whether a node can have the name."""
    return len(text) <= _SUBDOMAIN_LENGTH and _SUBDOMAIN.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Return whether a namespace can have the name."""
    return _NAMESPACE.fullmatch(text) is not None


class _Tokens:
    """The tokens of a label selector; ``next`` is empty at the end."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterator[str] = (match[1] for match in _TOKEN.finditer(text))
        self.next = ""
        self.take()

    def take(self) -> str:
        """Return the next token, and go on to the one after it."""
        token, self.next = self.next, next(self._tokens, "")
        return token

    def expect(self, symbol: str) -> None:
        """Go on after the symbol."""
        if self.next != symbol:
            raise self.error(f"'{symbol}'")
        self.take()

    def error(self, expected: str) -> SelectorError:
        """Return the error that something else was expected."""
        return SelectorError(f"{expected} is expected before {repr(self.next) if self.next else 'the end'}")


def _parse_requirement(tokens: _Tokens) -> None:
    absent = tokens.next == "!"
    if absent:
        tokens.take()
    if tokens.next in _SYMBOLS:
        raise tokens.error("a key")
    _check_key(tokens.take())
    if absent or tokens.next in {"", ","}:
        return
    operator = tokens.next
    if operator in {"in", "notin"}:
        tokens.take()
        _parse_values(tokens)
    elif operator in {"=", "==", "!=", "<", ">"}:
        tokens.take()
        value = "" if tokens.next in {"", ","} else _take_value(tokens)
        if operator in {"<", ">"} and not (value.isdigit() and int(value) <= _INTEGER_MAX):
            raise SelectorError(f"the value after {operator} must be an integer, not {value!r}")
    else:
        raise tokens.error("one of =, ==, !=, in, notin, < and >")


def _parse_values(tokens: _Tokens) -> None:
    tokens.expect("(")
    while tokens.next != ")":
        # A value may be empty.
        if tokens.next != ",":
            _take_value(tokens)
        if tokens.next != ")":
            tokens.expect(",")
    tokens.take()


def _take_value(tokens: _Tokens) -> str:
    if tokens.next in _SYMBOLS:
        raise tokens.error("a value")
    value = tokens.take()
    if not _NAME.fullmatch(value):
        raise SelectorError(f"{value!r} cannot be the value of a label")
    return value


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    prefix_is_valid = not slash or (len(prefix) <= _SUBDOMAIN_LENGTH and _SUBDOMAIN.fullmatch(prefix))
    if not prefix_is_valid or not _NAME.fullmatch(name):
        raise SelectorError(f"{key!r} cannot be the key of a label")


def _split_terms(text: str) -> list[str]:
    """Split a field selector at its commas, except after a backslash; leave out empty terms."""
    return re.findall(r"(?:\\.|[^\\,]|\\\Z)+", text, re.DOTALL)
