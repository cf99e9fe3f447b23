"""Selectors, checked by the rules of the API server. ``tests/conformance/test_selectors.py`` compares it with one."""

import pytest

from pod_index.selectors import SelectorError, check_field_selector, check_label_selector, is_namespace, is_node_name
from tests.support.selectors import FIELD_SELECTORS, LABEL_SELECTORS, REJECTED_FIELDS, REJECTED_LABELS


@pytest.mark.parametrize("selector", ["", *LABEL_SELECTORS])
def test_a_label_selector_of_the_api_server_is_accepted(selector: str) -> None:
    check_label_selector(selector)


@pytest.mark.parametrize("selector", REJECTED_LABELS)
def test_a_label_selector_that_the_api_server_rejects_is_an_error(selector: str) -> None:
    with pytest.raises(SelectorError):
        check_label_selector(selector)


@pytest.mark.parametrize("selector", ["", *FIELD_SELECTORS])
def test_a_field_selector_of_the_api_server_is_accepted(selector: str) -> None:
    check_field_selector(selector)


@pytest.mark.parametrize("selector", REJECTED_FIELDS)
def test_a_field_selector_that_the_api_server_rejects_is_an_error(selector: str) -> None:
    with pytest.raises(SelectorError):
        check_field_selector(selector)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("a b", "one of =, ==, !=, in, notin, < and > is expected before 'b'"),
        ("a=b=c", "',' is expected before '='"),
        ("a,", "a key is expected before the end"),
        ("a in (b", "',' is expected before the end"),
        ("a in b", "'(' is expected before 'b'"),
        ("a=(b)", "a value is expected before '('"),
        ("a>b", "the value after > must be an integer, not 'b'"),
        ("a/b/c", "'a/b/c' cannot be the key of a label"),
        ("a=-b", "'-b' cannot be the value of a label"),
    ],
)
def test_the_error_of_a_label_selector_names_the_part_that_is_wrong(selector: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        check_label_selector(selector)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("metadata.name", "'metadata.name' has none of =, == and !="),
        ("metadata.uid=u", "pods cannot be selected by 'metadata.uid', only by metadata.name, metadata.namespace, "),
        ("metadata.name=a=b", r"write a backslash before each \, comma and = in the value 'a=b'"),
    ],
)
def test_the_error_of_a_field_selector_names_the_part_that_is_wrong(selector: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        check_field_selector(selector)
    assert str(caught.value).startswith(message)


def test_a_field_that_the_api_server_accepts_but_no_pod_has_is_an_error() -> None:
    with pytest.raises(SelectorError, match=r"pods cannot be selected by 'status\.podIPs'"):
        check_field_selector("status.podIPs=10.0.0.1")


def test_a_hostile_selector_takes_no_time() -> None:
    for text in ("a" * 100_000, "a." * 50_000, "!" * 100_000, "a=b," * 50_000 + "-", "(" * 100_000, "\\" * 100_001):
        for check in (check_label_selector, check_field_selector):
            with pytest.raises(SelectorError):
                check(text)


@pytest.mark.parametrize(
    ("name", "valid"), [("node-1.example.com", True), ("1", True), ("Node", False), ("a..b", False)]
)
def test_the_name_of_a_node_is_a_subdomain(name: str, valid: bool) -> None:
    assert is_node_name(name) == valid


@pytest.mark.parametrize(("name", "valid"), [("kube-system", True), ("a.b", False), ("a" * 64, False), ("", False)])
def test_the_name_of_a_namespace_is_a_label(name: str, valid: bool) -> None:
    assert is_namespace(name) == valid
