"""The settings and their errors."""

from collections.abc import Set

import msgspec
import pytest

from pod_index.environ import SettingsError
from pod_index.settings import Settings
from pod_index.store.indexers import INDEX_NAMES, IndexName
from tests.support.settings_table import rows


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings().port == 8080


def test_a_setting_without_effect_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    assert Settings.from_environ({"MAX_PIPELINED_REQUESTS": "5"}) == Settings()
    assert caplog.messages == ["MAX_PIPELINED_REQUESTS has no effect any more; remove it"]
    Settings.from_environ({"MAX_PIPELINED_REQUESTS": " "})
    assert len(caplog.messages) == 1


def test_an_empty_variable_counts_as_absent() -> None:
    assert Settings.from_environ({"PORT": " ", "STREAMING_LIST": ""}) == Settings()


def test_every_variable_is_read() -> None:
    environ = {
        "CLUSTER_NAME": "a",
        "PEERS_FILE": "/peers",
        "PEER_TIMEOUT_SECONDS": "0.5",
        "PEER_REQUESTS_MAX": "10",
        "WATCH_LABEL_SELECTOR": "app=web",
        "WATCH_FIELD_SELECTOR": "status.phase=Running",
        "WATCH_NODE": "node-1",
        "EXCLUDE_NAMESPACES": "kube-system",
        "KEEP_LABELS": "app",
        "KEEP_ANNOTATIONS": "none",
        "PORT": "9090",
        "LISTEN_ADDRESS": " ::1 ",
        "SHUTDOWN_DRAIN_SECONDS": "0",
        "STREAMING_LIST": "False",
        "STREAMING_LIST_SECONDS": "600",
        "RETRY_MAX_SECONDS": "2.5",
        "LOGIN_TIMEOUT_SECONDS": "20",
        "WATCH_IDLE_SECONDS": "60",
        "LOOKUP_KEYS": "ip,name",
        "DETAILS": "no",
        "DELETED_RETENTION_SECONDS": "0.5",
        "DELETED_RETENTION_MAX": "20",
        "DELETED_RETENTION_MAX_BYTES": "4096",
        "TLS_CERT_FILE": "/tls/tls.crt",
        "TLS_KEY_FILE": "/tls/tls.key",
        "MAX_STALENESS_SECONDS": "300",
        "BASIC_AUTH_USERNAME": "ann",
        "BASIC_AUTH_PASSWORD": " s3:cret ",
        "AUTH_TOKEN_FILE": "/tokens",
        "AUTH_METRICS": "yes",
        "ACCESS_LOG": "true",
        "PAGE": "off",
        "MAX_CONNECTIONS": "5000",
        "MAX_HEADER_BYTES": "4096",
        "MAX_QUERY_BYTES": "2048",
        "MAX_BODY_BYTES": "1024",
        "CLIENT_TIMEOUT_SECONDS": "2.5",
        "IDLE_TIMEOUT_SECONDS": "60",
        "MAX_WATCHES": "5",
        "WATCH_MAX_SECONDS": "600",
        "WATCH_HEARTBEAT_SECONDS": "5",
    }
    assert environ.keys() == {field.name.upper() for field in msgspec.structs.fields(Settings)}
    assert Settings.from_environ(environ) == Settings(
        cluster_name="a",
        peers_file="/peers",
        peer_timeout_seconds=0.5,
        peer_requests_max=10,
        watch_label_selector="app=web",
        watch_field_selector="status.phase=Running",
        watch_node="node-1",
        exclude_namespaces="kube-system",
        keep_labels="app",
        keep_annotations="none",
        port=9090,
        listen_address="::1",
        shutdown_drain_seconds=0,
        streaming_list=False,
        streaming_list_seconds=600,
        retry_max_seconds=2.5,
        login_timeout_seconds=20,
        watch_idle_seconds=60,
        lookup_keys=frozenset({"ip", "name"}),
        details=False,
        deleted_retention_seconds=0.5,
        deleted_retention_max=20,
        deleted_retention_max_bytes=4096,
        tls_cert_file="/tls/tls.crt",
        tls_key_file="/tls/tls.key",
        max_staleness_seconds=300,
        basic_auth_username="ann",
        basic_auth_password=" s3:cret ",
        auth_token_file="/tokens",
        auth_metrics=True,
        access_log=True,
        page=False,
        max_connections=5000,
        max_header_bytes=4096,
        max_query_bytes=2048,
        max_body_bytes=1024,
        client_timeout_seconds=2.5,
        idle_timeout_seconds=60,
        max_watches=5,
        watch_max_seconds=600,
        watch_heartbeat_seconds=5,
    )


