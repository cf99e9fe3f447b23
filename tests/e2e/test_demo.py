"""The demo on a real kube-apiserver: ``tox run -e demo -- --real``."""

from tests.demo.examples import Examples
from tests.demo.workloads import Workloads
from tests.kubernetes import KubernetesApiServer


def test_the_api_server_accepts_the_pods_of_the_demo(cluster: KubernetesApiServer) -> None:
    examples, workloads = Examples(cluster.pods), Workloads(cluster.pods)
    pod, random_pod = examples.start(), workloads.start()
    examples.delete_one()
    assert pod["status"]["qosClass"] == "Burstable"
    assert random_pod["status"]["phase"] == "Running"
