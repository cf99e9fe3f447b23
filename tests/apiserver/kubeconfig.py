"""A kubeconfig for one server and one user."""

import base64

import msgspec

from tests.apiserver.statuses import JSON


def kubeconfig(url: str, ca_pem: bytes, user: JSON) -> str:
    """The text of a kubeconfig in JSON, which is YAML too; ``user`` is the object under ``users[].user``."""
    cluster: JSON = {"server": url}
    if ca_pem:
        cluster["certificate-authority-data"] = base64.b64encode(ca_pem).decode()
    context = {"cluster": "test", "user": "test", "namespace": "default"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": context}],
    }
    return msgspec.json.format(msgspec.json.encode(config), indent=2).decode() + "\n"
