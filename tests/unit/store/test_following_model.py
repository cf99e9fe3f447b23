"""A property test of streams: whoever applies them has, at each bookmark, just what the index had."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pod_index.store.change_log
import pod_index.store.following
from pod_index.store.views import View
from tests.support.streams import NAMESPACES, NODES, PART, Client, Cluster, Replica, served_view

STEPS = st.tuples(
    st.sampled_from(
        [
            *(2 * ["create", "update", "restart_container", "adopt", "delete", "recreate"]),
            *("back_up", "restore"),
            *("advance", "advance", "catch_up", "catch_up", "catch_up", "list_again", "start"),
            *("connect", "pull", "pull", "read", "read", "read", "disconnect"),
        ]
    ),
    st.integers(0, 2**12),
)
HISTORIES = st.lists(STEPS, max_size=80) | st.lists(STEPS, min_size=40, max_size=80)
WORKLOAD, OTHER_WORKLOAD = "StatefulSet.apps/a", "Pod./web-1"
VIEWS = [
    View(),
    View(namespace=NAMESPACES[0]),
    View(node=NODES[0]),
    View(node=NODES[1], namespace=NAMESPACES[1]),
    View(namespace=NAMESPACES[0], workload=WORKLOAD),
    View(node=NODES[0], namespace=NAMESPACES[1], workload=WORKLOAD),
    View(namespace=NAMESPACES[1], workload=OTHER_WORKLOAD),
    View(details=True),
    View(node=NODES[0], details=True),
    View(namespace=NAMESPACES[0], workload=WORKLOAD, details=True),
]
"""Those of everything and of a namespace read the order of all changes, as large workloads do. Others are narrow."""


@pytest.fixture(autouse=True, scope="module")
def _small_steps() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pod_index.store.change_log, "READ", 2)
        patch.setattr(pod_index.store.following, "SCANNED_MAX", 4)
        patch.setattr(pod_index.store.following, "UIDS_MAX", 1)
        patch.setattr(pod_index.store.following, "PODS_MAX", 3)
        yield


@given(HISTORIES, st.sampled_from([("",), NAMESPACES]), st.lists(st.sampled_from(VIEWS), min_size=1, max_size=3))
def test_a_client_has_at_each_bookmark_what_the_index_has_despite_breaks_relists_restarts_and_slow_replicas(
    steps: list[tuple[str, int]], scopes: tuple[str, ...], views: list[View]
) -> None:
    cluster = Cluster(scopes)
    for choice in (0, 11, 30):
        cluster.create(choice)
    replicas = [Replica(cluster), Replica(cluster)]
    clients = [Client(view) for view in views]
    for client in clients:
        client.connect(replicas[0].index)
    for step, choice in steps:
        replica, client = replicas[choice % 2], clients[choice // 2 % len(clients)]
        if hasattr(cluster, step):
            getattr(cluster, step)(choice)
            if step == "restore":
                for known in clients:
                    known.copies.clear()
        elif hasattr(replica, step):
            getattr(replica, step)(choice // 2)
        elif step == "connect":
            client.connect(replica.index)
        elif step == "pull":
            client.pull()
        elif step == "read":
            _pulls(client)
        else:
            client.disconnect()
    for replica in replicas:
        replica.catch_up()
        for client in clients:
            client.connect(replica.index)
            if not _pulls(client):
                # The history was reset, and the index will not reach the version of the token.
                client.token = None
                client.connect(replica.index)
                _pulls(client)
            assert client.copy == served_view(replica.index, client.view)


def _pulls(client: Client) -> bool:
    """Read until there is nothing more; return whether the stream goes on."""
    while client.pull(PART):
        pass
    return client.follower is not None and not client.follower.waiting
