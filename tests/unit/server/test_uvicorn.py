"""The members of uvicorn that the server uses: uvicorn may change them without notice."""

import ast
import inspect

from pod_index.server import UVICORN_MEMBERS, connections, gate
from pod_index.server.connections import Connection
from pod_index.server.gate import Gate
from tests.support.connections import PATIENT, get, serving
from tests.support.polling import eventually_true

OWN = {"check", "displace", "end_handshake", "handshake"}
"""Public members of connections that are not uvicorn's."""


async def test_uvicorn_has_all_members_that_the_server_uses() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.requested)
        (connection,) = served.server._server.server_state.connections
        assert isinstance(connection, Connection)
        server = served.server._server
        owners = (connection, connection.cycle, connection.flow, connection.config, server, connection.server_state)
        for owner, (name, members) in zip(owners, UVICORN_MEMBERS.items(), strict=True):
            base = next(base for base in type(owner).__mro__ if base.__name__ == name)
            assert [member for member in members if not (member in vars(owner) or hasattr(base, member))] == []


def test_connections_use_no_other_members_of_uvicorn() -> None:
    used = [
        node
        for module in (connections, gate)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute)
    ]

    def of(*owners: str) -> set[str]:
        return {node.attr for node in used if ast.unparse(node.value) in owners}

    of_connection = of("self", "super()") | set(vars(Connection)) | set(vars(Gate))
    assert {name for name in of_connection if not name.startswith("_")} - OWN == set(
        UVICORN_MEMBERS["HttpToolsProtocol"]
    )
    assert of("cycle", "self.cycle") == set(UVICORN_MEMBERS["RequestResponseCycle"])
    assert of("self.flow") == set(UVICORN_MEMBERS["FlowControl"])
    assert of("self.server_state") <= set(UVICORN_MEMBERS["ServerState"])
    assert of("self.config") <= set(UVICORN_MEMBERS["Config"])
