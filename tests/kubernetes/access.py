"""Who may do what on the real server: service accounts with RBAC rules, and their tokens.

As `tests.apiserver.access.Access`: a user there is a service account here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress

from tests.apiserver.access import Rule
from tests.apiserver.statuses import JSON, AlreadyExists, NotFound
from tests.kubernetes.client import ApiClient
from tests.kubernetes.credentials import Authority

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_NAMESPACE = "default"
# seconds; the shortest that TokenRequest grants: k8s.io/kubernetes/pkg/apis/authentication/validation
_SHORTEST = 600


class Access:
    """Tokens and rules. They may change at any time, from any thread.

    Unlike on the small server, a change does not count at once: RBAC reads rules from a watch, and the
    server remembers for 10 s that a token was good
    (k8s.io/kubernetes/pkg/kubeapiserver/authenticator: TokenSuccessCacheTTL).
    """

    def __init__(self, client: ApiClient, authority: Authority | None) -> None:
        """`authority` signs tokens shorter than TokenRequest grants; None where its key is not ours."""
        self._client = client
        self._authority = authority
        self._admin_token = ""

    @property
    def admin_token(self) -> str:
        """A token that may do everything."""
        if not self._admin_token:
            self._admin_token = self.issue_token("admin", [Rule(["*"], ["*"])])
        return self._admin_token

    def issue_token(self, user: str, rules: Iterable[Rule] | None = None) -> str:
        """A new token of the service account `user`, whose rules are replaced if some are given.

        It is bound to a Secret of its own, so that it can be revoked alone.
        """
        self._ensure(f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts", {"metadata": {"name": user}})
        if rules is not None:
            self.set_rules(user, rules)
        secret = self._client.call(
            "POST", f"/api/v1/namespaces/{_NAMESPACE}/secrets", {"metadata": {"generateName": "token-"}}
        )["metadata"]
        reference = {"apiVersion": "v1", "kind": "Secret", "name": secret["name"], "uid": secret["uid"]}
        token = self.service_account_token(_NAMESPACE, user, 3600, bound_to=reference)
        # labelled with the token's digest, by which revoke_token() finds it
        labels = {"token": _digest(token)}
        self._client.call(
            "PUT",
            f"/api/v1/namespaces/{_NAMESPACE}/secrets/{secret['name']}",
            {"metadata": {"name": secret["name"], "labels": labels}},
        )
        return token

    def revoke_token(self, token: str) -> None:
        """Let a token of `issue_token()` be refused: within 10 s."""
        query = {"labelSelector": f"token={_digest(token)}"}
        (secret,) = self._client.call("GET", f"/api/v1/namespaces/{_NAMESPACE}/secrets", query=query)["items"]
        self._client.call("DELETE", f"/api/v1/namespaces/{_NAMESPACE}/secrets/{secret['metadata']['name']}")

    def set_rules(self, user: str, rules: Iterable[Rule]) -> None:
        """Replace the rules of a service account: a ClusterRole per rule, bound everywhere or in namespaces."""
        owner = {"labelSelector": f"user={user}"}
        for kind in ("clusterrolebindings", "rolebindings", "clusterroles"):
            for found in self._client.call("GET", f"{_RBAC}/{kind}", query=owner)["items"]:
                metadata = found["metadata"]
                scope = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
                self._client.call("DELETE", f"{_RBAC}{scope}/{kind}/{metadata['name']}")
        for number, rule in enumerate(rules):
            role = {"metadata": {"name": f"{user}-{number}", "labels": {"user": user}}}
            policy = {"apiGroups": ["*"], "resources": list(rule.resources), "verbs": list(rule.verbs)}
            self._client.call("POST", f"{_RBAC}/clusterroles", role | {"rules": [policy]})
            binding = role | {
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": role["metadata"]["name"],
                },
                "subjects": [{"kind": "ServiceAccount", "namespace": _NAMESPACE, "name": user}],
            }
            if rule.namespaces is None:
                self._client.call("POST", f"{_RBAC}/clusterrolebindings", binding)
            for namespace in rule.namespaces or ():
                self._ensure("/api/v1/namespaces", {"metadata": {"name": namespace}})
                self._client.call("POST", f"{_RBAC}/namespaces/{namespace}/rolebindings", binding)

    def service_account_token(
        self, namespace: str, name: str, expiration_seconds: float = _SHORTEST, *, bound_to: JSON | None = None
    ) -> str:
        """A token by the TokenRequest API; the service account and its namespace are made if need be.

        One that is valid for less than 600 s, which the API does not grant, is signed here with the server's
        key instead. `bound_to` is the reference of a Secret or a Pod; its end is the token's.
        """
        self._ensure("/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._ensure(path, {"metadata": {"name": name}})
        if expiration_seconds < _SHORTEST and self._authority is not None:
            return self._authority.sign_token(self._client.call("GET", f"{path}/{name}"), expiration_seconds)
        spec: JSON = {"expirationSeconds": int(expiration_seconds)}
        if bound_to is not None:
            spec["boundObjectRef"] = bound_to
        answer = self._client.call("POST", f"{path}/{name}/token", {"spec": spec})
        token: str = answer["status"]["token"]
        return token

    def _ensure(self, path: str, wanted: JSON) -> None:
        try:
            self._client.call("GET", f"{path}/{wanted['metadata']['name']}")
        except NotFound:
            with suppress(AlreadyExists):  # another thread was quicker
                self._client.call("POST", path, wanted)


def _digest(token: str) -> str:
    # a label's value has at most 63 characters
    return hashlib.sha256(token.encode()).hexdigest()[:40]
