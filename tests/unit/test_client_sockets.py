"""Sockets that only close their own file descriptor."""

import os
import socket

import pytest

from pod_index.client_sockets import KEEPALIVE, OwnSocket, open_socket

ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))


@pytest.fixture
def number() -> int:
    """A free descriptor's number, which the next socket gets."""
    with socket.socket() as probe:
        return probe.fileno()


def test_a_socket_is_made_for_the_address() -> None:
    with open_socket(ADDRESS) as sock:
        assert (sock.family, sock.type, sock.proto) == ADDRESS[:3]


def test_keepalive_detects_a_peer_that_vanished() -> None:
    with open_socket(ADDRESS) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        times = {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE}
        assert times == KEEPALIVE


def test_a_socket_closes_its_own_descriptor(number: int) -> None:
    sock = open_socket(ADDRESS)
    assert sock.fileno() == number
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    sock.close()


def test_a_socket_closes_its_own_descriptor_when_it_is_collected(number: int) -> None:
    sock = open_socket(ADDRESS)
    assert sock.fileno() == number
    del sock
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


@pytest.mark.parametrize("action", ["close", "collect"])
def test_a_socket_does_not_close_a_descriptor_that_was_reused(action: str, number: int) -> None:
    sock = open_socket(ADDRESS)
    os.close(number)  # as uvloop does
    with socket.socket() as other:
        assert other.fileno() == number
        if action == "close":
            sock.close()
            assert sock.fileno() == -1
        del sock
        os.fstat(number)
        other.getsockname()


def test_a_socket_does_not_close_a_descriptor_that_was_closed(number: int) -> None:
    sock = open_socket(ADDRESS)
    os.close(number)
    sock.close()
    assert sock.fileno() == -1


def test_a_socket_that_could_not_be_made_is_collected_without_an_error() -> None:
    with pytest.raises(OSError, match=r"\[Errno \d+\]"):
        OwnSocket(socket.AF_INET, 99, 99)
