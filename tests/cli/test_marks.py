"""Bursts and gaps on the pages of a session: each burst once, each gap with its reason in words."""

import shutil
from collections.abc import Iterator

import pytest

from omnimem.model import Attribution, EntryKind, ScanEntry, Source
from omnimemd.cli.marks import tell_marks, whole
from omnimemd.cli.output import Output
from tests.cli.home import PATIENCE, Home
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "linux")


@pytest.fixture
def folder(running: Home) -> Iterator[str]:
    """A session active in a folder of its own, `marked`."""
    (running.app / "marked").mkdir()
    with running.client() as client:
        session = client.create_session(tool_id="tool", workspace_path=str(running.app / "marked"))
        yield session.session_id
        client.end_session(session.session_id)
    shutil.rmtree(running.app / "marked")


def test_a_burst_is_one_line_and_drowns_nothing(running: Home, folder: str) -> None:
    running.shell("mkdir marked/src && cd marked/src && for n in $(seq 300); do echo $n > f$n.py; done")
    with running.client() as client:
        client.flush()
        assert client.get_session(folder).metrics.scans > 0
    running.shell("echo work > marked/work.py && echo more > marked/work.py")

    shown = running.omnimem("session", "show", folder).out
    context = running.omnimem("context", "show", folder).out

    for page in (shown, context):
        _, _, marks = page.partition("Bursts and gaps\n")
        (burst,) = [line for line in marks.splitlines() if " files in " in line]
        assert "src" in burst
    assert next(line for line in shown.splitlines() if line.endswith(".py")).endswith("work.py")


def test_a_gap_says_why_nothing_was_seen(running: Home, folder: str) -> None:
    shutil.rmtree(running.app / "marked")
    (running.app / "marked").mkdir()
    with running.client() as client:
        eventually(lambda: client.list_entries(folder, kind=EntryKind.GAP).entries, "a gap", within=PATIENCE)

    shown = running.omnimem("session", "show", folder).out
    entries = running.omnimem("context", "show", folder, "--entries", "--kind", "gap").out

    for page in (shown, entries):
        assert "because the folder was not there" in page
        assert "found afterwards; what was read then is not known" in page


def a_scan(burst: str, second: int) -> ScanEntry:
    """Two seconds of a burst."""
    return ScanEntry(
        entry_id=second,
        timestamp=f"2026-01-01T00:00:{second + 2:02}.000Z",
        source=Source.WATCH,
        burst_id=burst,
        started_at=f"2026-01-01T00:00:{second:02}.000Z",
        ended_at=f"2026-01-01T00:00:{second + 2:02}.000Z",
        files=100,
        directories=second,
        reads=100,
        writes=1,
        top=["/w/src"],
        attribution=Attribution.PROBABLE,
    )


def test_the_parts_of_a_burst_are_one() -> None:
    first, second = whole([a_scan("b-1", 10), a_scan("b-1", 12), a_scan("b-2", 14), a_scan("b-1", 16)])

    assert (first.burst_id, first.started_at[-7:], first.ended_at[-7:]) == ("b-1", "10.000Z", "18.000Z")
    assert (first.files, first.reads, first.writes, first.directories) == (300, 300, 3, 16)
    assert second == a_scan("b-2", 14)


def test_of_many_the_latest_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    tell_marks([a_scan(f"b-{number}", number) for number in range(8)], Output(), workspace="/w")

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Bursts and gaps"
    assert ["100 files in" in line for line in lines[2:]] == [True] * 5 + [False]
    assert "(src, …)" in lines[2]
    assert lines[-1] == "and 3 before: omnimem context show --entries"
