"""Real programs that touch many files at once are told as scans; what they change is known all the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import ScanEntry, Session
from tests.e2e.homes import Home, fill
from tests.e2e.programs import Programs
from tests.e2e.recorded import Touch, accesses, assert_consistent, entries, touches
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "git")

_MANY = {f"pkg{number % 30}/m{number}.py": f"x = {number}\n" for number in range(600)}
#: Reads one file after another and thinks for some milliseconds about each.
_LINTER = """
import pathlib, sys, time
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py"))[:int(sys.argv[3])]:
    path.read_text()
    time.sleep(int(sys.argv[2]) / 1000)
"""
_READER = "import sys; [open(path).read() for path in sys.argv[1:]]"


@pytest.fixture
def repository(home: Home, programs: Programs) -> Path:
    """A repository of 600 files, all of them committed; the branch `none` has next to nothing."""
    repository = home.folder({"README.md": "# It\n"})
    programs.git("init", "-q", "-b", "none", cwd=repository)
    programs.git("add", "-A", cwd=repository)
    programs.git("commit", "-qm", "first", cwd=repository)
    programs.git("checkout", "-qb", "all", cwd=repository)
    fill(repository, _MANY)
    programs.git("add", "-A", cwd=repository)
    programs.git("commit", "-qm", "second", cwd=repository)
    # Git reads again what is as young as its index: that would be a burst of its own.
    for path in repository.rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    programs.git("update-index", "--really-refresh", cwd=repository)
    return repository


@pytest.fixture
def session(repository: Path, client: Client, programs: Programs) -> Iterator[Session]:
    """A tool's session there; whatever happened, its figures are true at the end."""
    tool = programs.tool()
    session = client.create_session(tool_id="agent", workspace_path=str(repository), process_id=tool.pid)
    yield session
    client.flush()
    assert_consistent(client, session.session_id)


def scans(client: Client, session: Session) -> list[ScanEntry]:
    client.flush()
    return [one for one in entries(client, session.session_id) if isinstance(one, ScanEntry)]


def test_grep_over_many_files_leaves_a_scan_and_no_rows(
    repository: Path, client: Client, session: Session, programs: Programs
) -> None:
    programs.run("grep", "-rc", "--include=*.py", "x = ", ".", cwd=repository)

    found = scans(client, session)

    reads = sum(one.reads for one in found)
    rows = touches(client, session)
    assert reads + len(rows) == 600
    assert len(rows) <= 5
    assert {one.attribution for one in found} <= {"probable", "ambiguous"}  # it is not the tool that searched
    assert len({one.burst_id for one in found}) == 1
    assert max(one.directories for one in found) == 30
    assert found[-1].top[0].startswith(f"{repository}/pkg")
    assert all(one.started_at <= one.ended_at == one.timestamp for one in found)


def test_work_after_a_scan_counts_file_by_file(
    repository: Path, client: Client, session: Session, programs: Programs
) -> None:
    programs.run("grep", "-rc", "--include=*.py", "x = ", ".", cwd=repository)
    client.flush()
    work = sorted(_MANY)[:20]

    programs.python(_READER, *(repository / name for name in work))

    assert touches(client, session)[-20:] == [Touch("read", name) for name in work]
    assert sum(one.reads for one in scans(client, session)) >= 595


def test_a_scan_is_written_by_itself(repository: Path, client: Client, session: Session, programs: Programs) -> None:
    programs.run("grep", "-rc", "--include=*.py", "x = ", ".", cwd=repository)

    eventually(lambda: client.get_session(session.session_id).metrics.scans > 0, "the scan is written", within=20)


def test_every_file_of_a_checkout_is_known(
    repository: Path, client: Client, session: Session, programs: Programs
) -> None:
    programs.git("checkout", "-q", "none", cwd=repository)
    gone = touches(client, session)
    programs.git("checkout", "-q", "all", cwd=repository)
    back = touches(client, session)[len(gone) :]

    assert {one.path for one in gone if one.access == "delete"} >= set(_MANY)
    assert {one.path for one in back if one.access in ("create", "write")} >= set(_MANY)
    assert sum(one.access == "read" for one in [*gone, *back]) <= 5
    bursts = {one.burst_id for one in scans(client, session)}
    rows = [one for one in accesses(client, session.session_id) if one.access != "read"]
    assert {one.burst_id for one in rows} <= bursts | {None}
    assert sum(one.burst_id is not None for one in rows) == sum(one.writes for one in scans(client, session)) > 1_000


def test_every_file_of_an_archive_is_known(
    repository: Path, home: Home, client: Client, session: Session, programs: Programs
) -> None:
    archive = home.base / "all.tar"
    programs.run("tar", "cf", archive, "-C", repository, "--exclude=.git", ".")
    packed = touches(client, session)
    (repository / "unpacked").mkdir()

    programs.run("tar", "xf", archive, "-C", repository / "unpacked")

    made = touches(client, session)[len(packed) :]
    assert {one.path for one in made if one.access == "create"} >= {f"unpacked/{name}" for name in _MANY}
    assert len(packed) <= 5


def test_git_with_little_to_do_leaves_work_as_it_is(
    repository: Path, client: Client, session: Session, programs: Programs
) -> None:
    (repository / "pkg1/m1.py").write_text("x = 0\n")
    programs.run("cat", repository / "README.md")
    programs.git("status", "-s", cwd=repository)
    programs.git("commit", "-qam", "third", cwd=repository)

    seen = touches(client, session)

    assert {Touch("write", "pkg1/m1.py"), Touch("read", "README.md")} <= set(seen)
    assert scans(client, session) == []


@pytest.mark.parametrize(("pause", "files", "rows"), [(2, 300, 5), (10, 200, 100)])
def test_a_linter_that_walks_slowly_is_a_scan(
    repository: Path, client: Client, session: Session, programs: Programs, pause: int, files: int, rows: int
) -> None:
    programs.python(_LINTER, repository, str(pause), str(files))

    found = scans(client, session)

    seen = touches(client, session)
    assert len(seen) <= rows
    assert sum(one.reads for one in found) + len(seen) == files
    assert len({one.burst_id for one in found}) == 1


def test_all_that_is_seen_is_accounted_for(
    repository: Path, client: Client, session: Session, programs: Programs
) -> None:
    client.flush()
    before = client.status().watch

    programs.run("grep", "-rc", "--include=*.py", "x = ", ".", cwd=repository)
    programs.git("checkout", "-q", "none", cwd=repository)
    programs.git("checkout", "-q", "all", cwd=repository)
    (repository / "README.md").write_text("# Else\n")

    client.flush()
    now = client.status().watch
    assert now.events_seen - before.events_seen > 1_800
    assert now.events_seen - before.events_seen == sum(
        getattr(now, name) - getattr(before, name) for name in ("events_recorded", "events_coalesced", "events_ignored")
    )
    assert (now.overflows, now.gaps) == (before.overflows, before.gaps)
