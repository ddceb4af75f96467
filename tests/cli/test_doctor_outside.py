"""What `omnimem doctor` looks at by itself, each thing broken: the log, pipes in its place, and second names."""

import os
from pathlib import Path

import pytest

from omnimem.model import Check, Verdict
from omnimemd.cli.looking import look_at_installation, look_at_log, look_at_places, tighten_places

READY = "2026-01-01T00:00:00.000Z INFO ready pid=1"
STOPPED = "2026-01-01T00:00:09.000Z INFO stopped"
ILL = "2026-01-01T00:00:01.000Z WARNING it broke badly"
LEVEL = "2026-01-01T00:00:02.000Z WARNING log level changed level='debug'"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The socket's folder."""
    folder = tmp_path / "omnimemd"
    folder.mkdir(mode=0o700)
    return folder


def of_log(run: Path, *lines: str) -> Check:
    (run / "omnimemd.log").write_text("".join(f"{line}\n" for line in lines))
    found = look_at_log(run / "omnimemd.sock")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "lines",
    [(ILL, STOPPED), (READY, ILL), (READY, STOPPED, READY, ILL), (READY, STOPPED, ILL, READY), (READY, ILL, STOPPED)],
)
def test_what_the_last_run_complained_of_is_told(run: Path, lines: tuple[str, ...]) -> None:
    found = of_log(run, *lines)

    assert (found.verdict, "it broke badly" in found.detail) == (Verdict.WARN, True)


@pytest.mark.parametrize("lines", [(), (READY, ILL, STOPPED, READY), (READY, LEVEL), (READY, ILL, READY, READY)])
def test_what_an_earlier_run_complained_of_or_somebody_wanted_is_not(run: Path, lines: tuple[str, ...]) -> None:
    assert of_log(run, *lines).verdict is Verdict.OK


def test_a_long_complaint_is_shortened(run: Path) -> None:
    found = of_log(run, READY, ILL + " x" * 500)

    assert found.detail.endswith("…")
    assert len(found.detail) < 400


def test_a_pipe_holds_nothing_up(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(run / "omnimemd.log")
    os.mkfifo(run / ".bashrc")
    monkeypatch.setenv("HOME", str(run))

    assert look_at_log(run / "omnimemd.sock") is None
    assert [one.name for one in look_at_installation()] == ["versions", "hooks"]


def test_what_has_a_second_name_is_told_and_left_alone(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    elsewhere.chmod(0o644)
    (run / "omnimemd.log").hardlink_to(elsewhere)

    found = {one.name: one for one in look_at_places(run / "omnimemd.sock", None, asleep=False)}

    assert found["permissions"].verdict is Verdict.FAIL
    assert tighten_places(run / "omnimemd.sock", None) == []
    assert elsewhere.stat().st_mode & 0o777 == 0o644
