"""The benchmarks still run, and read their own figures right. How fast anything is, no test says."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.bench.findings import Finding, percentile
from tests.bench.report import LONG, NAMES, document, section, sections, table, verdict

_ROOT = Path(__file__).resolve().parents[2]


#: Some plant tens of thousands of files, and where they lie makes no difference to whether they run.
_ON_A_RAM_DISK = {
    **os.environ,
    **({"TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else {}),
    "PYTHONFAULTHANDLER": "1",
}
#: Seconds: none takes more than fifteen on a machine that has time for it.
_PATIENCE = 150
#: What a benchmark needs besides Linux.
_NEEDS = {
    "grepping": ("gcc",),
    "limiting": ("user namespace",),
    "prompting": ("bash", "fish", "zsh"),
    "scanning": ("tar",),
    "soak": ("git",),
    "showing": ("gcc", "tar"),
    "storming": ("gcc",),
    "unpacking": ("git", "tar"),
}


def _needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.needs(*_NEEDS.get(name, ()))


def a_finding(*figures: float, at_most: float | None = None, at_least: float | None = None) -> Finding:
    return Finding(what="this", floor="that", figures=figures, at_most=at_most, at_least=at_least)


@pytest.mark.slow
@pytest.mark.needs("linux", "inotify", "pidfd")
@pytest.mark.parametrize("name", [pytest.param(name, marks=_needs(name)) for name in (*NAMES, *LONG)])
def test_a_benchmark_runs_and_prints_its_lines(name: str) -> None:
    command = [sys.executable, "-m", "tests.bench", name, "--quick"]
    running = subprocess.Popen(
        command,
        cwd=_ROOT,
        env=_ON_A_RAM_DISK,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = running.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGABRT)  # which has it say where it is (faulthandler)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(10)
        os.killpg(running.pid, signal.SIGKILL)  # with its daemon, which holds the pipe open
        said, _ = running.communicate()
        pytest.fail(f"it did not end within {_PATIENCE} s:\n{said}")

    assert running.returncode == 0, said
    assert f"## {name}\n\n| what |" in said


@pytest.mark.parametrize(("figures", "p99"), [([1.0], 1.0), (range(100, 0, -1), 99), (range(1, 201), 198)])
def test_a_percentile_is_a_figure_that_was_measured(figures: list[float], p99: float) -> None:
    assert percentile(figures, 99) == p99


def test_a_target_is_compared_with_the_median() -> None:
    assert a_finding(1.0, 1.9, 9.0, at_most=2.0).reached
    assert not a_finding(1.0, 2.1, 9.0, at_most=2.0).reached
    assert a_finding(1.0, 2.1, 9.0, at_least=2.0).reached
    assert a_finding(1.0).reached is None


def test_what_must_hold_in_every_run_is_read_where_it_holds_the_least() -> None:
    assert not replace(a_finding(99.0, 100.0, 100.0, at_least=100.0), reading="least").reached
    assert not replace(a_finding(0.0, 0.0, 1.0, at_most=0.0), reading="most").reached


def test_the_table_shows_the_figure_its_range_and_the_target() -> None:
    shown = table([a_finding(1.0, 2.5, 3.0, at_most=2.0)])

    assert "| this | that | **2.50x** | 3 | 1.00x to 3.00x | ≤ 2.00x | **no** |" in shown


def test_the_document_counts_the_targets_that_were_reached() -> None:
    reached, missed = (a_finding(1.0, at_most=2.0), a_finding(1.0)), a_finding(3.0, at_most=2.0)

    written = document({"idle": section("idle", reached), "storing": section("storing", [missed])})

    assert "1 of 2 targets reached" in written
    assert verdict([*reached, missed]) == "targets missed: this"


def test_one_section_of_the_document_can_be_written_anew() -> None:
    before = document({name: section(name, [a_finding(1.0)]) for name in ("storing", "idle")})

    after = document({**sections(before), "idle": section("idle", [a_finding(3.0, at_most=2.0)])})

    assert sections(after)["storing"] == sections(before)["storing"]
    assert "**no**" in sections(after)["idle"]
    assert list(sections(after)) == ["idle", "storing"], "the order of the benchmarks"
