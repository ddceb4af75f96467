"""`omnimem backup`: what people are told, and asked."""

import re

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
    assert "  1 of 2 versions of memories would be gone\n" in refused.err
    assert "Z" not in refused.err.splitlines()[0]  # times are local
    assert running.omnimem("memory", "get", "later").status == 0


def test_a_restore_says_how_to_undo_it_and_that_undoes_it(running: Home) -> None:
    (backup,) = running.omnimem("backup", "list", "--quiet").lines
    running.omnimem("memory", "add", "later", "v")

    done = running.omnimem("backup", "restore", backup, "--yes")
    restored = running.omnimem("memory", "get", "later").status
    undo = done.err.rpartition("omnimem backup restore ")[2].strip()
    running.omnimem("backup", "restore", undo, "--yes")

    assert (done.status, restored) == (0, 1)
    assert "  1 of 2 versions of memories would be gone\n" in done.err
    assert running.omnimem("memory", "get", "later").status == 0


def test_a_damaged_backup_is_told(running: Home) -> None:
    (listed,) = running.omnimem("backup", "list", "--quiet").lines
    file = next(running.path.rglob(f"{listed}.db"))
    with file.open("r+b") as backup:
        backup.seek(4096)
        backup.write(b"\xa5" * 12_000)

    told = running.omnimem("backup", "verify")

    again = running.omnimem("backup", "list")
    refused = running.omnimem("backup", "restore", listed, "--yes")

    assert told.status == 1
    assert f"{listed}  damaged: " in told.out
    assert f"`omnimem backup delete {listed}`" in told.err
    assert again.lines[1].endswith("damaged")
    assert (refused.status, "omnimem backup delete" in refused.err) == (1, True)


def test_who_says_no_is_told_so_and_not_of_an_error(running: Home) -> None:
    (backup,) = running.omnimem("backup", "list", "--quiet").lines
    with running.terminal("backup", "restore", backup) as terminal:
        terminal.until("[y/N]")
        terminal.type("n\n")
        terminal.until("Nothing was changed.")
        declined = terminal.ended()
        shown = terminal.shown

    assert declined == 1
    assert "error" not in shown


def test_backups_are_listed_and_verified_without_a_daemon_as_with_one(running: Home) -> None:
    told = [running.omnimem("backup", verb, "--json").out for verb in ("list", "verify")]
    running.omnimem("stop")

    without = [running.omnimem("backup", verb, "--json") for verb in ("list", "verify")]
    other = running.omnimem("backup", "verify", "backup_20200101T000000000Z_client_0000")

    assert [one.out for one in without] == told
    assert [one.status for one in without] == [0, 0]
    assert (other.status, "No backup" in other.err) == (1, True)


def test_that_nothing_could_be_restored_is_said_at_once_and_after_a_restore_no_more_once_it_was_seen(
    running: Home,
) -> None:
    (backup,) = running.omnimem("backup", "list", "--quiet").lines
    running.omnimem("stop")
    kept = next(running.path.rglob(f"{backup}.db"))
    copy = kept.rename(running.path / "elsewhere")
    database = kept.parent.parent / "omnimem.db"
    database.write_bytes(b"\xa5" * 40_000)

    started = running.omnimem("start")
    status = running.omnimem("status")
    running.omnimem("doctor", "--repair")
    copy.rename(kept)
    running.omnimem("backup", "restore", backup, "--yes")
    after = running.omnimem("status")

    (quarantined,) = (kept.parent.parent / "quarantine").iterdir()
    for told in (started.err, status.out):
        assert "NOTHING COULD BE RESTORED" in told
        assert f"`sqlite3 {quarantined}/omnimem.db .recover`" in told
        assert re.search(r"before \d{4}-\d\d-\d\d \d\d:\d\d:\d\d is not there", told)
    assert "and nothing could be restored" in status.out
    assert "NOTHING" not in after.out


def test_the_doctor_tells_of_them_without_a_daemon(home: Home) -> None:
    home.start()
    home.omnimem("backup", "create")
    home.omnimem("stop")

    done = home.omnimem("doctor")

    assert re.search(r"^ok    backups +1, the newest of \d{4}-", done.out, re.MULTILINE), done.out
