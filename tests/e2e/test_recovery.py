"""What changes while nobody sees it is found out and told, once: while the daemon is down, and when it was killed."""

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import EntryKind, GapEntry, Session
from tests.e2e.daemons import Daemon, running
from tests.e2e.databases import baseline_of, has_baselines
from tests.e2e.homes import Home
from tests.e2e.recorded import Touch, accesses, millis, relative, touches
from tests.e2e.waiting import eventually, now_ms

pytestmark = pytest.mark.needs("inotify", "pidfd")

FILES = {
    "written.py": "1",
    "untouched.py": "1",
    "deleted.py": "1",
    "renamed.py": "1",
    "old/a.py": "1",
    "old/deep/b.py": "1",
    "gone/c.py": "1",
    ".gitignore": "*.log\n",
    "ignored.log": "1",
}


def change_everything(root: Path) -> None:
    """Do each kind of thing to files, unseen."""
    (root / "written.py").write_text("22")
    (root / "new.py").write_text("1")
    (root / "deleted.py").unlink()
    (root / "renamed.py").rename(root / "renamed_2.py")
    (root / "old").rename(root / "fresh")
    shutil.rmtree(root / "gone")
    (root / "ignored.log").write_text("22")
    (root / "untouched.py").chmod(0o600)


def everything_changed(root: Path) -> Counter[tuple[str, str, str | None]]:
    """Return what `change_everything` is, as access, path and old path."""
    return Counter(
        {
            ("write", "written.py", None): 1,
            ("create", "new.py", None): 1,
            ("delete", "deleted.py", None): 1,
            ("move", "renamed_2.py", str(root / "renamed.py")): 1,
            ("move", "fresh/a.py", str(root / "old/a.py")): 1,
            ("move", "fresh/deep/b.py", str(root / "old/deep/b.py")): 1,
            ("delete", "gone/c.py", None): 1,
        }
    )


def a_session(client: Client, root: Path) -> Session:
    """Begin a session of the test's own process, which goes on living."""
    return client.create_session(tool_id="tool", workspace_path=str(root), process_id=os.getpid())


def changes(client: Client, session: Session) -> Counter[tuple[str, str, str | None]]:
    client.flush()
    found = accesses(client, session.session_id)
    return Counter((str(one.access), relative(one.path, session), one.old_path) for one in found)


def gaps(client: Client, session: Session) -> list[GapEntry]:
    client.flush()
    found = client.list_entries(session.session_id, kind=EntryKind.GAP).entries
    return [one for one in found if isinstance(one, GapEntry)]


def with_a_baseline(daemon: Daemon, home: Home, root: Path) -> Session:
    """Begin a session in *root*, and wait until the daemon knows its files."""
    with daemon.client() as client:
        session = a_session(client, root)
    eventually(lambda: has_baselines(home), "a baseline")
    return session


@pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill], ids=["stopped", "killed"])
def test_what_changed_while_no_daemon_ran_is_told_once(empty_home: Home, end: object) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon:
        session = with_a_baseline(daemon, empty_home, root)
        before = now_ms()
        assert callable(end)
        end(daemon)

    change_everything(root)

    with running(empty_home) as daemon, daemon.client() as client:
        assert changes(client, session) == everything_changed(root)
        (gap,) = gaps(client, session)
        assert (gap.reason, gap.reads_unknown, gap.recovered) == ("daemon_down", True, 7)
        assert millis(gap.started_at) <= millis(gap.ended_at) <= now_ms()
        assert millis(gap.started_at) <= before + 1000
        daemon.stop()

    with running(empty_home) as daemon, daemon.client() as client:
        assert changes(client, session) == everything_changed(root)
        assert [gap.recovered for gap in gaps(client, session)] == [7, 0]


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "after it settled"])
def test_what_was_recorded_before_a_kill_is_not_told_again(empty_home: Home, wait: bool) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon:
        session = with_a_baseline(daemon, empty_home, root)
        change_everything(root)
        with daemon.client() as client:
            told = changes(client, session)
        if wait:
            eventually(
                lambda: baseline_of(empty_home, "fresh") and not baseline_of(empty_home, "old"), "a fresh baseline"
            )
        daemon.kill()

    (root / "written.py").write_text("333")
    (root / "new.py").unlink()
    (root / "deleted.py").write_text("again")

    with running(empty_home) as daemon, daemon.client() as client:
        after = changes(client, session)
        assert told == everything_changed(root)
        assert after - told == Counter(
            {
                ("write", "written.py", None): 1,
                ("delete", "new.py", None): 1,
                ("create", "deleted.py", None): 1,
            }
        )
        assert [gap.recovered for gap in gaps(client, session)] == [3]


