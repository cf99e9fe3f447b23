"""Credentials from the service account or the kubeconfig."""

import base64
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from kubernetes.config import incluster_config

from pod_index.informer.credentials import CredentialsError, load_credentials


@pytest.fixture(autouse=True)
def no_cluster_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class Kubeconfig:
    """The file that ``KUBECONFIG`` names."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
        self.folder = folder
        self.ca = base64.b64encode(authority.cert_pem.bytes()).decode()
        self._path = folder / "kubeconfig"
        monkeypatch.setenv("KUBECONFIG", str(self._path))

    def write(self, user: dict[str, Any], **cluster: Any) -> None:
        cluster = {"server": "https://10.0.0.1:6443/", "certificate-authority-data": self.ca} | cluster
        document = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        self._path.write_text(yaml.safe_dump(document))


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> Kubeconfig:
    return Kubeconfig(tmp_path, monkeypatch, authority)


def test_a_token_in_the_kubeconfig(kubeconfig: Kubeconfig) -> None:
    kubeconfig.write({"token": "abc"})
    found = load_credentials()
    assert (found.server, found.authorization) == ("https://10.0.0.1:6443", "Bearer abc")
    assert found.ssl_context is not None
    assert found.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert found.ssl_context.check_hostname


def test_a_token_file_is_read_at_every_login(kubeconfig: Kubeconfig) -> None:
    token = kubeconfig.folder / "token"
    kubeconfig.write({"tokenFile": str(token)})
    for text in ("first", "second"):
        token.write_text(text)
        assert load_credentials().authorization == f"Bearer {text}"


def test_an_exec_plugin_is_run_at_every_login(kubeconfig: Kubeconfig) -> None:
    count = kubeconfig.folder / "count"
    program = (
        f"import pathlib, json; count = pathlib.Path({str(count)!r});"
        "count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1));"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',"
        " 'status': {'token': 'run-' + count.read_text()}}))"
    )
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", program]}
    kubeconfig.write({"exec": plugin | {"interactiveMode": "Never"}})
    assert [load_credentials().authorization for _ in range(2)] == ["Bearer run-1", "Bearer run-2"]


def test_a_client_certificate(kubeconfig: Kubeconfig, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("pod-index")
    kubeconfig.write(
        {
            "client-certificate-data": base64.b64encode(certificate.cert_chain_pems[0].bytes()).decode(),
            "client-key-data": base64.b64encode(certificate.private_key_pem.bytes()).decode(),
        }
    )
    found = load_credentials()
    assert found.authorization is None
    assert found.ssl_context is not None


def test_a_server_without_verification(kubeconfig: Kubeconfig) -> None:
    kubeconfig.write({"token": "abc"}, **{"insecure-skip-tls-verify": True})
    found = load_credentials()
    assert found.ssl_context is not None
    assert found.ssl_context.verify_mode is ssl.CERT_NONE


def test_the_server_name_and_the_proxy_of_the_kubeconfig(kubeconfig: Kubeconfig) -> None:
    kubeconfig.write({"token": "abc"}, **{"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"})
    found = load_credentials()
    assert (found.server_hostname, found.proxy) == ("kubernetes", "http://proxy:3128")


def test_the_http_client_reads_the_proxy_of_the_environment(
    kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    kubeconfig.write({"token": "abc"})
    assert load_credentials().proxy is None


def test_credentials_never_show_their_secret(kubeconfig: Kubeconfig) -> None:
    kubeconfig.write({"token": "secret"})
    assert repr(load_credentials()) == "Credentials('https://10.0.0.1:6443')"


def test_a_broken_client_certificate_is_one_clear_line(kubeconfig: Kubeconfig) -> None:
    kubeconfig.write({"client-certificate-data": "bm8=", "client-key-data": "bm8="})
    with pytest.raises(CredentialsError, match=r"^cannot log in to Kubernetes: .*; point KUBECONFIG at [^\n]*$"):
        load_credentials()


class ServiceAccount:
    """The files and variables of a pod's service account."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
        self.token = folder / "token"
        ca = folder / "ca.crt"
        ca.write_bytes(authority.cert_pem.bytes())
        self.token.write_text("mounted\n")
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(self.token))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(ca))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> ServiceAccount:
    return ServiceAccount(tmp_path, monkeypatch, authority)


def test_in_the_cluster_the_service_account_comes_first(
    service_account: ServiceAccount, kubeconfig: Kubeconfig
) -> None:
    kubeconfig.write({"token": "abc"})
    found = load_credentials()
    assert (found.server, found.authorization) == ("https://[fd00::1]:443", "bearer mounted")


def test_a_rotated_service_account_token_is_read(service_account: ServiceAccount) -> None:
    load_credentials()
    service_account.token.write_text("rotated")
    assert load_credentials().authorization == "bearer rotated"


def test_without_a_service_account_token_the_kubeconfig_is_used(
    service_account: ServiceAccount, kubeconfig: Kubeconfig
) -> None:
    service_account.token.unlink()
    kubeconfig.write({"token": "abc"})
    assert load_credentials().authorization == "Bearer abc"
