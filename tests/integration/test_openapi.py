"""The service responds as its OpenAPI document says, to whatever schemathesis generates from the document."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, make_pod, realistic_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually
from tests.support.schemathesis_hooks import CLUSTER
from tests.support.served import CONTAINER_ID, UID

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")

LOGIN = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret", "AUTH_METRICS": "true"}

EXAMPLES = 20
"""Examples of each operation in each phase that generates them: about a thousand requests in all."""


def fill(server: ApiServer) -> None:
    """Create the pod of the document's examples, and others, one of which is deleted later."""
    example = make_pod(
        "example-pod",
        node="node-1",
        ip="10.244.1.5",
        phase="Running",
        labels={"app": "example"},
        annotations={"kubernetes.io/created-by": "..."},
        container_id=f"containerd://{CONTAINER_ID}",
    )
    example["metadata"]["uid"] = UID
    server.pods.load([example, make_pod("gone"), *(realistic_pod(number) for number in range(20))])


def start(server: ApiServer, start_operator: StartOperator, **environ: str) -> OperatorProcess:
    fill(server)
    operator = start_operator(server, WATCH_MAX_SECONDS="0.1", CLUSTER_NAME=CLUSTER, **environ)
    operator.wait_until_ready()
    server.pods.delete("default", "gone")
    eventually(lambda: operator.pod_count() == 21)
    return operator


def run(operator: OperatorProcess, folder: Path, *arguments: str, always: bool = False) -> str:
    """Run schemathesis; return its output.

    The document leaves authentication optional; with ``always``, every request must authenticate.
    """
    status, _, body = operator.get("/openapi.json")
    assert status == 200
    document = json.loads(body)
    if always:
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["security"] = [scheme for scheme in operation["security"] if scheme]
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    ended = subprocess.run(
        [
            *(SCHEMATHESIS, "run", path, f"--url=http://127.0.0.1:{operator.port}"),
            *("--checks=all", "--phases=examples,coverage,fuzzing,stateful", f"--max-examples={EXAMPLES}"),
            # Several workers would not be deterministic.
            *("--generation-deterministic", "--workers=1", "--continue-on-failure", "--no-color"),
            *arguments,
        ],
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'operator'}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "21 selected / 21 total" in ended.stdout
    assert operator.warnings() == []
    return ended.stdout


def test_all_responses_are_as_documented(server: ApiServer, start_operator: StartOperator, tmp_path: Path) -> None:
    run(start(server, start_operator), tmp_path)


def test_responses_with_authentication_are_as_documented(
    server: ApiServer, start_operator: StartOperator, tmp_path: Path
) -> None:
    operator = start(server, start_operator, **LOGIN)
    run(operator, tmp_path, "--auth=ann:s3cret", always=True)


def test_responses_without_credentials_are_as_documented(
    server: ApiServer, start_operator: StartOperator, tmp_path: Path
) -> None:
    run(start(server, start_operator, **LOGIN), tmp_path, "--phases=examples,coverage")
