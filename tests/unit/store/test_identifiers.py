"""Tests of the parser of identifiers."""

import contextlib
import ipaddress
import re
import string
import time
import uuid
from collections.abc import Callable, Iterable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pod_index.store import identifiers, paths
from pod_index.store.identifiers import (
    MAX_LENGTH,
    Identifier,
    IdentifierError,
    canonical_ip,
    is_short_id,
    parse,
    parse_container_id,
    parse_ip,
    parse_uid,
)
from pod_index.store.paths import is_name
from tests.support.spellings import NOT_IDENTIFIERS, SPELLINGS, Spelling

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
HASH = "c26521395dbc1da7d5ef74aca0694d11"
OTHER_CONTAINER = "93529524695bb00d91c1f6dba692ea8d3550c3b94fb2463af7bc9ec82f992d26"
CONTAINER = "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
"""Any text, also with lone surrogates and NUL."""

PIECES = sorted(
    {
        piece
        for spelling in SPELLINGS
        for separators in (r"([/:\s]+)", r"([/:\s_.-]+)")
        for piece in re.split(separators, spelling.text)
    }
)
HOSTILE_PIECES = [
    "pods",
    "pod",
    UID,
    HASH,
    CONTAINER,
    "://",
    "::",
    "..",
    "\n",
    "\0",
    "\udcff",
    "\u017f",
    "%eth0",
    "[",
    "]",
]

FRAGMENTS = st.one_of(
    st.lists(st.sampled_from(PIECES) | st.sampled_from(HOSTILE_PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=12).map("/".join),
)
"""Texts that consist of parts of real identifiers."""

UIDS = st.uuids().map(str)
CONTAINER_IDS = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)


def values(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(identifier[:2] for identifier in parse(text))


def check_error(error: IdentifierError) -> None:
    message = str(error)
    assert message.isprintable(), "one line"
    assert len(message) <= 250
    assert message.encode()
    for accepted in ("UID", "cgroup", "log path", "container ID", "IP address", "namespace/name"):
        assert accepted in message


def check_anything(text: str) -> None:
    """Check what holds for every text."""
    try:
        found = parse(text)
    except IdentifierError as error:
        check_error(error)
        return
    assert found
    assert len(set(found)) == len(found)
    for identifier in found:
        check_canonical(identifier)
        assert {Identifier("containerID", container) for container in identifier.container_ids} <= set(found)


def check_canonical(identifier: Identifier) -> None:
    kind, value, container_ids, pod_name, _ = identifier
    match kind:
        case "uid":
            assert parse_uid(value) == value
        case "containerID":
            assert parse_container_id(value) == value
        case "ip":
            assert canonical_ip(value) == value
    # A container ID of a virtual kubelet is recognised by its scheme only, and so is a short one of 32 digits.
    if kind != "containerID" or (is_short_id(value) and len(value) != 32) or re.fullmatch("[0-9a-f]{64}", value):
        assert parse(value) == (Identifier(kind, value),)
    assert kind == "uid" or not (container_ids or pod_name)
    assert all(parse(container) == (Identifier("containerID", container),) for container in container_ids)
    assert not pod_name or is_name(pod_name)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.text[:60])
def test_every_spelling_gives_exactly_its_candidates(spelling: Spelling) -> None:
    assert values(spelling.text) == tuple(identifier[:2] for identifier in spelling.candidates)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.text[:60])
def test_every_value_is_canonical_and_is_parsed_to_itself(spelling: Spelling) -> None:
    for identifier in parse(spelling.text):
        check_canonical(identifier)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.text[:60])
def test_whitespace_around_a_spelling_is_ignored(spelling: Spelling) -> None:
    assert parse(f" \t{spelling.text}\r\n") == parse(spelling.text)


