"""The settings that limit which pods are watched, and what is kept of them."""

import pytest

from pod_index.environ import SettingsError
from pod_index.keeping import LAST_APPLIED
from pod_index.settings import Settings


@pytest.mark.parametrize(
    ("environ", "selectors"),
    [
        ({}, {}),
        ({"WATCH_LABEL_SELECTOR": "app in (web, db),!x"}, {"labelSelector": "app in (web, db),!x"}),
        ({"WATCH_FIELD_SELECTOR": "status.phase!=Failed"}, {"fieldSelector": "status.phase!=Failed"}),
        ({"WATCH_NODE": "node-1"}, {"fieldSelector": "spec.nodeName=node-1"}),
        ({"EXCLUDE_NAMESPACES": "b, a,b"}, {"fieldSelector": "metadata.namespace!=a,metadata.namespace!=b"}),
        (
            {
                "WATCH_LABEL_SELECTOR": "app",
                "WATCH_FIELD_SELECTOR": "status.phase=Running",
                "WATCH_NODE": "n1",
                "EXCLUDE_NAMESPACES": "a",
            },
            {
                "labelSelector": "app",
                "fieldSelector": "status.phase=Running,spec.nodeName=n1,metadata.namespace!=a",
            },
        ),
    ],
)
def test_the_selectors_are_combined(environ: dict[str, str], selectors: dict[str, str]) -> None:
    assert Settings.from_environ(environ).selectors == selectors


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WATCH_LABEL_SELECTOR", "a b", "must be a label selector, not 'a b': one of =, ==, !=, in, notin, < and > is"),
        ("WATCH_FIELD_SELECTOR", "a=b", "must be a field selector, not 'a=b': pods cannot be selected by 'a', only by"),
        ("WATCH_NODE", "node_1", "must be the name of a node, not 'node_1'"),
        ("WATCH_NODE", "a,metadata.name=b", "must be the name of a node, not 'a,metadata.name=b'"),
        ("EXCLUDE_NAMESPACES", "a b", "must be names of namespaces, with commas between them, not 'a b'"),
        ("EXCLUDE_NAMESPACES", "kube-*", "must be names of namespaces, with commas between them, not 'kube-*'"),
        ("EXCLUDE_NAMESPACES", "a,,b", "must be names of namespaces, with commas between them, not 'a,,b'"),
        (
            "KEEP_LABELS",
            "a b",
            "must be patterns such as example.com/* or !example.com/*, with commas between them, or",
        ),
        ("KEEP_ANNOTATIONS", "none,a", "must be patterns such as example.com/* or !example.com/*, with commas between"),
    ],
)
def test_an_invalid_value_is_an_error_in_one_line(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({name: value})
    assert str(caught.value).startswith(f"{name} {message}")
    assert repr(value) in str(caught.value)


def test_what_is_kept_is_that_of_the_patterns() -> None:
    kept = Settings.from_environ({"KEEP_LABELS": "app*", "KEEP_ANNOTATIONS": "!x"}).keeping
    assert kept.labels.keep({"app": "", "b": ""}) == {"app": ""}
    assert kept.annotations.keep({"x": "", "y": "", LAST_APPLIED: ""}) == {"y": ""}
