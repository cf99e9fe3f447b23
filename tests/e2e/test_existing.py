"""The tests on an existing cluster: which contexts they accept, and what they change there."""

import json
from pathlib import Path

import pytest

from tests.apiserver import make_pod
from tests.kubernetes import ExistingCluster, KubernetesApiServer, Unavailable


@pytest.fixture
def contexts(cluster: KubernetesApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig with two contexts for the same server: a throw-away cluster and production."""
    config = json.loads(cluster.kubeconfig())
    context = config["contexts"][0]["context"]
    config["contexts"] = [{"name": name, "context": context} for name in ("kind-tests", "production")]
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(path))


@pytest.mark.usefixtures("contexts")
def test_only_pods_of_the_tests_are_deleted(cluster: KubernetesApiServer) -> None:
    theirs = cluster.pods.create(make_pod("theirs"))["metadata"]["uid"]
    with ExistingCluster("kind-tests") as existing:
        ours = existing.pods.create(make_pod("ours"))["metadata"]["uid"]
        assert set(existing.pods.pods()) == {theirs, ours}
    assert set(cluster.pods.pods()) == {theirs}


@pytest.mark.usefixtures("contexts")
def test_the_kubeconfig_of_a_token_leads_to_the_cluster(cluster: KubernetesApiServer, tmp_path: Path) -> None:
    path = tmp_path / "token.kubeconfig"
    with ExistingCluster("kind-tests") as existing:
        path.write_text(existing.kubeconfig(existing.access.issue_token("someone", [])))
    with pytest.raises(RuntimeError, match='User "system:serviceaccount:default:someone" cannot list resource "pods"'):
        cluster.kubectl("get", "pods", kubeconfig=path)


@pytest.mark.usefixtures("contexts")
@pytest.mark.parametrize("context", ["production", "my-kind-cluster", "minikube2"])
def test_other_contexts_are_refused(context: str) -> None:
    with pytest.raises(Unavailable, match=r"is not one that the tests may touch: kind-\*, k3d-\*, minikube"):
        ExistingCluster(context)


@pytest.mark.usefixtures("contexts")
def test_an_unknown_context_is_an_error() -> None:
    with pytest.raises(Unavailable, match="kind-elsewhere"):
        ExistingCluster("kind-elsewhere")
