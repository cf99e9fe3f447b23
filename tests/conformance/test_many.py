"""Many pods in one request: by identifiers, by node and by namespace."""

from uuid import uuid4

from tests.apiserver import make_pod
from tests.conformance.asking import address, catch_up, container_id, create, listed, lookup_many, pages, running
from tests.conformance.cluster import Cluster
from tests.support.operator_process import OperatorProcess, expected_record


def test_pods_are_found_by_all_kinds_of_identifiers_in_the_order_of_the_request(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip, bare = address(), container_id("many")
    pod = running("one-of-many", ip=ip, container_id=f"containerd://{bare}")
    first = create(shared_cluster, shared_operator, pod)
    second = create(shared_cluster, shared_operator, make_pod("another-of-many"))
    wanted: list[tuple[str, str | None]] = [
        ("default/another-of-many", second),
        (first, first),
        (f"0::/kubepods/pod{second}/{bare}", second),
        (str(uuid4()), None),
        (ip, first),
        ("neither this nor that", None),
        (f"containerd://{bare}", first),
        ("default/another-of-many", second),
    ]
    assert lookup_many(shared_operator, [text for text, _ in wanted]) == wanted


def test_deleted_pods_are_only_found_with_include_deleted(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    live = create(shared_cluster, shared_operator, make_pod("stays"))
    deleted = create(shared_cluster, shared_operator, make_pod("goes"))
    shared_cluster.pods.delete("default", "goes")
    catch_up(shared_cluster, shared_operator)
    ids = ["default/goes", deleted, "default/stays"]
    assert lookup_many(shared_operator, ids) == list(zip(ids, [None, None, live], strict=True))
    found = lookup_many(shared_operator, ids, includeDeleted="true")
    assert found == list(zip(ids, [deleted, deleted, live], strict=True))


def test_pods_are_listed_by_node_by_namespace_and_by_both(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    uids = {
        (node, namespace): create(
            shared_cluster, shared_operator, make_pod(f"on-{node or 'none'}", namespace, node=node)
        )
        for node in ("list-node-1", "list-node-2", "")
        for namespace in ("list-a", "list-b")
    }
    assert listed(shared_operator, node="list-node-1") == sorted(
        [uids["list-node-1", "list-a"], uids["list-node-1", "list-b"]]
    )
    assert listed(shared_operator, namespace="list-b") == sorted(
        [uids["list-node-1", "list-b"], uids["list-node-2", "list-b"], uids["", "list-b"]]
    )
    assert listed(shared_operator, node="list-node-2", namespace="list-a") == [uids["list-node-2", "list-a"]]
    assert listed(shared_operator, node="list-node-3") == []


def test_a_pod_is_listed_by_its_node_from_its_binding_to_its_deletion(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    uid = create(shared_cluster, shared_operator, make_pod("bound"))
    assert listed(shared_operator, node="binding-node") == []
    shared_cluster.pods.update("default", "bound", lambda pod: pod["spec"].update(nodeName="binding-node"))
    catch_up(shared_cluster, shared_operator)
    assert listed(shared_operator, node="binding-node") == [uid]
    shared_cluster.pods.delete("default", "bound")
    catch_up(shared_cluster, shared_operator)
    assert listed(shared_operator, node="binding-node") == []


def test_pages_contain_every_pod_that_exists_all_the_time(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    shared_cluster.pods.load(make_pod(f"web-{number}", "pages", node="paged-node") for number in range(25))
    catch_up(shared_cluster, shared_operator)
    pods = [pod for pod in shared_cluster.pods.pods().values() if pod["metadata"]["namespace"] == "pages"]
    records = sorted(map(expected_record, pods), key=lambda record: record["uid"])
    whole = list(pages(shared_operator, namespace="pages"))
    assert whole == [records]

    changing = pages(shared_operator, node="paged-node", limit="10")
    listing = [next(changing)]
    gone = listing[0][-1]
    shared_cluster.pods.delete("pages", gone["name"])
    shared_cluster.pods.create(make_pod("new", "pages", node="paged-node"))
    catch_up(shared_cluster, shared_operator)
    listing += changing
    assert len(listing) == 3
    seen = [record["uid"] for page in listing for record in page]
    assert seen == sorted(set(seen)), "a pod is repeated or out of order"
    assert set(seen) >= {record["uid"] for record in records}
