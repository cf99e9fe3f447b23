"""The documents agree with the code, and with each other."""

import configparser
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from pod_index.api.app import create_app
from pod_index.stats import Stats
from pod_index.store.index import PodIndex
from tests.support import settings_table
from tests.support.documents import (
    CHANGELOG,
    DOCUMENTS,
    INTRODUCTION,
    MANIFESTS,
    OPERATOR,
    ROOT,
    TESTS,
    anchors,
    links,
    read,
    section,
    table,
)
from tests.support.manifests import OLDEST_KUBERNETES
from tests.support.served import served


def test_the_readme_is_short() -> None:
    assert len(read(INTRODUCTION).splitlines()) < 220


def test_the_readme_begins_with_the_demo_and_the_tests() -> None:
    first, second, *_ = re.findall(r"^```bash\n(.*?)\n```$", read(INTRODUCTION), re.MULTILINE | re.DOTALL)
    assert first == "python3 -m pip install tox tox-uv && python3 -m tox run -e demo"
    assert second == "python3 -m pip install tox tox-uv && python3 -m tox"


def test_the_list_of_documents_is_complete() -> None:
    folders = ("operator", "manifests", "tests", ".github")
    found = [*ROOT.glob("*.md"), *(path for folder in folders for path in (ROOT / folder).rglob("*.md"))]
    assert {path.relative_to(ROOT).as_posix() for path in found} == set(DOCUMENTS)


def test_the_readme_links_to_every_document() -> None:
    assert set(DOCUMENTS) - {INTRODUCTION} <= set(links(INTRODUCTION))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(document: str) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.resolve().relative_to(ROOT).as_posix()), link


def test_every_module_that_is_named_exists() -> None:
    named = re.findall(r"`(\w+(?:/\w+)*\.py)`", section(OPERATOR, "## How it works"))
    assert len(named) > 20
    for name in named:
        assert (ROOT / "operator/pod_index" / name).is_file() or (ROOT / "operator" / name).is_file(), name


def test_the_log_texts_of_the_troubleshooting_table_are_those_of_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "operator").rglob("*.py"))
    texts = [text for row in table(INTRODUCTION, "problem") if "log says" in row[0] for text in row[0].split("`")[1::2]]
    assert len(texts) == 6
    for text in texts:
        assert text in code, text


def test_the_changelog_has_the_version_of_setup_cfg() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    newest, *others = re.findall(r"^## \[(.+?)\]", read(CHANGELOG), re.MULTILINE)
    version = setup["metadata"]["version"]
    assert version == newest or (newest == "Unreleased" and version == others[0])


def test_the_tested_versions_of_kubernetes_are_those_of_the_tests() -> None:
    pinned = (ROOT / "tests/kubernetes/binaries/kube-apiserver/go.mod").read_text()
    built = re.search(r"^\s*k8s\.io/kubernetes v(\d+\.\d+)\.", pinned, re.MULTILINE)
    assert built is not None
    versions = [row[0] for row in table(OPERATOR, "Kubernetes")]
    assert versions == [built[1], f"{OLDEST_KUBERNETES} to {built[1]}"]
    for document in (INTRODUCTION, MANIFESTS):
        assert f"Kubernetes {OLDEST_KUBERNETES} and kubectl" in " ".join(read(document).split())


def test_the_package_description_is_the_readme() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["long_description"] == f"file: {INTRODUCTION}"


def test_every_folder_of_the_suites_exists() -> None:
    for row in table(TESTS, "folder"):
        assert (ROOT / "tests" / row[0].strip("`")).is_dir(), row[0]


def test_the_settings_table_is_that_of_the_declarations() -> None:
    assert settings_table.table() in read(OPERATOR)


def test_the_settings_of_the_readme_exist_and_have_these_defaults() -> None:
    defaults = {variable: default for variable, *_, default in settings_table.rows()}
    for variable, *_, default in table(INTRODUCTION, "setting"):
        assert defaults[variable] == default, variable


def test_the_endpoint_table_names_every_route() -> None:
    documented = {request for row in table(OPERATOR, "request") for request in re.findall(r"`([A-Z]+ [^`?]+)", row[0])}
    routes = [route for route in create_app(PodIndex(), lambda: None).routes if isinstance(route, Route)]
    assert documented == {
        f"{method} {route.path}" for route in routes for method in (route.methods or set()) - {"HEAD"}
    }


async def test_the_metrics_table_names_every_metric_its_labels_and_their_values() -> None:
    stats = Stats()
    stats.add_request("/health", 200, 0.0)
    stats.add_peer("b")
    stats.peer_durations["b"].observe(0.0)
    async with served(PodIndex(), stats=stats) as client:
        families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    documented = {row[0].strip("`"): row[1:] for row in table(OPERATOR, "metric")}
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
            explained = labels.keys() & {"reason", "mode", "type", "selector", "result"}
            if explained and "restarts" not in name:
                values = set().union(*(labels[label] for label in explained))
                assert values <= set(re.findall("`(\\w+)`", documented[name][2])), name
    assert {name: (row[0], set(re.findall("`(\\w+)`", row[1]))) for name, row in documented.items()} == found


def test_the_command_table_names_every_tox_environment_with_its_description() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    described = {
        f"`tox run -e {section.removeprefix('testenv:')}`": tox[section]["description"]
        for section in tox.sections()
        if section.startswith("testenv:")
    }
    documented = {row[0]: row[1] for row in table(TESTS, "command")}
    assert documented.pop("`tox`") == "lint, typing and test"
    assert documented == described


def test_every_command_of_the_original_has_one_here_that_exists() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    here = {original: row[1] for row in table(MANIFESTS, "original") for original in re.findall("`([^`]+)`", row[0])}
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
    assert f"python3 -m pip install tox tox-uv && python3 -m {command}\n" in read(INTRODUCTION)


def test_ci_runs_the_line_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "python3 -m pip install --quiet tox tox-uv\npython3 -m tox\n" in script


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
