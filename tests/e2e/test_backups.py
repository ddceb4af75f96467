"""Backups of a daemon that is used at full speed, and restores by it, without it, and elsewhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from omnimem import BackupNotFound, Client
from omnimem.model import Backup, EntryKind
from tests.e2e.daemons import run_to_end, running
from tests.e2e.homes import Home, a_home
from tests.e2e.programs import Programs
from tests.e2e.test_kill_nine import said_of, token_of, writing
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "pidfd")


def answered(log: Path) -> dict[str, str]:
    """Return the kinds of the requests that were answered so far, by token."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return {words[2]: words[1] for words in lines[:-1] if words[0] == "answered"}  # the last may be cut short


def decisions(client: Client, session_id: str) -> set[str]:
    page = client.list_entries(session_id, kind=EntryKind.DECISION, limit=1000)
    return {said_of(one) for one in page.entries}


def in_place(client: Client, backup_id: str) -> bool:
    return backup_id in {one.backup_id for one in client.list_backups().backups}


def test_a_backup_made_while_eight_write_has_elsewhere_all_that_was_answered_before(
    empty_home: Home, programs: Programs
) -> None:
    tool = programs.tool()
    made: list[tuple[Backup, dict[str, str]]] = []
    with running(empty_home) as daemon, daemon.client(timeout=60) as client:
        session = client.create_session(
            tool_id="t", workspace_path=str(empty_home.folder()), process_id=tool.pid, session_id="s"
        )
        with writing(empty_home, session, name="w") as writers:
            for number in range(3):
                writers.wait_for(150 * (number + 1))
                before = {token: kind for log in writers.logs for token, kind in answered(log).items()}
                made.append((client.create_backup(), before))

    for backup, before in made:
        assert before
        with a_home() as elsewhere:
            folder = elsewhere.data_dir / "backups"
            folder.mkdir(parents=True)
            shutil.copy(backup.path, folder)
            with running(elsewhere, "--restore", backup.backup_id) as daemon, daemon.client(timeout=60) as client:
                entries, after = [], 0
                while (page := client.list_entries("s", after=after, limit=1000)).entries:
                    entries += page.entries
                    after = page.entries[-1].entry_id
                there = {token_of(one, session) for one in entries if one.kind is not EntryKind.GAP}
                for token, kind in before.items():
                    if "memory" in kind:
                        assert client.get_memory(session.project_id, key=token, touch=False).memory_value == token
                    assert token in there, kind


def test_a_restore_and_its_undoing_by_the_daemon_that_serves(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        client.create_session(tool_id="t", workspace_path=str(empty_home.folder()), session_id="s")
        client.append_context("s", decision="then")
        backup = client.create_backup()
        client.append_context("s", decision="now")

        undo = client.restore_backup(backup.backup_id).undo_backup_id
        assert undo is not None
        with daemon.client() as another:
            eventually(lambda: in_place(another, undo), "the restore")
            restored = decisions(another, "s")
            again = another.restore_backup(undo).undo_backup_id
        assert again is not None
        with daemon.client() as another:
            eventually(lambda: in_place(another, again), "the undoing")
            undone = decisions(another, "s")

    assert restored == {"then"}
    assert undone == {"then", "now"}


def test_the_command_starts_a_daemon_that_does_not_run_with_the_backup_in_place(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        client.create_session(tool_id="t", workspace_path=str(empty_home.folder()), session_id="s")
        backup = client.create_backup()
        client.append_context("s", decision="now")

    def omnimem(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "omnimemd.cli.main", *arguments]
        return subprocess.run(command, env=empty_home.environ, capture_output=True, text=True, check=False)

    done = omnimem("backup", "restore", backup.backup_id, "--yes")
    try:
        assert done.returncode == 0, done.stderr
        assert "To undo it: omnimem backup restore backup_" in done.stderr
        with Client(empty_home.socket) as client:
            assert decisions(client, "s") == set()
    finally:
        stopped = omnimem("stop")
    assert stopped.returncode == 0


def test_a_backup_that_is_not_there_is_named_and_nothing_is_touched(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        client.create_session(tool_id="t", workspace_path=str(empty_home.folder()), session_id="s")
        with pytest.raises(BackupNotFound):
            client.restore_backup("backup_20200101T000000000Z_client_0000")

    refused = run_to_end(empty_home, "--restore", "newest")

    assert refused.process.returncode == 1
    assert "There is no backup 'newest'" in refused.log
    with running(empty_home) as daemon, daemon.client() as client:
        assert client.get_session("s").session_id == "s"
