"""Label and field selectors."""

import pytest

from tests.apiserver import ApiError, make_pod
from tests.apiserver.selection import Selection, parse_selection
from tests.apiserver.stored import StoredPod


@pytest.fixture(scope="module")
def web() -> StoredPod:
    pod = make_pod("web", "a", node="n1", phase="Running", labels={"app": "web", "tier": "front"})
    pod["metadata"]["uid"] = "u"
    return StoredPod(pod, 1)


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app = web , tier!=back", True),
        ("app=api", False),
        ("app!=web", False),
        ("absent!=web", True),
        ("app", True),
        ("absent", False),
        ("!absent", True),
        ("!app", False),
        ("app in (api, web),tier", True),
        ("app in (api)", False),
        ("absent notin (api)", True),
    ],
)
def test_a_label_selector_selects(web: StoredPod, selector: str, selected: bool) -> None:
    assert (web in parse_selection("", selector, "")) is selected


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("metadata.name=web", True),
        ("metadata.namespace=a", True),
        ("spec.nodeName=n1,status.phase==Running", True),
        ("spec.nodeName=", False),
        ("spec.nodeName!=", True),
    ],
)
def test_a_field_selector_selects(web: StoredPod, selector: str, selected: bool) -> None:
    assert (web in parse_selection("", "", selector)) is selected


def test_a_selection_covers_one_namespace_or_all(web: StoredPod) -> None:
    assert web in Selection("a")
    assert web not in Selection("b")
    assert None not in Selection()


@pytest.mark.parametrize("field", ["status.startTime=x", "metadata.uid=u"])
def test_a_field_that_cannot_be_selected_is_refused(field: str) -> None:
    with pytest.raises(ApiError, match="field label not supported"):
        parse_selection("", "", field)


@pytest.mark.parametrize(("labels", "fields"), [("app=web=api", ""), ("", "metadata.name")])
def test_a_malformed_selector_is_refused(labels: str, fields: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_selection("", labels, fields)
    assert refused.value.code == 400