@pytest.mark.parametrize(
    ("username", "password", "message"),
    [
        ("ann", "", "BASIC_AUTH_PASSWORD must be set too, as BASIC_AUTH_USERNAME is"),
        ("", "s3cret", "BASIC_AUTH_USERNAME must be set too, as BASIC_AUTH_PASSWORD is"),
        ("a:nn", "s3cret", "BASIC_AUTH_USERNAME must not have a colon, which ends it: RFC 7617, section 2"),
        ("ann", "s3cret\n", "BASIC_AUTH_PASSWORD must not have control characters, such as the end of a line"),
        ("an\x7fn", "s3cret", "BASIC_AUTH_USERNAME must not have control characters, such as the end of a line"),
    ],
)
def test_an_invalid_login_is_an_error_that_does_not_show_it(username: str, password: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"BASIC_AUTH_USERNAME": username, "BASIC_AUTH_PASSWORD": password})
    assert str(caught.value) == message


def test_authentication_for_metrics_needs_a_login_or_tokens() -> None:
    with pytest.raises(SettingsError, match=r"^AUTH_METRICS needs a user name or a token: set "):
        Settings.from_environ({"AUTH_METRICS": "true"})
    assert Settings.from_environ({"AUTH_METRICS": "true", "AUTH_TOKEN_FILE": "/tokens"}).auth_metrics


def test_the_login_is_not_in_the_repr() -> None:
    settings = Settings.from_environ({"BASIC_AUTH_USERNAME": "olga", "BASIC_AUTH_PASSWORD": "s3cret"})
    assert "olga" not in repr(settings)
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("name", ["A", "all", "a b", "-a", "a-", "a" * 64, "\u00e9"])
def test_a_cluster_has_a_name_that_fits_into_a_query(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^CLUSTER_NAME must be "):
        Settings.from_environ({"CLUSTER_NAME": name, "PEERS_FILE": "/peers"})


def test_peers_need_the_name_of_this_cluster() -> None:
    with pytest.raises(SettingsError, match=r"^CLUSTER_NAME must be set too, as PEERS_FILE is$"):
        Settings.from_environ({"PEERS_FILE": "/peers"})
    assert Settings.from_environ({"CLUSTER_NAME": "eu-1.prod_a"}).cluster_name == "eu-1.prod_a"


def test_a_flag_may_be_yes() -> None:
    assert Settings.from_environ({"STREAMING_LIST": "yes"}).streaming_list


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::", "fd00::10:1", "fe80::1%eth0"])
def test_the_listen_address_is_ipv4_or_ipv6(address: str) -> None:
    assert Settings.from_environ({"LISTEN_ADDRESS": address}).listen_address == address


@pytest.mark.parametrize("address", ["localhost", "[::1]", "127.0.0.1:8080", "127.1", "10.0.0.0/8", "*", "256.0.0.1"])
def test_any_other_listen_address_is_an_error(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"LISTEN_ADDRESS": address})
    assert str(caught.value) == f"LISTEN_ADDRESS must be an IPv4 or IPv6 address, not {address!r}"


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("", INDEX_NAMES),
        (" ", INDEX_NAMES),
        ("uid", set()),
        (" uid ", set()),
        ("ip", {"ip"}),
        ("uid,ip", {"ip"}),
        ("ip,ip", {"ip"}),
        (" name , config.hash\t,containerID", {"name", "config.hash", "containerID"}),
        ("config.hash,containerID,ip,name,node,workload", INDEX_NAMES),
    ],
)
def test_lookup_keys_are_separated_by_commas(value: str, keys: Set[IndexName]) -> None:
    assert Settings.from_environ({"LOOKUP_KEYS": value}).lookup_keys == keys


