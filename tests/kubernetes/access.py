"""Service accounts of the real server with RBAC rules, and their tokens.

The interface is that of ``tests.apiserver.access.Access``: a user there is a service account here.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress

from tests.apiserver.access import Rule
from tests.apiserver.statuses import JSON, AlreadyExists, NotFound
from tests.kubernetes.client import ApiClient
from tests.kubernetes.credentials import Authority

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_NAMESPACE = "default"
# The shortest lifetime that TokenRequest grants: k8s.io/kubernetes/pkg/apis/authentication/validation
_SHORTEST_SECONDS = 600


class Access:
    """Tokens and rules. They may be changed in any thread.

    Unlike on the small server, a change takes a while: RBAC reads rules from a watch, and the server caches valid
    tokens for 10 s (k8s.io/kubernetes/pkg/kubeapiserver/authenticator: ``TokenSuccessCacheTTL``).
    """

    def __init__(self, client: ApiClient, authority: Authority | None) -> None:
        """``authority`` signs tokens with a shorter lifetime than TokenRequest grants; None if its key is not known."""
        self._client = client
        self._authority = authority
        self._admin_token = ""

    @property
    def admin_token(self) -> str:
        """A token with all rights."""
        if not self._admin_token:
            self._admin_token = self.issue_token("admin", [Rule(["*"], ["*"])])
        return self._admin_token

    def issue_token(self, user: str, rules: Iterable[Rule] | None = None) -> str:
        """Return a new token for the service account ``user``; replace its rules if some are given.

        The token is bound to a Secret of its own, so that it can be revoked alone.
        """
        self._ensure(f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts", {"metadata": {"name": user}})
        if rules is not None:
            self.set_rules(user, rules)
        secret = self._client.call(
            "POST", f"/api/v1/namespaces/{_NAMESPACE}/secrets", {"metadata": {"generateName": "token-"}}
        )["metadata"]
        reference = {"apiVersion": "v1", "kind": "Secret", "name": secret["name"], "uid": secret["uid"]}
        token = self.service_account_token(_NAMESPACE, user, 3600, bound_to=reference)
        # ``revoke_token()`` finds the Secret by the digest of the token.
        labels = {"token": _digest(token)}
        self._client.call(
            "PUT",
            f"/api/v1/namespaces/{_NAMESPACE}/secrets/{secret['name']}",
            {"metadata": {"name": secret["name"], "labels": labels}},
        )
        return token

    def revoke_token(self, token: str) -> None:
        """Revoke a token of ``issue_token()``; this takes up to 10 s."""
        query = {"labelSelector": f"token={_digest(token)}"}
        (secret,) = self._client.call("GET", f"/api/v1/namespaces/{_NAMESPACE}/secrets", query=query)["items"]
        self._client.call("DELETE", f"/api/v1/namespaces/{_NAMESPACE}/secrets/{secret['metadata']['name']}")

    def set_rules(self, user: str, rules: Iterable[Rule]) -> None:
        """Replace the rules of a service account: one ClusterRole for each, bound in the cluster or namespaces."""
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
        self, namespace: str, name: str, expiration_seconds: float = _SHORTEST_SECONDS, *, bound_to: JSON | None = None
    ) -> str:
        """Request a token from the TokenRequest API; create the service account and its namespace if needed.

        The API does not grant less than 600 s: such a token is signed here with the key of the server. ``bound_to`` is
        the reference of a Secret or a Pod; when that is deleted, the token is invalid.
        """
        self._ensure("/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._ensure(path, {"metadata": {"name": name}})
        if expiration_seconds < _SHORTEST_SECONDS and self._authority is not None:
            return self._authority.sign_token(self._client.call("GET", f"{path}/{name}"), expiration_seconds)
        spec: JSON = {"expirationSeconds": int(expiration_seconds)}
        if bound_to is not None:
            spec["boundObjectRef"] = bound_to
        created = self._client.call("POST", f"{path}/{name}/token", {"spec": spec})
        token: str = created["status"]["token"]
        return token

    def _ensure(self, path: str, wanted: JSON) -> None:
        try:
            self._client.call("GET", f"{path}/{wanted['metadata']['name']}")
        except NotFound:
            with suppress(AlreadyExists):  # by another thread
                self._client.call("POST", path, wanted)


def _digest(token: str) -> str:
    # The value of a label has at most 63 characters.
    return hashlib.sha256(token.encode()).hexdigest()[:40]
