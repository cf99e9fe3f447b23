"""Sockets that close no descriptor but their own."""

import os
import socket

import pytest

from pod_index.informer.client_sockets import KEEPALIVE, OwnSocket, open_socket

ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))


@pytest.fixture
def number() -> int:
    """The number of a descriptor that is free, and that the next socket will get."""
    with socket.socket() as probe:
        return probe.fileno()


def test_it_is_made_for_the_address() -> None:
    with open_socket(ADDRESS) as sock:
        assert (sock.family, sock.type, sock.proto) == ADDRESS[:3]


def test_it_notices_a_peer_that_is_gone_without_a_word() -> None:
    with open_socket(ADDRESS) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        times = {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE}
        assert times == KEEPALIVE


def test_it_closes_its_own_descriptor(number: int) -> None:
    sock = open_socket(ADDRESS)
    assert sock.fileno() == number
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    sock.close()


def test_it_closes_its_own_descriptor_when_it_is_garbage(number: int) -> None:
    sock = open_socket(ADDRESS)
    assert sock.fileno() == number
    del sock
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


@pytest.mark.parametrize("how", ["close", "garbage"])
def test_it_leaves_a_descriptor_alone_that_was_closed_and_has_become_anothers(how: str, number: int) -> None:
    sock = open_socket(ADDRESS)
    os.close(number)  # as uvloop does
    with socket.socket() as other:
        assert other.fileno() == number
        if how == "close":
            sock.close()
            assert sock.fileno() == -1
        del sock
        os.fstat(number)
        other.getsockname()


def test_it_leaves_a_descriptor_alone_that_was_closed(number: int) -> None:
    sock = open_socket(ADDRESS)
    os.close(number)
    sock.close()
    assert sock.fileno() == -1


def test_one_that_could_not_be_made_is_garbage_without_an_error() -> None:
    with pytest.raises(OSError, match=r"\[Errno \d+\]"):
        OwnSocket(socket.AF_INET, 99, 99)
