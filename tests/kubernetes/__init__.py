"""A real etcd and kube-apiserver on loopback, without a container engine or a cluster.

>>> with KubernetesApiServer(provide()) as server:
...     server.pods.create(make_pod("web"))
...     server.kubectl("get", "pods", "-A")

It has the interface of the small server in ``tests.apiserver``, so that one test can run on both. There is no other
component: nothing schedules or runs the pods, which stay as they are written, and no controller creates service
accounts, endpoints or replicas.
"""

from tests.kubernetes.access import Access
from tests.kubernetes.client import ApiClient
from tests.kubernetes.etcd import Etcd
from tests.kubernetes.existing import ExistingCluster
from tests.kubernetes.pods import Pods
from tests.kubernetes.process import ComponentFailed
from tests.kubernetes.provision import Binaries, Unavailable, provide, provide_helm
from tests.kubernetes.proxy import TcpProxy
from tests.kubernetes.server import KubernetesApiServer

__all__ = [
    "Access",
    "ApiClient",
    "Binaries",
    "ComponentFailed",
    "Etcd",
    "ExistingCluster",
    "KubernetesApiServer",
    "Pods",
    "TcpProxy",
    "Unavailable",
    "provide",
    "provide_helm",
]