@pytest.mark.parametrize("text", NOT_IDENTIFIERS)
def test_other_texts_are_an_error_of_one_line_that_lists_the_accepted_identifiers(text: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse(text)
    check_error(caught.value)


def test_the_tables_have_no_duplicate_rows() -> None:
    texts = [spelling.text for spelling in SPELLINGS] + list(NOT_IDENTIFIERS)
    assert len(set(texts)) == len(texts)


def test_a_text_is_accepted_up_to_the_maximum_length() -> None:
    assert values(UID.rjust(MAX_LENGTH)) == (("uid", UID),)
    with pytest.raises(IdentifierError, match="is longer than 8192 characters") as caught:
        parse(UID.rjust(MAX_LENGTH + 1))
    check_error(caught.value)


@pytest.mark.parametrize("text", ["x" * 61, "\udcff" * 61, "x" + "\n" * 8000 + "x", "\U0010ffff" * 100, "'\"" * 30])
def test_an_error_shows_the_beginning_of_a_long_text(text: str) -> None:
    with pytest.raises(IdentifierError, match=r"\.\.\. is not an identifier of a pod") as caught:
        parse(text)
    check_error(caught.value)


def test_an_error_shows_a_short_text_whole() -> None:
    with pytest.raises(IdentifierError, match=r"^'kube-system/core_dns' is not an identifier of a pod: give a UID"):
        parse("kube-system/core_dns")


def test_identifiers_can_be_keys_of_a_dictionary() -> None:
    assert {Identifier("uid", UID): 1}[parse(UID.upper())[0]] == 1


def test_the_deepest_pod_of_several_paths_comes_first_then_the_last_pod() -> None:
    other, inner = UID.replace("1", "2"), UID.replace("1", "3")
    text = f"/kubepods/pod{UID}/x/kubepods/pod{inner}\n/kubepods/pod{UID}\n/kubepods/pod{other}\n"
    assert values(text) == (("uid", inner), ("uid", other), ("uid", UID))


def test_a_repeated_container_id_is_one_candidate() -> None:
    assert values(f"docker-{CONTAINER}.scope/{CONTAINER}/{CONTAINER}-json.log") == (("containerID", CONTAINER),)


def test_a_container_id_of_a_virtual_kubelet_that_looks_like_a_pod_gives_both_candidates() -> None:
    assert values(f"fake://pod{UID}") == (("uid", UID), ("containerID", f"pod{UID}"))


@pytest.mark.parametrize(
    ("text", "uid"),
    [
        (UID, UID),
        (f" {UID}\n", UID),
        (UID.upper(), UID),
        (UID.replace("-", "_"), UID),
        (f"pod{UID}", UID),
        (f"Pod{UID.upper()}", UID),
        (HASH, HASH),
        (HASH.upper(), HASH),
        (f"pod{HASH}", HASH),
        ("", None),
        ("pod", None),
        (UID[:-1], None),
        (f"{UID}0", None),
        (f"{{{UID}}}", None),
        (f"kubepods-pod{UID}.slice", None),
        (f"podpod{UID}", None),
        (f"pods{UID}", None),
        (f"urn:uuid:{UID}", None),
        (UID.replace("-", "."), None),
        (f"{HASH}{HASH}", None),
        ("\udcff" * 36, None),
    ],
)
def test_a_uid_in_any_spelling_has_a_canonical_form(text: str, uid: str | None) -> None:
    assert parse_uid(text) == uid


@pytest.mark.parametrize(
    ("text", "container_id"),
    [
        (f"containerd://{CONTAINER}", CONTAINER),
        (f" cri-o://{CONTAINER.upper()}\n", CONTAINER),
        (f"docker://{CONTAINER}", CONTAINER),
        (CONTAINER, CONTAINER),
        (f"cri-containerd-{CONTAINER}.scope", CONTAINER),
        (f"crio-conmon-{CONTAINER}.scope", CONTAINER),
        (f"kata_{CONTAINER}", CONTAINER),
        (f"libpod-{CONTAINER}.service", CONTAINER),
        (f"docker-{CONTAINER}.slice", CONTAINER),
        ("aci://Foo-Bar", "Foo-Bar"),
        ("aci://foo/bar", "foo/bar"),
        (f"containerd://{CONTAINER[:12]}", CONTAINER[:12]),
        (f" {CONTAINER[:13].upper()} ", CONTAINER[:13]),
        (CONTAINER[:32], CONTAINER[:32]),
        ("ABCDEF", "ABCDEF"),
        ("foo", "foo"),
        (f"{CONTAINER}0", f"{CONTAINER}0"),
        (f"-{CONTAINER}", f"-{CONTAINER}"),
        (f"docker-{CONTAINER}.mount", f"docker-{CONTAINER}.mount"),
        ("containerd://", ""),
        (" containerd:// ", ""),
        ("", ""),
        ("\udcff", "\udcff"),
    ],
)
def test_a_container_id_is_stripped_of_scheme_prefix_and_suffix(text: str, container_id: str) -> None:
    assert parse_container_id(text) == container_id


@pytest.mark.parametrize(
    "text",
    ["", "1", "::1%lo", "fe80::1%", "1.2.3.4\0", "::\0", "١.2.3.4", "\udcff:", "[::1", "::1]", "[]", "[", ":", "."],  # noqa: RUF001
)
def test_a_text_that_is_not_an_address_has_no_canonical_form(text: str) -> None:
    assert canonical_ip(text) is None
    assert parse_ip(text) is None


@pytest.mark.parametrize("text", ["10.244.1.5:8080", "[fd00::5]:8080"])
def test_an_address_that_is_reported_has_no_port(text: str) -> None:
    assert canonical_ip(text) is None


@given(CONTAINER_IDS, st.integers(0, 64), st.sampled_from(["", "containerd://", "docker://", "cri-o://", "any://"]))
def test_the_first_digits_of_a_container_id_are_a_container_id_if_they_can_be_nothing_else(
    container: str, length: int, scheme: str
) -> None:
    text = scheme + container[:length]
    if scheme and length:
        expected = [("containerID", container[:length])]
    elif length == 32:
        expected = [("uid", container[:length])]
    elif length >= 12:
        expected = [("containerID", container[:length])]
    else:
        with pytest.raises(IdentifierError):
            parse(text)
        return
    assert list(values(text)) == expected


@given(ANY_TEXT)
def test_any_text_gives_identifiers_or_an_error(text: str) -> None:
    check_anything(text)


@given(FRAGMENTS)
def test_any_text_of_real_fragments_gives_identifiers_or_an_error(text: str) -> None:
    check_anything(text)


@given(ANY_TEXT | FRAGMENTS | st.sampled_from([spelling.text for spelling in SPELLINGS]))
def test_the_other_parsers_accept_any_text_too(text: str) -> None:
    assert isinstance(parse_container_id(text), str)
    if (uid := parse_uid(text)) is not None:
        assert parse_uid(uid) == uid
    if (ip := canonical_ip(text)) is not None:
        assert canonical_ip(ip) == ip


@given(st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=4))
def test_several_spellings_in_one_text_give_no_other_candidates(spellings: list[Spelling]) -> None:
    text = "\n".join(spelling.text for spelling in spellings)
    assume(len(text) <= MAX_LENGTH)
    separately = {identifier[:4] for spelling in spellings for identifier in parse(spelling.text)}
    try:
        assert {identifier[:4] for identifier in parse(text)} <= separately
    except IdentifierError:
        # A bare UID, an address, a name or an ID with a scheme is recognised as a whole text only.
        assert all(len(spelling.candidates) == 1 for spelling in spellings)


