"""What the Helm chart says of itself; ``tests/e2e/test_chart.py`` renders it with helm."""

import configparser
import json

import jsonschema
import pytest
import yaml

from pod_index.settings import Settings
from tests.support.documents import ROOT
from tests.support.manifests import FOLDER, JSON, OLDEST_KUBERNETES, read

((CHART,), (VALUES,), (DEPLOYMENT,)) = (
    read("chart/Chart.yaml"),
    read("chart/values.yaml"),
    read("deployment.yaml"),
)
SCHEMA: JSON = json.loads((FOLDER / "chart/values.schema.json").read_text())


def test_the_chart_has_the_version_of_pod_index() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert CHART["version"] == CHART["appVersion"] == setup["metadata"]["version"]


def test_the_chart_is_for_the_versions_of_kubernetes_that_the_manifests_are_for() -> None:
    # The suffix admits versions such as v1.27.3-gke.100, which Helm compares as pre-releases.
    assert CHART["kubeVersion"] == f">={OLDEST_KUBERNETES}.0-0"


def test_the_default_values_are_those_of_the_deployment() -> None:
    (container,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
    default = {"image": container["image"], "resources": container["resources"], "settings": {}}
    assert default == VALUES
    jsonschema.validate(VALUES, SCHEMA)


def test_the_values_that_are_commented_out_are_valid() -> None:
    text = (FOLDER / "chart/values.yaml").read_text()
    examples = text.replace("# replicas:", "replicas:").replace("settings: {}\n#", "settings:\n")
    changed = yaml.safe_load(examples)
    assert changed["replicas"] > 1
    assert changed["settings"]
    jsonschema.validate(changed, SCHEMA)


def test_the_chart_has_every_setting_that_needs_nothing_but_a_variable() -> None:
    names = {name.upper() for name in Settings.__struct_fields__}
    mounted = {name for name in names if name.endswith("_FILE")}
    # Values are no place for passwords, and these settings have no effect without passwords or files.
    protected = {name for name in names if name.startswith(("AUTH_", "BASIC_AUTH_", "PEER_"))}
    # The probes and the Service need the default ones.
    fixed = {"LISTEN_ADDRESS", "PORT"}
    expected = names - mounted - protected - fixed
    assert SCHEMA["properties"]["settings"]["propertyNames"]["enum"] == sorted(expected)


@pytest.mark.parametrize("values", [{"replica": 2}, {"settings": {"LOOKUP_KEY": "uid"}}, {"settings": {"PAGE": None}}])
def test_unknown_values_are_not_valid(values: JSON) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(VALUES | values, SCHEMA)
