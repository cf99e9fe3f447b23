"""The benchmarks run from end to end; their speed is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import SECTIONS, main

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_section_has_figures_and_baselines(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    sizes = ["--pods", "200", "--changes", "300", "--seconds", "0.2", "--runs", "1", "--relists", "1"]
    sizes += ["--hostile", "10", "--hostile-seconds", "0.5"]
    done = bench("--quick", "--no-wrk", "--json", str(path), *sizes)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    written = json.loads(path.read_text())
    assert {figure["section"] for figure in written["figures"]} == set(SECTIONS)
    for figure in written["figures"]:
        assert figure["name"] in done.stdout
        # So few changes may cost less CPU than the kernel counts in.
        if figure["unit"] not in ("µs", "CPU s", "bytes a pod", "% of a core"):
            assert min(figure["values"]) > 0, figure
            assert min(figure["baseline_values"]) > 0, figure
    assert "a generator in Python" in done.stdout


def test_an_unknown_section_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "there is no section 'speed'" in capsys.readouterr().err
