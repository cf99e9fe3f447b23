"""The settings and their errors."""

import pytest

from pod_index.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings().port == 8080


def test_an_empty_variable_counts_as_absent() -> None:
    assert Settings.from_environ({"PORT": " ", "STREAMING_LIST": ""}) == Settings()


def test_every_variable_is_read() -> None:
    environ = {
        "PORT": "9090",
        "SHUTDOWN_DRAIN_SECONDS": "0",
        "STREAMING_LIST": "False",
        "RETRY_MAX_SECONDS": "2.5",
        "WATCH_IDLE_SECONDS": "60",
    }
    assert Settings.from_environ(environ) == Settings(
        port=9090,
        shutdown_drain_seconds=0,
        streaming_list=False,
        retry_max_seconds=2.5,
        watch_idle_seconds=60,
    )


def test_a_flag_can_be_switched_on_in_words() -> None:
    assert Settings.from_environ({"STREAMING_LIST": "yes"}).streaming_list


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("SHUTDOWN_DRAIN_SECONDS", "-1"),
        ("SHUTDOWN_DRAIN_SECONDS", "nan"),
        ("SHUTDOWN_DRAIN_SECONDS", "inf"),
        ("RETRY_MAX_SECONDS", "0"),
        ("WATCH_IDLE_SECONDS", "soon"),
        ("STREAMING_LIST", "maybe"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_variable_and_the_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({name: value})
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)
