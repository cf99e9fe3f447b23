"""Tokens and rules."""

import httpx
import pytest

from tests.apiserver import ApiServer, Rule, make_pod
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

PODS = "/api/v1/pods"
IN_A = "/api/v1/namespaces/a/pods"
READ = Rule(["get", "list", "watch"])


def forbidden(response: httpx.Response) -> str:
    status = response.json()
    assert (response.status_code, status["reason"], status["details"]["kind"]) == (403, "Forbidden", "pods")
    return str(status["message"])


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_a_request_without_a_valid_token_is_unauthorized(server: ApiServer, header: dict[str, str]) -> None:
    for path in (PODS, "/api/v1", "/nowhere"):
        response = httpx.get(server.url + path, headers=header)
        status = response.json()
        assert (response.status_code, status["kind"], status["reason"]) == (401, "Status", "Unauthorized")


def test_a_server_can_allow_requests_without_a_token() -> None:
    with ApiServer(anonymous=True) as server:
        assert httpx.get(server.url + PODS).status_code == 200
        assert httpx.get(server.url + PODS, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_server_can_treat_requests_without_a_token_as_anonymous(server: ApiServer) -> None:
    server.access.allow_anonymous()
    assert forbidden(httpx.get(server.url + PODS)) == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert httpx.get(server.url + PODS, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_impersonation_gives_the_rights_of_the_other_user(server: ApiServer, connect: Connect) -> None:
    server.access.set_rules("jane", [Rule(["get"])])
    admin, reader = connect(server), connect(server, server.access.issue_token("reader", [READ]))
    as_jane = {"Impersonate-User": "jane"}
    assert 'User "jane" cannot list' in forbidden(admin.get(PODS, headers=as_jane))
    assert server.requests[-1].user == "jane"
    refused = reader.get(PODS, headers=as_jane)
    assert refused.status_code == 403
    assert 'User "reader" cannot impersonate resource "users"' in refused.json()["message"]


def test_a_rule_allows_its_verbs_everywhere(server: ApiServer, connect: Connect) -> None:
    server.pods.create(make_pod("web", "a"))
    reader = connect(server, server.access.issue_token("reader", [READ]))
    assert reader.get(PODS).status_code == 200
    assert reader.get(IN_A).status_code == 200
    assert reader.get(IN_A + "/web").status_code == 200
    assert forbidden(reader.delete(IN_A + "/web")) == (
        'pods "web" is forbidden: User "reader" cannot delete resource "pods" in API group "" in the namespace "a"'
    )
    assert "cannot create resource" in forbidden(reader.post(IN_A, json=make_pod("new", "a")))
    assert "cannot patch resource" in forbidden(reader.patch(IN_A + "/web", json={}))


def test_a_rule_for_a_namespace_does_not_allow_the_cluster(server: ApiServer, connect: Connect) -> None:
    token = server.access.issue_token("x", [Rule(["list", "watch"], ["pods"], ["a"])])
    limited = connect(server, token)
    assert limited.get(IN_A).status_code == 200
    assert forbidden(limited.get("/api/v1/namespaces/b/pods")) == (
        'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "b"'
    )
    assert forbidden(limited.get(PODS)) == (
        'pods is forbidden: User "x" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert 'cannot watch resource "pods"' in forbidden(limited.get(PODS, params={"watch": "true"}))


def test_a_revoked_token_is_unauthorized_but_its_watch_goes_on(server: ApiServer, connect: Connect) -> None:
    token = server.access.issue_token("reader", [READ])
    reader = connect(server, token)
    with Watcher(reader) as watcher:
        eventually(lambda: server.open_watches == 1)
        server.access.revoke_token(token)
        assert reader.get(PODS).status_code == 401
        server.pods.create(make_pod("web"))
        watcher.wait_for(1)


def test_requests_are_recorded_with_their_user(server: ApiServer, connect: Connect) -> None:
    reader = connect(server, server.access.issue_token("reader", [READ]))
    reader.get(PODS, params={"limit": 5}, headers={"User-Agent": "test/1"})
    record = server.requests[-1]
    assert (record.method, record.path, record.query) == ("GET", PODS, {"limit": "5"})
    assert (record.user, record.status, record.user_agent) == ("reader", 200, "test/1")
    assert record.kind == "list"