UID_FORMATS = (
    "{uid}",
    "{upper}",
    "{underscored}",
    "pod{uid}",
    "pod{underscored}",
    "/kubepods/pod{uid}",
    "/kubepods/burstable/pod{uid}/{container}",
    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{underscored}.slice/docker-{container}.scope",
    "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{underscored}.slice",
    "kubepods-burstable-pod{underscored}.slice:cri-containerd:{container}",
    "0::/docker/{container}/kubepods/pod{uid}",
    "/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~csi/pvc-{other}/mount",
    "/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~local-volume/{other}",
    "/var/log/pods/kube-system_etcd-node-1.example.com_{uid}/etcd/0.log",
    "default_nginx_{uid}",
    "C:\\var\\lib\\kubelet\\pods\\{upper}\\volumes\\kubernetes.io~csi\\pvc-{other}\\mount",
    "\\\\node-1\\c$\\var/log\\pods\\default_web.example.com_{uid}\\main\\0.log",
    "/k8s_POD_web.example.com_default_{uid}_2",
    "k8s_app_web-1_default_{uid}_0_9be2a14c",
    "web.example.com_default_{uid}_0",
    "kube.var.log.pods.default_web.example.com_{uid}.main.0.log",
    "docker.k8s_app_web-1_default_{uid}_0.{container}",
    "│   └─kubepods-burstable-pod{underscored}.slice",
    "var-lib-kubelet-pods-{escaped}-volumes-kubernetes.io\\x7eprojected-kube\\x2dapi\\x2daccess\\x2dabcde.mount",
    "0::/system.slice/var-lib-kubelet-pods-{escaped}-volume\\x2dsubpaths-config-main-0.mount",
)


