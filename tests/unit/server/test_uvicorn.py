"""The members of uvicorn that the server uses: uvicorn may change them without notice."""

import ast
import inspect

from pod_index.server import UVICORN_MEMBERS, connections
from pod_index.server.connections import Connection
from tests.support.connections import PATIENT, get, serving
from tests.support.polling import eventually_true


async def test_uvicorn_has_all_members_that_the_server_uses() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.requested)
        (connection,) = served.server._connections
        owners = (connection, connection.cycle, served.server._server, connection.server_state)
        for owner, (name, members) in zip(owners, UVICORN_MEMBERS.items(), strict=True):
            base = next(base for base in type(owner).__mro__ if base.__name__ == name)
            assert [member for member in members if not (member in vars(owner) or hasattr(base, member))] == []


def test_connections_use_no_other_members_of_uvicorn() -> None:
    used = [node for node in ast.walk(ast.parse(inspect.getsource(connections))) if isinstance(node, ast.Attribute)]
    of_connection = {node.attr for node in used if ast.unparse(node.value) == "self"} | set(vars(Connection))
    of_cycle = {node.attr for node in used if ast.unparse(node.value) in ("cycle", "self.cycle", "previous")}
    public = {name for name in of_connection if not name.startswith("_")} - {"check"}
    assert public == set(UVICORN_MEMBERS["HttpToolsProtocol"])
    assert of_cycle == set(UVICORN_MEMBERS["RequestResponseCycle"])
