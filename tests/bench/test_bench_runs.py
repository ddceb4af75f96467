"""The benchmarks still run, and read their own figures right. How fast anything is, no test says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.findings import Finding, percentile
from tests.bench.report import NAMES, document, table, verdict

_ROOT = Path(__file__).resolve().parents[2]


def a_finding(*figures: float, at_most: float | None = None, at_least: float | None = None) -> Finding:
    return Finding(what="this", floor="that", figures=figures, at_most=at_most, at_least=at_least)


@pytest.mark.slow
@pytest.mark.needs("linux", "inotify", "pidfd")
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_and_prints_its_lines(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", name, "--quick"], cwd=_ROOT, check=True, capture_output=True, text=True
    )

    assert f"| {name} |" in done.stdout


@pytest.mark.parametrize(("figures", "p99"), [([1.0], 1.0), (range(100, 0, -1), 99), (range(1, 201), 198)])
def test_a_percentile_is_a_figure_that_was_measured(figures: list[float], p99: float) -> None:
    assert percentile(figures, 99) == p99


def test_a_target_is_compared_with_the_median() -> None:
    assert a_finding(1.0, 1.9, 9.0, at_most=2.0).reached
    assert not a_finding(1.0, 2.1, 9.0, at_most=2.0).reached
    assert a_finding(1.0, 2.1, 9.0, at_least=2.0).reached
    assert a_finding(1.0).reached is None


def test_the_table_shows_the_figure_its_range_and_the_target() -> None:
    shown = table([("name", [a_finding(1.0, 2.5, 3.0, at_most=2.0)])])

    assert "| name | this | that | **2.50x** | 3 | 1.00x to 3.00x | ≤ 2.00x | **no** |" in shown


def test_the_document_counts_the_targets_that_were_reached() -> None:
    found = [("name", [a_finding(1.0, at_most=2.0), a_finding(3.0, at_most=2.0), a_finding(1.0)])]

    assert "1 of 2 targets reached" in document(found)
    assert verdict(found) == "targets missed: this"