@pytest.mark.parametrize("spelling", UID_FORMATS)
@given(uid=UIDS, other=UIDS, container=CONTAINER_IDS)
def test_any_uid_is_found_in_every_spelling(spelling: str, uid: str, other: str, container: str) -> None:
    text = spelling.format(
        uid=uid,
        upper=uid.upper(),
        underscored=uid.replace("-", "_"),
        escaped=uid.replace("-", r"\x2d"),
        other=other,
        container=container,
    )
    found = parse(text)
    assert found[0][:2] == ("uid", uid)
    assert set(found[1:]) <= {Identifier("containerID", container)}


@pytest.mark.parametrize(
    "spelling",
    [
        "{uid}",
        "pod{uid}",
        "/kubepods/burstable/pod{uid}/{container}",
        "kubelet-kubepods-burstable-pod{uid}.slice:cri-containerd:{container}",
        "/var/lib/kubelet/pods/{uid}/etc-hosts",
        "/var/log/pods/kube-system_etcd-node-1_{uid}/etcd/0.log",
        "C:\\var\\log\\pods\\kube-system_etcd-node-1_{uid}\\etcd\\0.log",
        "k8s_POD_etcd-node-1.example.com_kube-system_{uid}_0",
        "kube.var.log.pods.kube-system_etcd-node-1.example.com_{uid}.etcd.0.log",
        "kube.var.log.pods.{uid}.etcd.0.log",
        "└─kubepods-pod{uid}.slice",
        "var-lib-kubelet-pods-{uid}-volumes-kubernetes.io\\x7eempty\\x2ddir-tmp.mount",
    ],
)
@given(uid=st.uuids().map(lambda uid: uid.hex), container=CONTAINER_IDS)
def test_any_hash_of_a_static_pod_is_found_in_every_spelling(spelling: str, uid: str, container: str) -> None:
    assert parse(spelling.format(uid=uid, container=container))[0][:2] == ("uid", uid)


@pytest.mark.parametrize(
    "spelling",
    [
        "{id}",
        "containerd://{id}",
        "cri-o://{id}",
        "/system.slice/cri-containerd-{id}.scope/cgroup.procs",
        "/kubepods/kata_{id}",
        "/var/log/containers/nginx.example.com-0_default_nginx-{id}.log",
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/rootfs",
        "{id}-json.log",
        "{id}-json.log.1.gz",
        "C:\\var\\log\\containers\\nginx.example.com-0_default_nginx-{id}.log",
        "C:\\ProgramData\\docker\\containers\\{id}\\{id}-json.log",
        "\\Container_{id}",
        "│   └─cri-containerd-{id}.scope",
        "| `-cri-containerd-{id}.scope",
        "kube.var.log.containers.nginx.example.com-0_default_nginx-{id}.log",
        "docker.{id}",
        "run-containerd-io.containerd.runtime.v2.task-k8s.io-{id}-rootfs.mount",
    ],
)
@given(container=CONTAINER_IDS)
def test_any_container_is_found_in_every_spelling(spelling: str, container: str) -> None:
    for written in (container, container.upper()):
        assert values(spelling.format(id=written)) == (("containerID", container),)


ADDRESSES: st.SearchStrategy[ipaddress.IPv4Address | ipaddress.IPv6Address] = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    # Runs of zeros, which are compressed, and addresses with an embedded IPv4 address.
    st.lists(st.sampled_from([0, 0, 1, 0xA, 0xFFFF]), min_size=8, max_size=8).map(
        lambda groups: ipaddress.IPv6Address(":".join(f"{group:x}" for group in groups))
    ),
    st.tuples(st.sampled_from([0, 0xFFFF << 32, 0x64FF9B << 96]), st.integers(0, 2**32 - 1)).map(
        lambda parts: ipaddress.IPv6Address(sum(parts))
    ),
)


def without_compression(address: ipaddress.IPv6Address) -> str:
    return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))


def with_embedded_ipv4(address: ipaddress.IPv6Address) -> str:
    return f"{address.exploded[:29]}:{ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)}"


NOTATIONS: tuple[Callable[[ipaddress.IPv6Address], str], ...] = (
    str,
    lambda address: str(address).upper(),
    lambda address: address.exploded,
    lambda address: f"[{address}]",
    without_compression,
    with_embedded_ipv4,
)


