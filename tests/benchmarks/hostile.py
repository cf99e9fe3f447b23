"""The memory of the operator and the latency of a normal client, beside hostile clients and a hostile tenant."""

import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.lookups import lookup
from tests.benchmarks.memory import MIB, SETTLE_SECONDS
from tests.benchmarks.processes import Client, FeederProcess, Subject, cpu_seconds
from tests.benchmarks.tail import probed
from tests.hostile import HostileProcess, Summary, lines
from tests.support.certificates import MountedSecret
from tests.support.manifests import memory_limit

SECTION = "hostile"
BASELINE = "the same without hostile clients"
CONTROL = "the same while these clients attack another pod-index, on their core"
"""What the clients take of the core that they share with the normal client: the rest of the latency is the server's."""
LIMIT = "the memory limit in manifests/deployment.yaml"
LOOKUPS_A_SECOND = 100
CONNECTIONS = 2_500
"""More than MAX_CONNECTIONS, so that they displace each other."""
UIDS = 1000
RAMP_SECONDS = 60.0
"""The maximum time until all hostile clients are connected."""
TOKEN = "a-token-of-the-benchmark"
TENANT = "a tenant"
"""Creates and deletes pods in a loop."""
TENANT_PODS = 1_500
TENANT_PODS_A_SECOND = 100
TENANT_BYTES = 250_000
"""The size of an annotation of each: the sum of all may have 256 KiB."""


class Variant:
    """A configuration of the operator: with or without TLS and authentication."""

    def __init__(self, *, tls: bool, authentication: bool) -> None:
        self.tls = tls
        self.authentication = authentication
        features = [*(["TLS"] if tls else []), *(["authentication"] if authentication else [])]
        self.name = f"with {' and '.join(features)}" if features else "without TLS and authentication"

    @contextmanager
    def operator(self, feeder: FeederProcess, main: Path, *, background: bool = False) -> Iterator[Subject]:
        """Start an operator, with the defaults of all limits; it is ready. ``background`` is that of Subject."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environ = {"IDLE_TIMEOUT_SECONDS": ""}
            if self.tls:
                secret = folder / "tls"
                secret.mkdir()
                environ |= MountedSecret(secret, trustme.CA()).environ
            if self.authentication:
                tokens = folder / "tokens"
                tokens.write_text(f"{TOKEN}\n")
                environ["AUTH_TOKEN_FILE"] = str(tokens)
            with Subject(folder, feeder.kubeconfig, main=main, environ=environ, background=background) as operator:
                feeder.await_watch()
                operator.wait_for_ready()
                time.sleep(SETTLE_SECONDS)
                yield operator

    def client(self, operator: Subject) -> Client:
        """Connect a client with credentials, if they are needed."""
        return Client(operator.port, tls=self.tls, token=TOKEN if self.authentication else "")


VARIANTS = [Variant(tls=tls, authentication=secured) for secured in (False, True) for tls in (False, True)]


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Probe operators without and with hostile clients: a new one for each run, since its memory is measured too.

    For the control, the clients are hostile to another operator.
    """
    runs = Runs()
    notes: list[str] = []
    with FeederProcess(plan.hostile_pods) as feeder:
        crowds = [functools.partial(_run, runs, notes, variant, feeder, main, plan) for variant in VARIANTS]
        interleaved(plan.hostile_runs, *crowds, lambda: _run_tenant(runs, feeder, main, plan))
    titles = {variant.name: f"{plan.hostile_connections:,} clients, {variant.name}" for variant in VARIANTS}
    figures = []
    for subject, title in (titles | {TENANT: TENANT}).items():
        figures += _figures(runs, subject, title, plan)
    return figures, [failures(runs), *notes]


def _figures(runs: Runs, subject: str, title: str, plan: Plan) -> list[Figure]:
    peaks = runs.of(subject, "peak")
    values = [("peak RSS", "MiB", peaks, LIMIT, [memory_limit() / MIB] * len(peaks))]
    for name, unit in (("p50", "ms"), ("p99", "ms"), ("max", "ms"), ("CPU", "% of a core")):
        values.append((name, unit, runs.of(subject, name), BASELINE, runs.of(f"{subject}, baseline", name)))
        if name == "p99" and subject != TENANT:
            values.append((name, unit, runs.of(subject, name), CONTROL, runs.of(f"{subject}, control", name)))
    return [
        Figure(
            section=SECTION,
            name=f"{title}: {name}",
            pods=plan.hostile_pods,
            unit=unit,
            values=measured,
            baseline=baseline,
            baseline_values=baseline_values,
        )
        for name, unit, measured, baseline, baseline_values in values
    ]


