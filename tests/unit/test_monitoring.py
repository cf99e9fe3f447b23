"""What the component ``monitoring`` reads is what pod-index tells, in queries that Prometheus understands."""

import configparser
import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pod_index import stats as counts
from pod_index.settings import Settings
from pod_index.stats import Stats
from tests.support.documents import MANIFESTS, OPERATOR, ROOT, anchors, section
from tests.support.documents import read as read_document
from tests.support.manifests import FOLDER, JSON, read
from tests.support.monitoring import selectors
from tests.support.served import served, synced_index

COMPONENT = FOLDER / "components/monitoring"
((RULE,), (MONITOR,), (SERVICE,)) = (
    read("components/monitoring/prometheusrule.yaml"),
    read("components/monitoring/servicemonitor.yaml"),
    read("service.yaml"),
)
DASHBOARD: JSON = json.loads((COMPONENT / "pod-index.json").read_text())
RULES: list[JSON] = [rule for group in RULE["spec"]["groups"] for rule in group["rules"]]
RECORDS: dict[str, str] = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS: dict[str, JSON] = {rule["alert"]: rule for rule in RULES if "alert" in rule}
SHOWN: list[str] = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES = [*(rule["expr"] for rule in RULES), *SHOWN]

FOREIGN = {"kube_pod_container_resource_limits": {"namespace", "pod", "container", "resource"}}
"""Series that others tell, by their labels: https://github.com/kubernetes/kube-state-metrics."""

TARGET = {"job", "namespace", "pod"}
"""Labels that Prometheus adds to whatever it scrapes by a ServiceMonitor."""

Series = dict[str, dict[str, set[str]]]
"""The values of the labels, by the names of the series."""


@pytest.fixture
async def series() -> Series:
    """All that pod-index ever tells."""
    counted = Stats()
    for route in (
        "/api/v1/pod",
        "/api/v1/pods",
        "/api/v1/pods/lookup",
        "/health",
        "/ready",
        "/metrics",
        counts.OTHER_ROUTE,
    ):
        for code in (200, 503):
            counted.add_request(route, code, 0.001)
    counted.add_peer("b")
    counted.peer_durations["b"].observe(0.001)
    found: Series = {}
    async with served(synced_index(), stats=counted) as client:
        for family in text_string_to_metric_families((await client.get("/metrics")).text):
            for sample in family.samples:
                labels = found.setdefault(sample.name, {})
                for name, value in sample.labels.items():
                    labels.setdefault(name, set()).add(value)
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_reads_series_and_labels_that_there_are(query: str, series: Series) -> None:
    read_any = False
    for selector in selectors(query):
        read_any = True
        name = selector.name
        assert name is not None
        if name in RECORDS:
            continue
        assert name in series or name in FOREIGN, name
        labels = set(series[name]) if name in series else FOREIGN[name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels | TARGET, f"{name} has no label {matcher.name}"
            if name in series and matcher.name in labels:
                exact = str(matcher.op) == "MatchOp.Equal"
                pattern = re.escape(matcher.value) if exact else matcher.value
                assert any(re.fullmatch(pattern, value) for value in series[name][matcher.name]), matcher.value
    assert read_any


@pytest.mark.parametrize("query", [query for query in QUERIES if "rate(" in query or "increase(" in query])
def test_only_counters_have_rates(query: str) -> None:
    for read_by in re.findall(r"(?:rate|increase)\((\w+)", query):
        assert read_by.endswith(("_total", "_bucket", "_sum", "_count")), read_by


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_ours_reads_this_job_only(query: str) -> None:
    for selector in selectors(query):
        if selector.name not in RECORDS and selector.name not in FOREIGN:
            assert ("job", "pod-index") in {(match.name, match.value) for match in selector.matchers.matchers}


@pytest.mark.parametrize("query", ["rate(pod_index_pods)", "sum by (pod_index_pods", "1 +", "pod_index_pods{a=1}"])
def test_what_is_no_query_is_noticed(query: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are the parser's
        list(selectors(query))


def test_what_an_alert_says_is_filled_in_from_labels_that_it_has() -> None:
    per_job = {"PodIndexErrors", "PodIndexStreamsRefused"}
    for name, alert in ALERTS.items():
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
        kept = set() if name == "PodIndexAbsent" else {"namespace"} if name in per_job else {"namespace", "pod"}
        kept = {"namespace", "peer"} if name == "PodIndexPeerDown" else kept
        assert used == kept, name
        assert alert["labels"]["severity"] in {"warning", "critical"}


def test_the_metrics_that_an_alert_points_to_are_there(series: Series) -> None:
    told = " ".join(text for alert in ALERTS.values() for text in alert["annotations"].values())
    assert set(re.findall(r"pod_index_\w+", told)) <= series.keys()


def test_the_document_names_every_alert() -> None:
    assert set(re.findall(r"`(PodIndex\w+)`", read_document(MANIFESTS))) == set(ALERTS)


def test_every_alert_links_to_its_section_and_every_section_is_about_an_alert() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    document = f"{setup['metadata']['url']}/blob/main/{OPERATOR}"
    described = re.findall("^### (.+)$", section(OPERATOR, "## Alerts"), re.MULTILINE)
    assert sorted(described) == sorted(ALERTS)
    for name, alert in ALERTS.items():
        url, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert (url, anchor) == (document, name.lower())
        assert anchor in anchors(OPERATOR)


def test_every_section_about_an_alert_says_what_it_means_what_to_check_and_what_to_do() -> None:
    for name in ALERTS:
        labels = re.findall(r"^- \*\*(.+)\*\*: ", section(OPERATOR, f"### {name}"), re.MULTILINE)
        assert labels == ["Meaning", "Check", "Remedy"], name


def test_the_metrics_and_settings_in_the_sections_about_alerts_exist(series: Series) -> None:
    text = section(OPERATOR, "## Alerts")
    settings = {name.upper() for name in Settings.__struct_fields__}
    assert set(re.findall(r"`(pod_index_\w+)`", text)) <= series.keys()
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text)) <= settings


def test_the_monitor_finds_the_service_and_its_port() -> None:
    spec = MONITOR["spec"]
    assert spec["selector"]["matchLabels"].items() <= SERVICE["metadata"]["labels"].items()
    assert SERVICE["metadata"]["labels"][spec["jobLabel"]] == "pod-index"
    (endpoint,) = spec["endpoints"]
    (port,) = SERVICE["spec"]["ports"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")


def test_grafana_finds_the_dashboard_and_it_can_be_applied() -> None:
    (kustomization,) = read("components/monitoring/kustomization.yaml")
    (generator,) = kustomization["configMapGenerator"]
    assert generator["options"]["labels"].items() >= {"grafana_dashboard": "1"}.items()
    assert generator["files"] == ["pod-index.json"]
    # Every apply writes it to an annotation too, and there are 256 KiB for all of those.
    assert (COMPONENT / "pod-index.json").stat().st_size < 64 * 1024


def test_every_panel_says_what_it_is_and_lies_beside_the_others() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not fields & taken, panel["title"]
        assert max(x for x, _ in fields) < 24
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        taken |= fields


def test_every_metric_that_is_counted_is_shown_or_alerted_on(series: Series) -> None:
    used = {selector.name or "" for query in QUERIES for selector in selectors(query)}
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in series if name.startswith("pod_index_")}
    assert {name for name in ours if not any(found.startswith(name) for found in used)} == set()
