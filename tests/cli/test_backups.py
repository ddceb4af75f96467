"""`omnimem backup`: what people are told, and asked."""

import pytest

from tests.cli.home import Home


@pytest.fixture
def running(home: Home) -> Home:
    """A home of its own, in which a daemon runs and there is one backup."""
    home.start()
    home.omnimem("memory", "add", "secret", "v")
    home.omnimem("backup", "create")
    return home


def test_who_erases_is_told_which_backups_hold_it_still_and_how_to_erase_those(running: Home) -> None:
    erased = running.omnimem("memory", "delete", "secret", "--purge", "--yes")
    running.omnimem("backup", "delete", "--all", "--yes")
    left = running.omnimem("backup", "list", "--quiet")

    assert "1 backup made before may still hold it" in erased.err
    assert "`omnimem backup delete --all`" in erased.err
    assert left.out == ""


def test_nobody_is_there_to_ask_so_nothing_is_restored(running: Home) -> None:
    (backup,) = running.omnimem("backup", "list", "--quiet").lines
    running.omnimem("memory", "add", "later", "v")

    refused = running.omnimem("backup", "restore", backup)

    assert refused.status == 2
    assert "1 version of a memory of 2 would be gone" in refused.err
    assert running.omnimem("memory", "get", "later").status == 0


def test_a_restore_says_how_to_undo_it_and_that_undoes_it(running: Home) -> None:
    (backup,) = running.omnimem("backup", "list", "--quiet").lines
    running.omnimem("memory", "add", "later", "v")

    done = running.omnimem("backup", "restore", backup, "--yes")
    restored = running.omnimem("memory", "get", "later").status
    undo = done.err.rpartition("omnimem backup restore ")[2].strip()
    running.omnimem("backup", "restore", undo, "--yes")

    assert (done.status, restored) == (0, 1)
    assert running.omnimem("memory", "get", "later").status == 0


def test_a_damaged_backup_is_told(running: Home) -> None:
    (listed,) = running.omnimem("backup", "list", "--quiet").lines
    file = next(running.path.rglob(f"{listed}.db"))
    with file.open("r+b") as backup:
        backup.seek(4096)
        backup.write(b"\xa5" * 12_000)

    told = running.omnimem("backup", "verify")

    assert told.status == 1
    assert f"{listed}  damaged: " in told.out
