"""The README says what is true."""

import configparser
import dataclasses
import re
from pathlib import Path

import pytest
from starlette.routing import Route

from pod_index.api import create_app
from pod_index.index import PodIndex
from pod_index.settings import Settings
from tests.readme import README, table

ROOT = Path(__file__).parents[2]


def test_the_configuration_table_names_every_setting_and_its_default() -> None:
    documented = {row[0].strip("`"): row[2] for row in table("variable")}
    assert documented == {field.name.upper(): _shown(field.default) for field in dataclasses.fields(Settings)}


def _shown(default: object) -> str:
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return str(default).lower().removesuffix(".0")


def test_every_setting_says_in_its_docstring_which_variable_sets_it() -> None:
    source = (ROOT / "operator/pod_index/settings.py").read_text()
    for field in dataclasses.fields(Settings):
        assert f'"""``{field.name.upper()}``: ' in source


def test_the_endpoint_table_names_every_route() -> None:
    documented = {row[0].strip("`").partition("?")[0] for row in table("request")}
    routes = [route for route in create_app(PodIndex(), lambda: None).routes if isinstance(route, Route)]
    assert documented == {
        f"{method} {route.path}" for route in routes for method in (route.methods or set()) - {"HEAD"}
    }


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
