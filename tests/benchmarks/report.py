"""The table, the plot and the JSON of a benchmark."""

import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure

PLOT_WIDTH = 50
LIBRARIES = ("kopf", "uvicorn", "starlette", "msgspec", "uvloop", "httptools", "aiohttp")
COLUMNS = ("figure", "pods", "unit", "median", "(min .. max)", "baseline", "(min .. max)", "ratio", "of")


def machine() -> dict[str, str]:
    """Describe the machine and the versions."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = cpuinfo.partition("model name")[2].partition("\n")[0].lstrip("\t: ") or platform.machine()
    versions = " ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{model}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": versions,
    }


def number(value: float) -> str:
    """Format a figure with three significant digits."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) < 1 else 1 if abs(value) >= 10 else 2
    return f"{value:.3f}" if abs(value) < 0.1 else f"{value:.{digits}f}"


def table(figures: Sequence[Figure]) -> str:
    """Format the figures, a line each, by section, and the descriptions of their baselines."""
    lines = []
    baselines = {
        baseline: str(number) for number, baseline in enumerate(dict.fromkeys(figure.baseline for figure in figures), 1)
    }
    rows = [(*row(figure), baselines[figure.baseline]) for figure in figures]
    widths = [max(len(cells[column]) for cells in [COLUMNS, *rows]) for column in range(len(COLUMNS))]
    section = ""
    for figure, cells in zip(figures, rows, strict=True):
        if figure.section != section:
            section = figure.section
            lines += ["", section, *_aligned(COLUMNS, widths)]
        lines += _aligned(cells, widths)
    lines += [f"  baseline {number}: {baseline}" for baseline, number in baselines.items()]
    return "\n".join(lines[1:])


def row(figure: Figure) -> tuple[str, ...]:
    """Return the cells of a line."""
    return (
        figure.name,
        f"{figure.pods:,}",
        figure.unit,
        number(figure.median),
        _spread(figure.values),
        number(figure.baseline_median),
        _spread(figure.baseline_values),
        number(figure.ratio),
    )


def plot(figures: Sequence[Figure]) -> str:
    """Plot the figures of several sizes: a bar for each size, and one for its baseline."""
    blocks = []
    groups: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        if figure.plotted:
            groups.setdefault((figure.section, figure.name), []).append(figure)
    for (section, name), sizes in groups.items():
        if len(sizes) < 2:
            continue
        most = max(max(size.median, size.baseline_median) for size in sizes)
        lines = [f"{section}: {name} [{sizes[0].unit}], # with its baseline o{_growth(sizes)}"]
        for size in sizes:
            for sign, value in (("#", size.median), ("o", size.baseline_median)):
                label = f"{size.pods:,}" if sign == "#" else ""
                bar = sign * max(1, round(value / most * PLOT_WIDTH))
                lines.append(f"{label:>9} |{bar} {number(value)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def document(figures: Sequence[Figure], notes: Sequence[str], options: Mapping[str, object]) -> str:
    """Format everything as JSON."""
    described = [
        dataclasses.asdict(figure)
        | {"median": figure.median, "baseline_median": figure.baseline_median, "ratio": figure.ratio}
        for figure in figures
    ]
    return json.dumps(
        {"machine": machine(), "options": dict(options), "figures": described, "notes": list(notes)}, indent=1
    )


def _growth(sizes: Sequence[Figure]) -> str:
    first, last = sizes[0], sizes[-1]
    if last.pods == first.pods or not first.pods:
        return ""
    exponent = math.log(last.median / first.median) / math.log(last.pods / first.pods)
    return f"; grows with pods^{exponent:.2f}"


def _spread(values: Sequence[float]) -> str:
    return f"({number(min(values))} .. {number(max(values))})"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    left = {0, 2, len(cells) - 1}
    padded = [
        cell.ljust(width) if at in left else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return ["  ".join(padded).rstrip()]
