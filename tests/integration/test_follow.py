"""Clients that follow pods, through restarts, replicas and relists."""

import itertools
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.support.documents import OPERATOR, section
from tests.support.follower import Follower
from tests.support.operator_process import OperatorProcess, expected_record
from tests.support.polling import eventually

(LOOP,) = re.findall(r"^```python\n(.*?)^```$", section(OPERATOR, "### Following pods"), re.MULTILINE | re.DOTALL)
"""The loop in the documentation."""


def on_node(server: ApiServer, node: str) -> dict[str, Any]:
    """The records of the pods on a node."""
    pods = server.pods.pods()
    return {uid: expected_record(pod) for uid, pod in pods.items() if pod["spec"].get("nodeName") == node}


def set_label(text: str) -> Callable[[dict[str, Any]], None]:
    return lambda pod: pod["metadata"].update(labels={"text": text})


def follow(addresses: list[tuple[str, int]]) -> Follower:
    """Follow a node, with another replica at each connection."""
    turns = itertools.cycle(addresses)
    return Follower(lambda: next(turns), "node=n1", pause_seconds=0.1)


def loop_of_documentation(port: int) -> dict[str, Any]:
    """Run the loop in a thread; return its variables."""
    variables: dict[str, Any] = {}
    code = LOOP.replace("http://pod-index/", f"http://127.0.0.1:{port}/").replace("node=node-1", "node=n1")
    threading.Thread(target=exec, args=(code, variables), daemon=True).start()
    return variables


def test_a_copy_of_a_nodes_pods_survives_restarts_and_replicas(
    server: ApiServer, start_operator: StartOperator
) -> None:
    def start() -> OperatorProcess:
        return start_operator(server, SHUTDOWN_DRAIN_SECONDS="0", WATCH_HEARTBEAT_SECONDS="1")

    server.pods.load(make_pod(f"web-{number}", node=f"n{number % 2}") for number in range(20))
    first, second = start(), start()
    first.wait_until_ready()
    second.wait_until_ready()
    follower = follow([("127.0.0.1", first.port), ("127.0.0.1", second.port)])
    variables = loop_of_documentation(second.port)

    def assert_followed(label: str) -> None:
        """Change, delete and create pods, and bind one to the node; then all copies must be up to date."""
        server.pods.update("default", "web-1", set_label(label))
        server.pods.delete("default", "web-3")
        server.pods.create(make_pod("web-3", node="n1"))
        server.pods.create(make_pod(f"late-{label}"))
        server.pods.update("default", f"late-{label}", lambda pod: pod["spec"].update(nodeName="n1"))
        eventually(lambda: follower.pods == on_node(server, "n1"))
        eventually(lambda: variables.get("pods") == on_node(server, "n1"))

    assert_followed("started")
    assert follower.starts == [False]
    first.stop()
    assert_followed("resumed")
    assert follower.starts == [False, True], "the other replica takes the token"
    server.pods.compact()
    server.stop()
    server.start()
    assert_followed("relisted")
    follower.stop()


def test_a_stop_ends_a_stream_in_good_order(server: ApiServer, start_operator: StartOperator) -> None:
    server.pods.create(make_pod("web", node="n1"))
    operator = start_operator(server, SHUTDOWN_DRAIN_SECONDS="0.5")
    operator.wait_until_ready()
    follower = follow([("127.0.0.1", operator.port)])
    eventually(lambda: follower.synced)
    assert operator.stop() == 0
    assert operator.warnings() == []
    follower.stop()


def test_clients_that_are_refused_wait_as_long_as_the_response_says(
    server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, MAX_WATCHES="1")
    operator.wait_until_ready()
    first = follow([("127.0.0.1", operator.port)])
    eventually(lambda: first.synced)
    refused = follow([("127.0.0.1", operator.port)])
    variables = loop_of_documentation(operator.port)
    eventually(lambda: refused.pause >= 5)
    eventually(lambda: variables.get("pause", 0) >= 5)
    assert first.pause < 5
    for follower in (first, refused):
        follower.stop()


@pytest.mark.slow
def test_a_token_is_refused_after_the_pods_were_replaced(server: ApiServer, start_operator: StartOperator) -> None:
    server.pods.load(make_pod(f"web-{number}", node="n1") for number in range(5))
    operator = start_operator(server, RETRY_MAX_SECONDS="0.1")
    operator.wait_until_ready()
    follower = follow([("127.0.0.1", operator.port)])
    eventually(lambda: follower.synced)
    server.pods.replace_all([make_pod("restored", node="n1")], resource_version=1)
    server.stop()
    server.start()
    eventually(lambda: follower.pods == on_node(server, "n1"))
    assert not follower.starts[-1]
    follower.stop()
