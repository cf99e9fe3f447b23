"""Authentication by bearer tokens, and RBAC-like rules for each user."""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock

from tests.apiserver.statuses import JSON, ApiError

ADMIN = "admin"
ANONYMOUS = "system:anonymous"


@dataclass(frozen=True)
class Rule:
    """Allows the verbs on the resources (``pods``, ``pods/status``, ...); ``*`` stands for all.

    ``namespaces`` is None for all namespaces and the cluster scope, as with a ClusterRoleBinding.
    """

    verbs: Collection[str]
    resources: Collection[str] = ("pods",)
    namespaces: Collection[str] | None = None

    def allows(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether the rule covers a request; ``namespace`` is empty for the cluster scope."""
        return (
            (verb in self.verbs or "*" in self.verbs)
            and (resource in self.resources or "*" in self.resources)
            and (self.namespaces is None or namespace in self.namespaces)
        )


class Access:
    """Tokens and rules. A change takes effect with the next request, and may be made in any thread."""

    def __init__(self, *, anonymous: bool = False) -> None:
        """With ``anonymous``, a request without a token has all rights; otherwise it gets 401."""
        self._lock = Lock()
        self._users: dict[str, str] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._anonymous_user = ADMIN if anonymous else None
        self.admin_token = self.issue_token(ADMIN, [Rule(["*"], ["*"])])

    def issue_token(self, user: str, rules: Iterable[Rule] | None = None) -> str:
        """Return a new token for the user; replace the user's rules if some are given."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._users[token] = user
            if rules is not None:
                self._rules[user] = tuple(rules)
        return token

    def revoke_token(self, token: str) -> None:
        """Reject the token from now on."""
        with self._lock:
            del self._users[token]

    def allow_anonymous(self) -> None:
        """Accept requests without a token as kube-apiserver does by default: as a user without rights."""
        self._anonymous_user = ANONYMOUS

    def set_rules(self, user: str, rules: Iterable[Rule]) -> None:
        """Replace the rules of the user."""
        with self._lock:
            self._rules[user] = tuple(rules)

    def user(self, authorization: str | None) -> str | None:
        """The user of an ``Authorization`` header; None if the header identifies no user."""
        if authorization is None:
            return self._anonymous_user
        scheme, _, token = authorization.partition(" ")
        return self._users.get(token.strip()) if scheme.lower() == "bearer" else None

    def check_impersonation(self, user: str, impersonated: str) -> None:
        """Raise the 403 of the real server unless a rule lets ``user`` have the rights of the other user."""
        if not any(rule.allows("impersonate", "users", "") for rule in self._rules.get(user, ())):
            raise ApiError(
                403,
                f'users "{impersonated}" is forbidden: User "{user}" cannot impersonate resource "users" in API group'
                ' "" at the cluster scope',
                details={"name": impersonated, "kind": "users"},
            )

    def check(self, user: str, verb: str, namespace: str, name: str = "") -> None:
        """Raise the 403 of the real server unless a rule of the user allows the request for pods."""
        if any(rule.allows(verb, "pods", namespace) for rule in self._rules.get(user, ())):
            return
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        subject = f'pods "{name}"' if name else "pods"
        details: JSON = {"name": name, "kind": "pods"} if name else {"kind": "pods"}
        raise ApiError(
            403,
            f'{subject} is forbidden: User "{user}" cannot {verb} resource "pods" in API group "" {scope}',
            details=details,
        )
