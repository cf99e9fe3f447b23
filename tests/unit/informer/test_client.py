"""Requests to the API server, and the messages of their failures."""

import asyncio
import datetime
import email.utils
from collections.abc import Awaitable, Callable

import pytest

from pod_index.informer.client import ApiClient
from pod_index.informer.credentials import Credentials
from pod_index.informer.errors import (
    ApiError,
    BadRequest,
    CredentialsError,
    Expired,
    Forbidden,
    IdleTimeout,
    Rejected,
    Throttled,
    Unauthorized,
    Unreachable,
)
from tests.apiserver import ApiServer, Fault
from tests.apiserver.protobuf import encode_message, encode_object
from tests.support.operator_process import free_port
from tests.unit.conftest import credentials


def constant(found: Credentials) -> Callable[[], Awaitable[Credentials]]:
    """A loader that always returns the same credentials."""

    async def load() -> Credentials:
        return found

    return load


async def fail(client: ApiClient) -> ApiError:
    with pytest.raises(ApiError) as caught:
        async with client.get("/api/v1/pods", {}, idle_seconds=0.3) as response:
            await response.read()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, ApiError),
        (410, Expired),
        (422, Rejected),
        (429, Throttled),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
async def test_an_error_response_gives_its_status_and_message(
    status: int, expected: type[ApiError], server: ApiServer, client: ApiClient
) -> None:
    server.faults.add(Fault(status=status, message="because\nof this"))
    error = await fail(client)
    assert type(error) is expected
    assert str(status) in str(error)
    assert "because of this" in str(error)
    assert server.url in str(error)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"message":"because of this"}', "application/json"),
        (
            encode_object("Status", encode_message("Status", {"message": "because of this"})),
            "application/vnd.kubernetes.protobuf",
        ),
        (b"because of this", "text/plain; charset=utf-8"),
        (b"k8s", "application/vnd.kubernetes.protobuf"),
        (b"", ""),
    ],
)
async def test_an_error_response_can_be_in_any_encoding(
    body: bytes, media_type: str, server: ApiServer, client: ApiClient
) -> None:
    server.faults.add(Fault(status=410, body=body, media_type=media_type))
    error = await fail(client)
    assert type(error) is Expired
    assert ("because of this" in str(error)) is (len(body) > 20)


@pytest.mark.parametrize(
    ("sent", "seconds"), [(7, 7.0), ("86400", 300.0), ("soon", 0.0), ("-1", 0.0), ("", 0.0), ("9" * 500, 300.0)]
)
async def test_retry_after_is_read_in_seconds_and_bounded(
    sent: int | str, seconds: float, server: ApiServer, client: ApiClient
) -> None:
    server.faults.add(Fault(status=429, retry_after=sent))
    assert (await fail(client)).retry_after == seconds


@pytest.mark.parametrize("date", ["Mon, 1 Jan 2030 1:1:99999999999 GMT", "Fri, 31 Dec 99999 23:59:59 GMT"])
async def test_an_impossible_date_in_retry_after_is_ignored(date: str, server: ApiServer, client: ApiClient) -> None:
    server.faults.add(Fault(status=503, retry_after=date))
    assert (await fail(client)).retry_after == 0.0


@pytest.mark.parametrize(("offset", "low", "high"), [(60, 50, 60), (-60, 0, 0), (10**6, 300, 300)])
async def test_retry_after_is_read_as_a_date(
    offset: int, low: float, high: float, server: ApiServer, client: ApiClient
) -> None:
    date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset)
    server.faults.add(Fault(status=503, retry_after=email.utils.format_datetime(date, usegmt=True)))
    assert low <= (await fail(client)).retry_after <= high


async def test_a_server_that_sends_nothing_is_reported(server: ApiServer, client: ApiClient) -> None:
    server.faults.add(Fault(stall=True))
    error = await fail(client)
    assert isinstance(error, IdleTimeout)
    assert str(error) == f"{server.url} has sent nothing for 0.3 s; check that it is up"


@pytest.mark.parametrize("fault", [Fault(drop=True), Fault(truncate=True)])
async def test_a_lost_connection_is_reported(fault: Fault, server: ApiServer, client: ApiClient) -> None:
    server.faults.add(fault)
    error = await fail(client)
    assert isinstance(error, Unreachable)
    assert f"the connection to {server.url} was lost (" in str(error)
    assert "<" not in str(error), "the message shows no Python object"


async def test_a_server_that_does_not_listen_is_reported() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    client = ApiClient(constant(credentials(url)), user_agent="test")
    await client.login()
    assert f"cannot connect to {url} (Connection refused)" in str(await fail(client))
    await client.close()


async def test_an_invalid_url_is_reported() -> None:
    client = ApiClient(constant(credentials("http://[::bad")), user_agent="test")
    await client.login()
    assert "is not a usable server URL; check the kubeconfig" in str(await fail(client))
    await client.close()


async def test_two_streams_with_refused_credentials_log_in_once(server: ApiServer) -> None:
    loads: list[Credentials] = []

    async def load() -> Credentials:
        loads.append(credentials(server.url, f"token-{len(loads)}"))
        return loads[-1]

    client = ApiClient(load, user_agent="test")
    await client.login()
    refused = client.credentials
    await asyncio.gather(client.renew_login(refused), client.renew_login(refused))
    assert len(loads) == 2
    assert client.credentials is loads[1]
    await client.close()


async def test_without_new_credentials_the_old_ones_stay_for_the_next_attempt(server: ApiServer) -> None:
    loads = iter([credentials(server.url)])

    async def load() -> Credentials:
        for found in loads:
            return found
        raise CredentialsError("gone")

    client = ApiClient(load, user_agent="test")
    await client.login()
    refused = client.credentials
    with pytest.raises(ApiError, match=r"^gone$"):
        await client.renew_login(refused)
    assert client.credentials is refused
    await client.close()


async def test_a_request_before_the_login_is_an_internal_error() -> None:
    client = ApiClient(constant(credentials("http://x")), user_agent="test")
    with pytest.raises(RuntimeError, match="login"):
        async with client.get("/", {}, idle_seconds=1):
            pass
    await client.close()
