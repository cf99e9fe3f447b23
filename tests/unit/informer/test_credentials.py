"""Credentials from the service account or the kubeconfig."""

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from pod_index.informer import credentials as module
from pod_index.informer.credentials import Credentials
from pod_index.informer.errors import CredentialsError
from pod_index.informer.login import CredentialsLoader
from tests.support.kubeconfigs import KubeconfigFile, exec_credential, plugin, printing

VARIABLES = (
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    *(name for scheme in ("HTTP", "HTTPS", "NO") for name in (f"{scheme}_PROXY", f"{scheme}_proxy".lower())),
)


@pytest.fixture(autouse=True)
def no_cluster_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> KubeconfigFile:
    file = KubeconfigFile(tmp_path, authority.cert_pem.bytes())
    monkeypatch.setenv("KUBECONFIG", str(file.path))
    return file


async def load() -> Credentials:
    return await CredentialsLoader(timeout_seconds=10).load()


async def failure(*secrets: str) -> str:
    """The line of a login that fails; it shows none of the secrets."""
    with pytest.raises(CredentialsError) as caught:
        await load()
    line = str(caught.value)
    assert "\n" not in line
    assert not any(secret in line for secret in secrets)
    assert line.startswith("cannot log in to Kubernetes: ")
    assert "internal error" not in line
    return line


def pem(certificate: trustme.LeafCert) -> dict[str, bytes]:
    return {
        "client-certificate": certificate.cert_chain_pems[0].bytes(),
        "client-key": certificate.private_key_pem.bytes(),
    }


def as_data(files: dict[str, bytes]) -> dict[str, str]:
    return {f"{name}-data": base64.b64encode(content).decode() for name, content in files.items()}