@pytest.mark.parametrize(
    "value",
    ["ips", "ip,", ",ip", ",", "ip,,name", "ip name", "ip;name", "IP", "containerid", "none", "all", "ip\nname"],
)
def test_an_unknown_lookup_key_is_an_error_that_names_the_known_ones(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"LOOKUP_KEYS": value})
    known = "uid, config.hash, containerID, ip, name, node, workload"
    assert str(caught.value) == f"LOOKUP_KEYS must be some of {known}, with commas between them, not {value!r}"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("DELETED_RETENTION_SECONDS", ("0", "86400")),
        ("DELETED_RETENTION_MAX", ("0", "1000000")),
        ("DELETED_RETENTION_MAX_BYTES", ("0", "68719476736")),
    ],
)
def test_the_retention_of_deleted_pods_may_be_at_its_bounds(name: str, values: tuple[str, str]) -> None:
    for value in values:
        assert getattr(Settings.from_environ({name: value}), name.lower()) == int(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOOKUP_KEYS", "labels"),
        ("DELETED_RETENTION_SECONDS", "-1"),
        ("DELETED_RETENTION_SECONDS", "86401"),
        ("DELETED_RETENTION_SECONDS", "5m"),
        ("DELETED_RETENTION_SECONDS", "nan"),
        ("DELETED_RETENTION_MAX", "-1"),
        ("DELETED_RETENTION_MAX", "1000001"),
        ("DELETED_RETENTION_MAX", "1.5"),
        ("DELETED_RETENTION_MAX", "9" * 5000),
        ("DELETED_RETENTION_MAX_BYTES", "-1"),
        ("DELETED_RETENTION_MAX_BYTES", "68719476737"),
        ("DELETED_RETENTION_MAX_BYTES", "32Mi"),
        ("MAX_STALENESS_SECONDS", "-1"),
        ("MAX_STALENESS_SECONDS", "86401"),
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


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("PORT", "a whole number from 1 to 65535"),
        ("RETRY_MAX_SECONDS", "a number from 0.01 to 3600"),
        ("DELETED_RETENTION_MAX", "a whole number from 0 to 1000000"),
        ("DELETED_RETENTION_MAX_BYTES", "a whole number from 0 to 68719476736"),
    ],
)
def test_the_error_names_the_valid_values(name: str, valid: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be {valid}, not 'x'$"):
        Settings.from_environ({name: "x"})


@pytest.mark.parametrize(("name", "other"), [("TLS_CERT_FILE", "TLS_KEY_FILE"), ("TLS_KEY_FILE", "TLS_CERT_FILE")])
def test_a_certificate_without_its_key_is_an_error_that_names_both(name: str, other: str) -> None:
    with pytest.raises(SettingsError, match=f"^{other} must be set too, as {name} is$"):
        Settings.from_environ({name: "/tls"})
    settings = Settings.from_environ({name: "/tls", other: "/other"})
    assert {settings.tls_cert_file, settings.tls_key_file} == {"/tls", "/other"}


def test_a_certificate_file_of_spaces_counts_as_absent() -> None:
    with pytest.raises(SettingsError, match=r"^TLS_KEY_FILE must be set too, as TLS_CERT_FILE is$"):
        Settings.from_environ({"TLS_CERT_FILE": "/tls", "TLS_KEY_FILE": " "})


def test_every_number_has_a_range_with_its_default_in_it() -> None:
    for field in msgspec.structs.fields(Settings):
        declared = msgspec.inspect.type_info(field.type)
        assert isinstance(declared, msgspec.inspect.Metadata)
        if isinstance(declared.type, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            assert declared.type.ge is not None
            assert declared.type.le is not None
            assert declared.type.ge <= field.default <= declared.type.le


def test_every_setting_has_a_row_with_its_meaning_values_and_default() -> None:
    assert [row[0] for row in rows()] == [f"`{field.name.upper()}`" for field in msgspec.structs.fields(Settings)]
    assert ("`PORT`", "TCP port of the HTTP API.", "whole number, 1 to 65535", "8080") in rows()
    for name, meaning, values, _ in rows():
        assert meaning.endswith("."), name
        assert values, name
