"""The page over HTTP, switched on and off."""

import http.client
import json

from tests.apiserver import ApiServer
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess


def test_a_cached_page_is_not_sent_again(shared_operator: OperatorProcess) -> None:
    operator = shared_operator
    status, headers, body = operator.get("/")
    assert status == 200
    assert body.startswith(b"<!doctype html>")
    connection = http.client.HTTPConnection("127.0.0.1", operator.port, timeout=30)
    connection.request("GET", "/", headers={"If-None-Match": headers["etag"]})
    response = connection.getresponse()
    assert (response.status, response.read()) == (304, b"")
    connection.request("HEAD", "/page.js")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    assert int(response.headers["content-length"]) > 0
    connection.close()
    assert operator.warnings() == []


def test_the_page_can_be_switched_off(server: ApiServer, start_operator: StartOperator) -> None:
    operator = start_operator(server, PAGE="false")
    operator.wait_until_ready()
    for path in ("/", "/page.js"):
        status, _, body = operator.get(path)
        assert (status, json.loads(body)) == (404, {"error": "not found"})
    assert operator.get("/health")[0] == 200