def _run(runs: Runs, notes: list[str], variant: Variant, feeder: FeederProcess, main: Path, plan: Plan) -> None:
    with variant.operator(feeder, main) as operator:
        uids = feeder.uids(UIDS)

        def probe(subject: str) -> None:
            _probe(runs, subject, variant, operator, uids, lambda: time.sleep(plan.hostile_seconds))

        probe(f"{variant.name}, baseline")
        with variant.operator(feeder, main, background=True) as other, _crowd(variant, other, uids[0], plan):
            probe(f"{variant.name}, control")
        with _crowd(variant, operator, uids[0], plan) as hostile:
            used, begin = cpu_seconds(hostile.pid), time.monotonic()
            probe(variant.name)
            used = (cpu_seconds(hostile.pid) - used) / (time.monotonic() - begin)
            notes += outcomes(variant.name, hostile.summary(), used)


@contextmanager
def _crowd(variant: Variant, operator: Subject, uid: str, plan: Plan) -> Iterator[HostileProcess]:
    """Run hostile clients, on the core of this program; all of them have connected."""
    hostile = HostileProcess(
        operator.port,
        *(["--tls"] if variant.tls else []),
        connections=plan.hostile_connections,
        seconds=RAMP_SECONDS + plan.hostile_seconds,
        uid=uid,
    )
    with hostile:
        hostile.wait_until_complete()
        yield hostile


def _run_tenant(runs: Runs, feeder: FeederProcess, main: Path, plan: Plan) -> None:
    variant = VARIANTS[0]
    with variant.operator(feeder, main) as operator:
        uids = feeder.uids(UIDS)

        _probe(runs, f"{TENANT}, baseline", variant, operator, uids, lambda: time.sleep(plan.hostile_seconds))
        _probe(runs, TENANT, variant, operator, uids, lambda: churn(feeder, operator))


def churn(feeder: FeederProcess, operator: Subject) -> None:
    """Create and delete pods as the tenant does, and wait until the operator has seen all of it."""
    feeder.ask("churn", count=TENANT_PODS, size=TENANT_BYTES, rate=TENANT_PODS_A_SECOND)
    _, uid, version = feeder.prepare(1, 1)[0]
    feeder.ask("send")
    operator.wait_for_change(uid, version, every=0.1)


def _probe(
    runs: Runs,
    subject: str,
    variant: Variant,
    operator: Subject,
    uids: Sequence[str],
    meanwhile: Callable[[], None],
) -> None:
    """Probe with a normal client while ``meanwhile()`` runs."""
    pid = operator.process.pid
    used, begin = cpu_seconds(pid), time.monotonic()
    options = [*(["--tls"] if variant.tls else []), *([f"--token={TOKEN}"] if variant.authentication else [])]
    result = probed(operator.port, LOOKUPS_A_SECOND, [lookup(uid) for uid in uids], meanwhile, options)
    cpu = (cpu_seconds(pid) - used) / (time.monotonic() - begin)
    runs.add(
        subject,
        **{name: result[name] * 1000 for name in ("p50", "p99", "max")},
        **{name: result[name] for name in ("requests", "failed")},
        peak=operator.peak_bytes / MIB,
        CPU=cpu * 100,
    )


def failures(runs: Runs) -> str:
    """Return a note with the failed lookups of the normal client. There should be none."""
    subjects = [*(variant.name for variant in VARIANTS), TENANT]
    failures = [
        f"{sum(runs.of(subject, 'failed')):,.0f} of {sum(runs.of(subject, 'requests')):,.0f} {subject}"
        for subject in subjects
    ]
    return f"hostile: failed lookups of a normal client, at {LOOKUPS_A_SECOND} a second: {', '.join(failures)}"


def outcomes(variant: str, summary: Mapping[str, Summary], cpu: float) -> list[str]:
    """Return notes with the outcomes of the hostile clients in a run."""
    still = sum(kind.open for kind in summary.values())
    return [
        f"hostile, {variant}: {still:,} connected at the end; their process used {cpu:.0%} of a core",
        *(f"hostile: {line}" for line in lines(summary)),
    ]