def test_a_stop_without_changes_is_a_gap_of_the_session_that_goes_on(empty_home: Home) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon:
        session = with_a_baseline(daemon, empty_home, root)
    with running(empty_home) as daemon, daemon.client() as client:
        assert [(gap.reason, gap.recovered) for gap in gaps(client, session)] == [("daemon_down", 0)]
        assert touches(client, session) == []


def test_an_ambient_session_is_opened_for_what_changed_not_for_nothing(empty_home: Home) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon, daemon.client() as client:
        client.add_workspace(path=str(root))
        eventually(lambda: has_baselines(empty_home), "a baseline")
    with running(empty_home) as daemon, daemon.client() as client:
        client.flush()
        assert client.list_sessions().sessions == []
    (root / "written.py").write_text("22")
    with running(empty_home) as daemon, daemon.client() as client:
        client.flush()
        (session,) = client.list_sessions().sessions
        assert session.tool_id == "ambient"
        assert touches(client, session) == [Touch("write", "written.py")]
        assert [gap.recovered for gap in gaps(client, session)] == [1]


def test_of_a_folder_that_nobody_watched_nothing_is_told(empty_home: Home) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon:
        session = with_a_baseline(daemon, empty_home, root)
        with daemon.client() as client:
            client.end_session(session.session_id)
            eventually(lambda: has_baselines(empty_home, 0), "the baseline forgotten")
    change_everything(root)
    with running(empty_home) as daemon, daemon.client() as client:
        again = a_session(client, root)
        assert touches(client, again) == []
        assert gaps(client, again) == []
        assert touches(client, session) == []


def test_what_changed_while_the_kernel_dropped_events_is_told_after_its_gap(empty_home: Home) -> None:
    root = empty_home.folder({**FILES, "flood_1": "", "flood_2": ""})
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with running(empty_home) as daemon, daemon.client(timeout=30) as client:
        session = with_a_baseline(daemon, empty_home, root)
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            for number in range(limit + 1000):  # in turn: equal neighbours are folded
                os.close(os.open(root / f"flood_{number % 2 + 1}", os.O_RDONLY))
            change_everything(root)
        finally:
            os.kill(daemon.pid, signal.SIGCONT)

        (gap,) = gaps(client, session)
        told = changes(client, session)
        watch = client.status().watch

    assert (gap.reason, gap.recovered) == ("overflow", 7)
    assert +Counter({what: count for what, count in told.items() if what[0] != "read"}) == everything_changed(root)
    assert (watch.overflows, watch.resyncs, watch.gaps) == (1, 1, 1)


def test_what_changed_in_a_root_while_it_was_away_is_told_when_it_is_back(empty_home: Home) -> None:
    root = empty_home.folder(FILES)
    away = root.with_name("away")
    with running(empty_home) as daemon, daemon.client(timeout=30) as client:
        session = with_a_baseline(daemon, empty_home, root)
        root.rename(away)
        eventually(lambda: client.list_workspaces().workspaces[0].state == "gone", "the root is gone")
        change_everything(away)
        away.rename(root)
        eventually(lambda: gaps(client, session), "a gap")

        assert [(gap.reason, gap.recovered) for gap in gaps(client, session)] == [("root_gone", 7)]
        assert changes(client, session) == everything_changed(root)


def test_what_a_rule_ignores_from_now_on_is_neither_gone_nor_new_later(empty_home: Home) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon, daemon.client() as client:
        session = with_a_baseline(daemon, empty_home, root)
        (root / ".gitignore").write_text("old/\n")
        client.flush()
        daemon.kill()
    with running(empty_home) as daemon, daemon.client() as client:
        assert changes(client, session) == Counter({("write", ".gitignore", None): 1})
        (root / ".gitignore").write_text("*.log\n")
        client.flush()
        daemon.kill()
    with running(empty_home) as daemon, daemon.client() as client:
        assert changes(client, session) == Counter({("write", ".gitignore", None): 2})
