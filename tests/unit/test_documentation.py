"""The README says what is true."""

import configparser
import re
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from pod_index.api.app import create_app
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.index import PodIndex
from tests.support.readme import README, table
from tests.support.served import served

ROOT = Path(__file__).parents[2]


def test_the_configuration_table_names_every_setting_and_its_default() -> None:
    documented = {row[0].strip("`"): row[2] for row in table("variable")}
    assert documented == {field.name.upper(): _shown(field.default) for field in msgspec.structs.fields(Settings)}


def _shown(default: object) -> str:
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return str(default).lower().removesuffix(".0")


def test_the_endpoint_table_names_every_route() -> None:
    documented = {request for row in table("request") for request in re.findall(r"`([A-Z]+ [^`?]+)", row[0])}
    routes = [route for route in create_app(PodIndex(), lambda: None).routes if isinstance(route, Route)]
    assert documented == {
        f"{method} {route.path}" for route in routes for method in (route.methods or set()) - {"HEAD"}
    }


async def test_the_metrics_table_names_every_metric_its_labels_and_their_values() -> None:
    stats = Stats()
    stats.add_request("/health", 200, 0.0)
    async with served(PodIndex(), stats=stats) as client:
        families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    documented = {row[0].strip("`"): row[1:] for row in table("metric")}
    found: dict[str, tuple[str, set[str]]] = {}
    for family in families:
        if family.name.startswith("pod_index_"):
            labels = {label: set[str]() for sample in family.samples for label in sample.labels if label != "le"}
            for sample in family.samples:
                for label in labels:
                    labels[label].add(sample.labels[label])
            name = family.name + {"counter": "_total"}.get(family.type, "")
            kind = "info" if name.endswith("_info") else family.type
            found[name] = (kind, set(labels))
            if labels.keys() & {"reason", "mode", "type", "selector", "result"} and "restarts" not in name:
                assert set().union(*labels.values()) <= set(re.findall("`(\\w+)`", documented[name][2])), name
    assert {name: (row[0], set(re.findall("`(\\w+)`", row[1]))) for name, row in documented.items()} == found


def test_the_command_table_names_every_tox_environment_with_its_description() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    described = {
        f"`tox run -e {section.removeprefix('testenv:')}`": tox[section]["description"]
        for section in tox.sections()
        if section.startswith("testenv:")
    }
    documented = {row[0]: row[1] for row in table("command")}
    assert documented.pop("`tox`") == "lint, typing and test"
    assert documented == described


def test_every_command_of_the_original_has_one_here_that_exists() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    here = {original: row[1] for row in table("original") for original in re.findall("`([^`]+)`", row[0])}
    targets = ("help", "build", "run", "test", "docker-build", "docker-run", "deploy", "undeploy", "clean", "deps")
    assert set(here) == {f"make {target}" for target in targets} | {
        "scripts/build-and-deploy.sh",
        "scripts/test-api.sh URL",
    }
    assert here.pop("make help") == "`tox list`"
    for command in here.values():
        environment = re.fullmatch(r"`tox run -e (\S+)( -- URL)?`", command)
        assert environment is not None, command
        assert f"testenv:{environment[1]}" in tox, command


@pytest.mark.parametrize("command", ["tox run -e demo", "tox run -e run", "tox"])
def test_what_the_readme_tells_to_type_begins_with_what_a_fresh_machine_lacks(command: str) -> None:
    assert f"python3 -m pip install tox && python3 -m {command}\n" in README


def test_ci_runs_the_line_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "python3 -m pip install --quiet tox\npython3 -m tox\n" in script


def test_the_lock_holds_every_dependency_of_production_with_hashes() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lock = (ROOT / "operator/requirements.lock").read_text()
    for requirement in setup["options"]["install_requires"].split():
        name = re.split(r"[\[~>=]", requirement)[0]
        assert re.search(rf"^{name}==\S+.* \\\n    --hash=sha256:", lock, re.MULTILINE), name


def test_nothing_but_the_agreed_layout_is_at_the_top() -> None:
    agreed = {
        *("operator", "manifests", "tests", "Containerfile", "tox.ini", "setup.cfg", "pyproject.toml"),
        *("README.md", "LICENSE"),
    }
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - agreed <= {"build", "dist"}
    assert not (ROOT / "operator/__init__.py").exists(), "it would shadow the standard library's operator"