async def test_a_token_in_the_kubeconfig(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({"token": "abc"})
    found = await load()
    assert (found.server, found.authorization) == ("https://10.0.0.1:6443", "Bearer abc")
    assert found.ssl_context is not None
    assert found.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert found.ssl_context.check_hostname


async def test_a_token_file_is_read_at_every_login(kubeconfig: KubeconfigFile) -> None:
    token = kubeconfig.folder / "token"
    kubeconfig.write({"tokenFile": "token"})
    for text in ("first", "second\n", "\ufeffthird\r\n"):
        token.write_text(text)
        stripped = text.strip("\ufeff\r\n")
        assert (await load()).authorization == f"Bearer {stripped}"


async def test_a_user_name_and_password(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({"username": "jane", "password": "p:ä"})
    authorization = (await load()).authorization or ""
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == "jane:p:ä"


async def test_an_exec_plugin_is_run_at_every_login(kubeconfig: KubeconfigFile) -> None:
    count = kubeconfig.folder / "count"
    answer = printing(exec_credential({"token": "run-N"}).replace("'", ""))
    kubeconfig.write(plugin(f"echo x >> {count}; ({answer}) | sed s/N/$(wc -l < {count} | tr -d ' ')/"))
    assert [(await load()).authorization for _ in range(2)] == ["Bearer run-1", "Bearer run-2"]


@pytest.mark.parametrize("kind", ["files", "data", "plugin"])
async def test_a_client_certificate(kind: str, kubeconfig: KubeconfigFile, authority: trustme.CA) -> None:
    files = pem(authority.issue_cert("pod-index"))
    match kind:
        case "files":
            for name, content in files.items():
                (kubeconfig.folder / name).write_bytes(content)
            kubeconfig.write({name: name for name in files})
        case "data":
            kubeconfig.write(as_data(files))
        case _:
            status = {
                "clientCertificateData": files["client-certificate"].decode(),
                "clientKeyData": files["client-key"].decode(),
            }
            kubeconfig.write(plugin(printing(exec_credential(status))))
    found = await load()
    assert found.authorization is None
    assert found.ssl_context is not None


async def test_a_server_without_verification(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({"token": "abc"}, **{"insecure-skip-tls-verify": True})
    found = await load()
    assert found.ssl_context is not None
    assert found.ssl_context.verify_mode is ssl.CERT_NONE


async def test_without_a_ca_those_of_the_system_are_trusted(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({"token": "abc"}, **{"certificate-authority-data": ""})
    assert (await load()).ssl_context is not None


async def test_a_ca_bundle_may_have_comments_in_any_language(kubeconfig: KubeconfigFile, authority: trustme.CA) -> None:
    (kubeconfig.folder / "ca.crt").write_bytes(
        "# Staat der Nederlanden, Főtanúsítvány\n".encode() + authority.cert_pem.bytes()
    )
    kubeconfig.write({"token": "abc"}, **{"certificate-authority-data": None, "certificate-authority": "ca.crt"})
    context = (await load()).ssl_context
    assert context is not None
    assert len(context.get_ca_certs()) == 1


async def test_the_server_name_and_the_proxy_of_the_kubeconfig(
    kubeconfig: KubeconfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    kubeconfig.write({"token": "abc"}, **{"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"})
    found = await load()
    assert found.server_hostname == "kubernetes"
    assert found.proxy is not None
    assert (found.proxy.url, found.proxy.source) == ("http://proxy:3128", "proxy-url of cluster 'c'")


async def test_the_proxy_of_the_environment(kubeconfig: KubeconfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    kubeconfig.write({"token": "abc"})
    found = await load()
    assert found.proxy is not None
    assert found.proxy.url == "http://proxy:3128"
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert (await load()).proxy is None


async def test_credentials_never_show_their_secret(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({"token": "secret"})
    assert repr(await load()) == "Credentials('https://10.0.0.1:6443')"


async def test_a_user_without_credentials_is_anonymous(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({})
    assert (await load()).authorization is None


async def test_impersonation(kubeconfig: KubeconfigFile) -> None:
    extra = {"Example.com/Scope %": ["a", "b"], "reason": ["test"]}
    kubeconfig.write(
        {"token": "t", "as": "jané", "as-uid": "1", "as-groups": ["dev", "ops"], "as-user-extra": extra},
    )
    assert (await load()).impersonation == (
        ("Impersonate-User", "jané"),
        ("Impersonate-Uid", "1"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-example.com%2Fscope%20%25", "a"),
        ("Impersonate-Extra-example.com%2Fscope%20%25", "b"),
        ("Impersonate-Extra-reason", "test"),
    )


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": "  "}, "the token of user 'u' is empty"),
        ({"token": ""}, "user 'u' has no credentials for https://10.0.0.1:6443: token yield none"),
        ({"token": None}, "token yield none"),
        ({"tokenFile": ""}, "tokenFile yield none"),
        ({"username": "", "password": ""}, "password and username yield none"),
        ({"exec": None}, "exec yield none"),
        ({"token": "line\nbreak-s3cret"}, "the token of user 'u' has a character that is invalid in a token"),
        ({"token": "s3cret\x00"}, "invalid in a token"),
        ({"token": "ütf-s3cret"}, "invalid in a token"),
        ({"token": 8812345}, "got `int` - at `$.token`"),
        ({"tokenFile": "missing"}, "/missing (No such file or directory)"),
        ({"tokenFile": "."}, "(Is a directory)"),
        ({"tokenFile": "/dev/zero"}, "tokenFile /dev/zero is larger than 4 MiB"),
        ({"tokenFile": "nul\x00"}, "NUL"),
        ({"auth-provider": {"name": "azure"}}, "auth-provider 'azure' of user 'u' returned no token"),
        (
            {"auth-provider": {"name": "oidc", "config": {"client-secret": "s3cret"}}},
            "auth-provider 'oidc' of user 'u'",
        ),
        ({"as-groups": ["dev"]}, "user 'u' has as-uid, as-groups or as-user-extra, but not as"),
        ({"token": "t", "as": "", "as-uid": "1"}, "but not as"),
        ({"token": "t", "as": "jane\r\nX-Remote-User: admin"}, "has control characters in as, as-uid"),
        ({"client-key-data": "bm8="}, "has only one of client certificate and key"),
        ({"client-certificate-data": "bm8=", "client-key-data": "bm8="}, "is not valid PEM"),
        (
            {"client-certificate-data": "!", "client-key-data": "bm8="},
            "client-certificate-data of user 'u' is not base64",
        ),
        ({"client-certificate": "c", "client-key": "k"}, "cannot read client-certificate "),
    ],
)
async def test_a_login_that_yields_less_than_the_kubeconfig_promises_is_one_line(
    user: dict[str, Any], expected: str, kubeconfig: KubeconfigFile
) -> None:
    kubeconfig.write(user)
    line = await failure("s3cret", "8812345")
    assert expected.lower() in line.lower()
    assert f"kubeconfig {kubeconfig.path} unusable" in line
    assert line.endswith("; point KUBECONFIG at a working kubeconfig (kubectl config view shows the one in use)")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xffs3cret", "is not UTF-8"),
        (b"s3cret\ntwo", "invalid in a token"),
        (b"s" * (5 << 20), "is larger than 4 MiB"),
    ],
)
async def test_an_unusable_token_file_is_one_line(content: bytes, expected: str, kubeconfig: KubeconfigFile) -> None:
    (kubeconfig.folder / "token").write_bytes(content)
    kubeconfig.write({"tokenFile": "token"})
    line = await failure("s3cret")
    assert f"tokenFile {kubeconfig.folder / 'token'} {expected}" in line or expected in line


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no certificate", b"-----BEGIN CERTIFICATE-----\nbm8=\n", b"\xff\xfe"]
)
async def test_an_unusable_ca_is_one_line(content: bytes, kubeconfig: KubeconfigFile) -> None:
    ca = kubeconfig.folder / "ca.crt"
    ca.write_bytes(content)
    kubeconfig.write({"token": "t"}, **{"certificate-authority-data": None, "certificate-authority": "ca.crt"})
    assert f"certificate-authority {ca} has " in await failure()


async def test_an_encrypted_key_is_one_line_and_no_prompt(kubeconfig: KubeconfigFile, authority: trustme.CA) -> None:
    files = pem(authority.issue_cert("pod-index"))
    key = load_pem_private_key(files["client-key"], None)
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        encrypted = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"x"))
        kubeconfig.write(as_data(files | {"client-key": encrypted}))
        assert "client-key-data of user 'u' is encrypted" in await failure()


async def test_a_key_of_another_certificate_is_one_line(kubeconfig: KubeconfigFile, authority: trustme.CA) -> None:
    files = pem(authority.issue_cert("pod-index")) | {"client-key": pem(authority.issue_cert("other"))["client-key"]}
    kubeconfig.write(as_data(files))
    line = await failure()
    assert "client-certificate-data of user 'u' does not match client-key-data of user 'u'" in line


async def test_a_client_certificate_is_no_credential_without_tls(
    kubeconfig: KubeconfigFile, authority: trustme.CA
) -> None:
    kubeconfig.write(as_data(pem(authority.issue_cert("pod-index"))), server="http://10.0.0.1")
    assert "user 'u' has no credentials for http://10.0.0.1" in await failure()


async def test_an_auth_provider(kubeconfig: KubeconfigFile) -> None:
    claims = base64.urlsafe_b64encode(b'{"exp":9999999999}').decode().rstrip("=")
    token = f"e30.{claims}.sig"
    kubeconfig.write({"auth-provider": {"name": "oidc", "config": {"id-token": token}}})
    assert (await load()).authorization == f"Bearer {token}"


class ServiceAccount:
    """The files and variables of a pod's service account."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
        self.token = folder / "token"
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(authority.cert_pem.bytes())
        self.token.write_text("mounted\n")
        monkeypatch.setattr(module, "SERVICE_ACCOUNT", str(folder))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> ServiceAccount:
    return ServiceAccount(tmp_path, monkeypatch, authority)


async def test_in_the_cluster_the_service_account_comes_first(
    service_account: ServiceAccount, kubeconfig: KubeconfigFile
) -> None:
    kubeconfig.write({"token": "abc"})
    found = await load()
    assert (found.server, found.authorization) == ("https://[fd00::1]:443", "Bearer mounted")


async def test_a_rotated_service_account_token_is_read(service_account: ServiceAccount) -> None:
    await load()
    service_account.token.write_text("rotated")
    assert (await load()).authorization == "Bearer rotated"


async def test_without_a_service_account_token_the_kubeconfig_is_used(
    service_account: ServiceAccount, kubeconfig: KubeconfigFile
) -> None:
    service_account.token.unlink()
    kubeconfig.write({"token": "abc"})
    assert (await load()).authorization == "Bearer abc"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"a\nb"])
async def test_an_unusable_service_account_is_one_line(
    content: bytes, service_account: ServiceAccount, kubeconfig: KubeconfigFile
) -> None:
    for file in (service_account.token, service_account.ca):
        before = file.read_bytes()
        file.write_bytes(content)
        assert f" {file} " in await failure()
        file.write_bytes(before)


async def test_a_renewed_login_stays_with_the_service_account(
    service_account: ServiceAccount, kubeconfig: KubeconfigFile
) -> None:
    kubeconfig.write({"token": "abc"})
    loader = CredentialsLoader(timeout_seconds=10)
    await loader.load()
    service_account.token.write_text("")
    with pytest.raises(CredentialsError, match=r"token is empty; check the service account of the pod$"):
        await loader.load()


async def test_a_renewed_login_stays_with_the_context(kubeconfig: KubeconfigFile) -> None:
    kubeconfig.write({"token": "abc"})
    loader = CredentialsLoader(timeout_seconds=10)
    await loader.load()
    text = kubeconfig.path.read_text()
    kubeconfig.path.write_text(text.replace("current-context: x", "current-context: other"))
    assert (await loader.load()).authorization == "Bearer abc"