@given(ADDRESSES, st.sampled_from(NOTATIONS))
@example(ipaddress.IPv6Address("::1:2"), str)
@example(ipaddress.IPv6Address("::"), with_embedded_ipv4)
def test_the_canonical_form_of_an_address_is_that_of_ipaddress(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, notation: Callable[[ipaddress.IPv6Address], str]
) -> None:
    if isinstance(address, ipaddress.IPv4Address):
        written, expected = str(address), str(address)
    else:
        written, expected = notation(address), str(address.ipv4_mapped or address)
    assert canonical_ip(written) == expected
    assert values(f" {written}\n") == (("ip", expected),)


@given(ADDRESSES, st.sampled_from(NOTATIONS), st.integers(-1, 70_000), st.booleans())
def test_the_port_of_an_address_is_left_out(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    notation: Callable[[ipaddress.IPv6Address], str],
    port: int,
    zero: bool,
) -> None:
    host = str(address) if isinstance(address, ipaddress.IPv4Address) else f"[{notation(address).strip('[]')}]"
    text = f"{host}:{'0' * zero}{port}"
    if 0 <= port <= 65_535 and not zero:
        assert values(text) == (("ip", canonical_ip(host)),)
        assert parse_ip(f" {text}\n") == canonical_ip(host)
    else:
        assert parse_ip(text) is None


@given(
    st.text(alphabet=f"{string.hexdigits}:::...", max_size=45)
    | st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", fullmatch=True)
)
def test_a_text_is_an_address_if_ipaddress_accepts_it(text: str) -> None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        assert canonical_ip(text) is None
    else:
        assert canonical_ip(text) == str(getattr(address, "ipv4_mapped", None) or address)


@given(st.uuids(), st.sampled_from(["/x/{}", "pvc-{}", "/pods/x/{}", "x-{}.slice", "a/b/c_{}", "nfs:/trident_pvc_{}"]))
def test_a_uuid_that_is_not_of_a_pod_is_an_error(volume: uuid.UUID, text: str) -> None:
    underscored = str(volume).replace("-", "_")
    with pytest.raises(IdentifierError):
        parse(text.format(underscored if "trident" in text else volume))


LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@given(LABEL, st.lists(LABEL, min_size=1, max_size=4).map(".".join))
def test_every_valid_name_is_accepted(namespace: str, name: str) -> None:
    assume(len(name) <= 253)
    assert values(f"{namespace}/{name}") == (("name", f"{namespace}/{name}"),)


