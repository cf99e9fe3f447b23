"""The labels and annotations that are kept."""

import pytest

from pod_index import keeping
from pod_index.keeping import LAST_APPLIED, Keeping, KeyFilter

KEYS = ["app", "app.kubernetes.io/name", "app.kubernetes.io/version", "pod-template-hash", "none", LAST_APPLIED]


def kept(patterns: str) -> list[str]:
    entries = dict.fromkeys(KEYS, "")
    return list(KeyFilter(patterns).keep(entries) or {})


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("", KEYS),
        (" ", KEYS),
        ("*", KEYS),
        ("none", []),
        ("app", ["app"]),
        ("app*", ["app", "app.kubernetes.io/name", "app.kubernetes.io/version"]),
        ("app.kubernetes.io/*", ["app.kubernetes.io/name", "app.kubernetes.io/version"]),
        ("*/name, pod-*", ["app.kubernetes.io/name", "pod-template-hash"]),
        ("a*k*o/v*n", ["app.kubernetes.io/version"]),
        ("appxkubernetes.io/*", []),
        ("App", []),
        ("no*", ["none"]),
        ("!app*", ["pod-template-hash", "none", LAST_APPLIED]),
        ("!app*,!*hash", ["none", LAST_APPLIED]),
        ("!*", []),
        ("app*,!app.kubernetes.io/*", ["app"]),
        ("!app.kubernetes.io/*,app*", ["app"]),
    ],
)
def test_patterns_keep_and_drop_in_any_order(patterns: str, expected: list[str]) -> None:
    assert kept(patterns) == expected
    assert kept(",".join(reversed(patterns.split(",")))) == expected


@pytest.mark.parametrize(
    "patterns", [",", "app,", "!", "!!app", "app name", "none,app", "!app,none", "äpp", "a[b]", "a?", "a=b"]
)
def test_malformed_patterns_are_an_error(patterns: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid patterns: "):
        KeyFilter(patterns)


@pytest.mark.parametrize(
    ("patterns", "is_kept"),
    [
        ("", False),
        ("*", False),
        ("kubectl.kubernetes.io/*", False),
        ("!app", False),
        (LAST_APPLIED, True),
        (f"*,{LAST_APPLIED}", True),
        (f"{LAST_APPLIED},!kubectl*", False),
    ],
)
def test_the_last_applied_manifest_is_kept_only_if_it_is_named(patterns: str, is_kept: bool) -> None:
    annotations = Keeping.of(annotations=patterns).annotations.keep({LAST_APPLIED: "{}", "other": ""})
    assert (LAST_APPLIED in (annotations or {})) == is_kept


def test_a_label_of_the_same_name_is_no_secret() -> None:
    assert Keeping.of().labels.keep({LAST_APPLIED: ""}) == {LAST_APPLIED: ""}


def test_by_default_nothing_is_copied() -> None:
    entries = {"app": "web"}
    assert Keeping.of().labels.keep(entries) is entries
    assert Keeping.of().annotations.keep(entries) is entries
    assert Keeping.of().labels.keep(None) is None


def test_the_number_of_remembered_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "VERDICTS_MAX", 10)
    keys = KeyFilter("a*")
    for number in range(100):
        assert keys.keep({f"a{number}": "", f"b{number}": ""}) == {f"a{number}": ""}
    assert len(keys._verdicts) <= 10


def test_many_stars_take_no_time() -> None:
    assert not KeyFilter("*a" * 100 + "b").keep({"a" * 300: ""})
