"""Who may do what: bearer tokens, and RBAC-like rules for each user."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock

from tests.apiserver.statuses import JSON, ApiError

ADMIN = "admin"


@dataclass(frozen=True)
class Rule:
    """Allows the verbs on the resources ("pods", "pods/status", ...); "*" stands for all.

    `namespaces` None means everywhere, as a ClusterRoleBinding does.
    """

    verbs: Collection[str]
    resources: Collection[str] = ("pods",)
    namespaces: Collection[str] | None = None

    def allows(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether it covers this request; `namespace` "" is the cluster scope."""
        return (
            (verb in self.verbs or "*" in self.verbs)
            and (resource in self.resources or "*" in self.resources)
            and (self.namespaces is None or namespace in self.namespaces)
        )


class Access:
    """The tokens and rules. They may change at any time, from any thread, and count from the next request."""

    def __init__(self, *, anonymous: bool = False) -> None:
        """With `anonymous`, a request without a token has all rights; otherwise it has none."""
        self._lock = Lock()
        self._users: dict[str, str] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._anonymous = anonymous
        self.admin_token = self.issue_token(ADMIN, [Rule(["*"], ["*"])])

    def issue_token(self, user: str, rules: Iterable[Rule] | None = None) -> str:
        """A new token of the user, whose rules are replaced if some are given."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._users[token] = user
            if rules is not None:
                self._rules[user] = tuple(rules)
        return token

    def revoke_token(self, token: str) -> None:
        """Let the token be refused from now on."""
        with self._lock:
            del self._users[token]

    def set_rules(self, user: str, rules: Iterable[Rule]) -> None:
        """Replace the user's rules."""
        with self._lock:
            self._rules[user] = tuple(rules)

    def user(self, authorization: str | None) -> str | None:
        """The user of an Authorization header; None if nobody is known by it."""
        if authorization is None:
            return ADMIN if self._anonymous else None
        scheme, _, token = authorization.partition(" ")
        return self._users.get(token.strip()) if scheme.lower() == "bearer" else None

    def check(self, user: str, verb: str, resource: str, namespace: str = "", name: str = "") -> None:
        """Raise the real server's 403 unless a rule of the user allows the request."""
        if any(rule.allows(verb, resource, namespace) for rule in self._rules.get(user, ())):
            return
        kind = resource.partition("/")[0]
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        subject = f'{kind} "{name}"' if name else kind
        details: JSON = {"name": name, "kind": kind} if name else {"kind": kind}
        raise ApiError(
            403,
            f'{subject} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "" {scope}',
            details=details,
        )