@pytest.mark.parametrize(
    ("text", "container_ids", "pod_name"),
    [
        (UID, (), ""),
        (f"/kubepods/pod{UID}", (), ""),
        (f"/kubepods/pod{UID}/{CONTAINER}", (CONTAINER,), ""),
        (f"kubepods-pod{UID}.slice:cri-containerd:{CONTAINER.upper()}", (CONTAINER,), ""),
        (f"/docker/{OTHER_CONTAINER}/kubepods/pod{UID}/{CONTAINER}", (CONTAINER,), ""),
        (f"/docker/{OTHER_CONTAINER}/kubepods/pod{UID}", (), ""),
        (f"/kubepods/pod{UID}/{CONTAINER}/docker/{OTHER_CONTAINER}", (CONTAINER, OTHER_CONTAINER), ""),
        (f"/kubepods/pod{UID}/{CONTAINER}/{CONTAINER}.log", (CONTAINER,), ""),
        # containerd without systemd, under a kubelet with systemd, has the slice twice.
        (f"/kubepods-pod{UID}.slice/kubepods-pod{UID}.slice:cri-containerd:{CONTAINER}", (CONTAINER,), ""),
        (f"/kubepods/pod{UID}/{CONTAINER}/var/log/pods/default_web_{UID}/app/0.log", (CONTAINER,), "default/web"),
        (f"/var/log/pods/default_web-1.example.com_{UID}/app/0.log", (), "default/web-1.example.com"),
        (f"/var/log/pods/default_web_{UID}/{CONTAINER}.log", (CONTAINER,), "default/web"),
        (f"C:\\VAR\\LOG\\PODS\\DEFAULT_WEB_{UID}\\APP\\0.LOG", (), "default/web"),
        (f"k8s_app_web-1_default_{UID}_0", (), "default/web-1"),
        (f"/k8s_POD_web-1.example.com_default_{UID}_2", (), "default/web-1.example.com"),
        (f"k8s_POD.6d00e006_web_default_{UID}_1f0a2b3c", (), "default/web"),
        (f"k8s_web.example.com_default_{UID}_0", (), "default/web.example.com"),
        (f"app_web.example.com_default_{UID}_0", (), "default/web.example.com"),
        (f"web.example.com_default_{UID}_0", (), "default/web.example.com"),
        (f"docker.k8s_app_web-1_default_{UID}_0.{CONTAINER}", (CONTAINER,), "default/web-1"),
        (f"kube.var.log.pods.default_web.example.com_{UID}.app.0.log", (), "default/web.example.com"),
        (f"kube_a.var.log.pods.default_web.example.com_{UID}.app.0.log", (), "default/web.example.com"),
        (f"kube.var.log.pods.default_web_{UID}.{CONTAINER}.log", (CONTAINER,), "default/web"),
        (f"kube.var.log.pods.{UID}.app.0.log", (), ""),
        # A name that no pod can have says nothing about the pod.
        (f"/var/log/pods/default_web-_{UID}/app/0.log", (), ""),
        (f"/var/log/pods/{'n' * 64}_web_{UID}/app/0.log", (), ""),
        # Any files can be in a volume, also those of a container runtime.
        (f"/var/lib/kubelet/pods/{UID}/volumes/kubernetes.io~empty-dir/docker/containers/{CONTAINER}", (), ""),
        (f"/var/lib/kubelet/pods/{UID}/volume-subpaths/host/app/0/containers/{CONTAINER}", (), ""),
        (f"kube.var.lib.kubelet.pods.{UID}.volumes.host.containers.{CONTAINER}.log", (), ""),
    ],
)
def test_a_uid_has_the_containers_and_the_name_of_its_path(
    text: str, container_ids: tuple[str, ...], pod_name: str
) -> None:
    assert parse(text)[0][:4] == ("uid", UID, container_ids, pod_name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"/var/log/pods/default_web_{UID}/main/0.log", ("main",)),
        (f"/var/log/pods/default_web_{UID}/main/0.log.20260512-080000.gz", ("main",)),
        (f"/var/log/pods/default_web_{UID}/{'n' * 63}/0.log", ("n" * 63,)),
        (f"/var/log/pods/default_web_{UID}/{'n' * 64}/0.log", ()),
        (f"/var/log/pods/default_web_{UID}/größe/0.log", ()),
        (f"/var/log/pods/default_web_{UID}/", ()),
        (f"C:\\var\\log\\pods\\default_web_{UID}\\main\\0.log", ("main",)),
        (f"C:\\VAR\\LOG\\PODS\\DEFAULT_WEB_{UID}\\MAIN\\0.LOG", ("main",)),
        (f"kube.var.log.pods.default_web_{UID}.main.0.log", ("main",)),
        (f"kube.var.log.pods.default_web_{UID}.{CONTAINER}.log", ()),
        (f"kube.var.log.pods.default_web_{UID}/other", ("other",)),
        (f"/kubepods/pod{UID}/{CONTAINER}/var/log/pods/default_web_{UID}/main/0.log", ("main",)),
        (f"/var/log/pods/default_web_{UID}/main/0.log /var/log/pods/default_web_{UID}/proxy/0.log", ("proxy", "main")),
        (f"/var/log/pods/default_web_{UID}/main/0.log /var/log/pods/default_web_{HASH}/other/0.log", ("main",)),
        (f"k8s_main_web_default_{UID}_0", ("main",)),
        (f"k8s_k8s_web_default_{UID}_0", ("k8s",)),
        (f"main_web_default_{UID}_0", ("main",)),
        (f"docker.k8s_main_web_default_{UID}_0.{CONTAINER}/rootfs", ("main",)),
        (f"k8s_POD_web_default_{UID}_0", ()),
        (f"k8s_web_default_{UID}_0", ()),
        (f"web_default_{UID}_0", ()),
        (f"/kubepods/pod{UID}/main", ()),
        (f"/var/lib/kubelet/pods/{UID}/containers/main/0123abcd", ()),
        (UID, ()),
    ],
)
def test_a_uid_has_the_names_of_containers_in_log_paths_and_in_names_of_containers(
    text: str, names: tuple[str, ...]
) -> None:
    found = {identifier.container_names for identifier in parse(text) if identifier[:2] == ("uid", UID)}
    assert found == {names}


