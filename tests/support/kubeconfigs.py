"""Kubeconfigs with one context, and exec plugins for them."""

import base64
import json
from pathlib import Path
from typing import Any

import yaml

API_VERSION = "client.authentication.k8s.io/v1"


def config(user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    """The document of a kubeconfig."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443/"} | cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


class KubeconfigFile:
    """A kubeconfig that trusts ``ca``, a certificate in PEM format."""

    def __init__(self, folder: Path, ca: bytes) -> None:
        self.folder = folder
        self.path = folder / "kubeconfig"
        self.ca = base64.b64encode(ca).decode()

    def write(self, user: dict[str, Any], **cluster: Any) -> None:
        """Write the file."""
        self.path.write_text(yaml.safe_dump(config(user, **{"certificate-authority-data": self.ca} | cluster)))


def exec_credential(status: dict[str, Any] | None, api_version: str = API_VERSION) -> str:
    """What an exec plugin prints."""
    return json.dumps({"apiVersion": api_version, "kind": "ExecCredential", "status": status})


def plugin(script: str, **fields: Any) -> dict[str, Any]:
    """A user whose exec plugin is a shell script."""
    command = {"apiVersion": API_VERSION, "command": "sh", "args": ["-c", script], "interactiveMode": "Never"}
    return {"exec": command | fields}


def printing(output: str) -> str:
    """A shell script that prints this."""
    return f"cat <<'END'\n{output}\nEND\n"
