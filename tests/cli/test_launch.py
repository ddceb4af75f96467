"""How `omnimem start` begins a daemon, and how long it waits for it."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from omnimemd.cli.launch import Patience, _worked, start

SECOND = 1_000_000_000


def test_one_that_does_nothing_is_given_up_after_thirty_seconds() -> None:
    patience = Patience(now=100.0)

    assert patience.lasts(now=101.0, worked=SECOND)
    assert patience.lasts(now=131.0, worked=SECOND)
    assert not patience.lasts(now=131.1, worked=SECOND)


def test_one_that_gets_little_of_a_processor_is_waited_for_as_long_as_it_uses_that() -> None:
    patience = Patience(now=0.0)

    assert all(patience.lasts(now=float(at), worked=at * SECOND // 50) for at in range(1, 301))


def test_one_that_works_and_never_answers_is_given_up_in_the_end() -> None:
    patience = Patience(now=0.0)

    assert [patience.lasts(now=at, worked=int(at) * SECOND) for at in (29.0, 58.0, 87.0, 300.1)] == [True] * 3 + [False]


def test_where_nobody_tells_whether_it_works_it_has_thirty_seconds() -> None:
    patience = Patience(now=0.0)

    assert [patience.lasts(now=at, worked=0) for at in (30.0, 30.1)] == [True, False]


def test_what_another_one_has_to_do_is_waited_for_shortly() -> None:
    patience = Patience(now=0.0)

    patience.shorten(until=3.0)
    patience.shorten(until=5.0)  # each look says so again

    assert [patience.lasts(now=at, worked=int(at)) for at in (3.0, 3.1)] == [True, False]


@pytest.mark.needs("linux")
def test_what_a_process_has_worked_is_told_and_grows() -> None:
    before = _worked(os.getpid())

    while _worked(os.getpid()) == before:
        pass

    assert before > 0


def test_what_is_no_process_has_not_worked() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert _worked(ended.pid) == 0


def test_ctrl_c_just_when_the_process_has_begun_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, _: list[str], **given: Any) -> None:
            super().__init__(["sleep", "60"], **given)
            begun.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "omnimemd.sock")

    (process,) = begun
    assert process.returncode == -signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is before