def test_names_of_containers_make_no_further_candidates() -> None:
    text = " ".join(f"/var/log/pods/default_web_{UID}/main-{number}/0.log" for number in range(60))
    assert [identifier[:2] for identifier in parse(text)] == [("uid", UID)]


def test_containers_of_a_nested_pod_do_not_belong_to_the_outer_pod() -> None:
    text = f"/kubepods/pod{UID}/{CONTAINER}/kubepods/pod{HASH}/{OTHER_CONTAINER}"
    assert parse(text) == (
        Identifier("uid", HASH, (OTHER_CONTAINER,)),
        Identifier("uid", UID, (CONTAINER,)),
        Identifier("containerID", OTHER_CONTAINER),
        Identifier("containerID", CONTAINER),
    )


def test_containers_of_another_path_do_not_belong_to_a_pod() -> None:
    assert parse(f"/kubepods/pod{UID}\n/kubepods/{CONTAINER}") == (
        Identifier("uid", UID),
        Identifier("containerID", CONTAINER),
    )


def test_each_path_with_the_same_uid_is_a_candidate_and_the_one_that_says_nothing_more_is_the_last() -> None:
    text = f"/pod{UID}/{CONTAINER} /pod{UID}/{OTHER_CONTAINER} /pod{UID} /pod{UID}/{CONTAINER} default_web_{UID}"
    assert parse(text) == (
        Identifier("uid", UID, pod_name="default/web"),
        Identifier("uid", UID, (CONTAINER,)),
        Identifier("uid", UID, (OTHER_CONTAINER,)),
        Identifier("uid", UID),
        Identifier("containerID", CONTAINER),
        Identifier("containerID", OTHER_CONTAINER),
    )


def test_two_names_of_a_pod_in_one_path_are_two_candidates() -> None:
    assert parse(f"/var/log/pods/default_web_{UID}/default_api_{UID}") == (
        Identifier("uid", UID, pod_name="default/api"),
        Identifier("uid", UID, pod_name="default/web"),
    )


def cut_link(name: str, namespace: str, container: str, container_id: str) -> str:
    """Return the file name of a link in /var/log/containers as the kubelet cuts it."""
    return f"{name}_{namespace}_{container}-{container_id}"[:251] + ".log"


@given(
    name=st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True).filter(
        lambda name: is_name(f"a/{name}")
    ),
    namespace=st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
    container=st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
    container_id=CONTAINER_IDS,
    directory=st.sampled_from(["", "/var/log/containers/", "c:\\var\\log\\containers\\", "kube.var.log.containers."]),
)
@example("web." * 61 + "web-1", "default", "app", CONTAINER, "")
@example("w" * 253, "default", "app", CONTAINER, "/var/log/containers/")
@example("w" * 187, "n" * 63, "app", CONTAINER, "/var/log/containers/")
@example("w" * 188, "n" * 62, "app", CONTAINER, "/var/log/containers/")
@example("w" * 187, "n" * 62, "app", CONTAINER, "/var/log/containers/")
@example("w" * 175, "default", "app", CONTAINER, "/var/log/containers/")
@example("w" * 176, "default", "app", CONTAINER, "/var/log/containers/")
def test_a_link_that_is_cut_gives_what_is_whole_or_an_error(
    name: str, namespace: str, container: str, container_id: str, directory: str
) -> None:
    link = cut_link(name, namespace, container, container_id)
    if container_id in link:
        assert values(directory + link) == (("containerID", container_id),)
    elif len(f"{name}_{namespace}_") <= 251 or (len(f"{name}_{namespace}") == 251 and len(namespace) == 63):
        assert values(directory + link) == (("name", f"{namespace}/{name}"),)
    else:
        with pytest.raises(IdentifierError, match=CUT) as caught:
            parse(directory + link)
        check_error(caught.value)


CUT = "is a file name that the kubelet cut at 255 characters: give the path in /var/log/pods that it links to, or a UID"


def test_the_target_of_a_cut_link_counts_and_not_the_rest_of_its_name() -> None:
    link = cut_link("web." * 50 + "1", "default", "app", CONTAINER)
    assert values(f"{link} -> /var/log/pods/default_web_{UID}/app/0.log") == (("uid", UID),)
    assert values(f"{link}\n{cut_link('w' * 253, 'default', 'app', CONTAINER)}") == (
        ("name", f"default/{'web.' * 50}1"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "w" * 250 + ".log",
        "w" * 252 + ".log",
        "W b" * 83 + "w" + ".log",
        "w" * 125 + "_n" * 63 + ".log",
        "w" * 125 + "/" + "n" * 125 + ".log",
        "w" * 251 + ".txt",
        "\u212a" + "w" * 250 + ".log",  # The Kelvin sign, whose lower case is k.
        "containers." + "w" * 230 + "_default_app-" + CONTAINER[:9] + ".log",
    ],
)
def test_other_long_file_names_are_not_cut_links(text: str) -> None:
    with pytest.raises(IdentifierError, match="is not an identifier of a pod: give a UID"):
        parse(text)


def seconds(text: str, function: Callable[[str], object]) -> float:
    """Return the CPU time of the fastest of many runs, because noise only adds time."""
    least = float("inf")
    for _ in range(10):
        start = time.thread_time()
        with contextlib.suppress(IdentifierError):
            function(text)
        least = min(least, time.thread_time() - start)
    return least


HOSTILE = (
    *("a", "0", "-", "_", ".", ":", "/", " ", "[", "pod", "a_", "a-", "a.", "aa-", "pod-", "-pod", "pods/", "a/", "::"),
    *(CONTAINER[:63] + "-", "a_" + CONTAINER[:63], UID[:-1], UID[:-1] + "-pod", f"pod{UID}/", f"{CONTAINER}/"),
    *("pod1234abcd-5678-", "x-pod", "://", "a://", "a+", "\udcff", "\0", "é"),
    *("\\", "\\x", "\\x2d", "\\\\x2d", "|-", "`", "─", "+-", "a_b_", "a.b_c_", ".a_b", "pods.", ".pods.a_", "a_pods."),
    *(f"a_b_{UID}_", f"a_b_{HASH}.", f"pods.{HASH}.", f"containers.{CONTAINER[:63]}.", "a_b_c-", "a.a_a-a_a-", "k8s_"),
)


@pytest.mark.parametrize("shape", HOSTILE)
@pytest.mark.parametrize("beginning", ["", "a_b_", "a/", "pods/", "x://", "docker-"])
def test_time_is_linear_in_the_length_of_a_hostile_text(shape: str, beginning: str) -> None:
    check_time(shape, beginning, "!", (parse, parse_uid, parse_container_id, canonical_ip, parse_ip))


@pytest.mark.parametrize("shape", HOSTILE)
@pytest.mark.parametrize("end", [".mount", ".scope", ".slice!", ".log", f"_{UID}", f"_{HASH}_"])
def test_time_is_linear_whatever_the_end_of_a_hostile_text(shape: str, end: str) -> None:
    check_time(shape, "", end, (parse,))


def test_no_hostile_text_takes_much_longer_than_a_plain_text_of_the_same_length() -> None:
    line = f"4:memory:/kubepods/burstable/pod{UID}/{CONTAINER}\n"
    plain = seconds((line * MAX_LENGTH)[:MAX_LENGTH], parse)
    for shape in HOSTILE:
        for end in ("!", ".mount"):
            text = (shape * MAX_LENGTH)[: MAX_LENGTH - len(end)] + end
            assert min(seconds(text, parse) for _ in range(2)) < 40 * plain, shape


def check_time(shape: str, beginning: str, end: str, functions: Iterable[Callable[[str], object]]) -> None:
    long, short = (
        (beginning + shape * MAX_LENGTH)[: length - len(end)] + end for length in (MAX_LENGTH, MAX_LENGTH // 8)
    )
    for function in functions:
        # 8 times as long is linear, 64 times is quadratic. A time below the resolution of the clock is short enough.
        for _ in range(3):
            if seconds(long, function) < 40 * max(seconds(short, function), 1e-6):
                break
        else:
            pytest.fail(f"{function.__name__} takes more than linear time")


def test_only_the_standard_library_is_imported() -> None:
    for module, imported in ((identifiers, {"re", "socket"}), (paths, {"re"})):
        assert {name for name, value in vars(module).items() if type(value) is type(re)} == imported
