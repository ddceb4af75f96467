"""`omnimem export` and `omnimem import`: files that are whole and private, and counts that are true."""

import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from omnimem.model import ImportProgress
from tests.cli.home import Home


@pytest.fixture
def file(running: Home) -> Iterator[Path]:
    """An export of the project, which holds a memory of two versions."""
    for value in ("make check", "make test"):
        assert running.omnimem("memory", "add", "test-command", value).status == 0
    file = running.app / "export.jsonl"
    assert running.omnimem("export", "-o", "export.jsonl").status == 0
    yield file
    file.unlink(missing_ok=True)
    assert running.omnimem("memory", "delete", "test-command", "--purge", "--yes").status == 0


def imported(home: Home, *arguments: str, stdin: str | None = None) -> ImportProgress:
    done = home.omnimem("import", *arguments, "--json", stdin=stdin)
    assert done.status == 0, done.err
    return msgspec.json.decode(done.out, type=ImportProgress)


def test_a_file_is_its_users_alone_and_is_not_replaced_unasked(running: Home, file: Path) -> None:
    before = file.read_bytes()

    refused = running.omnimem("export", "-o", "export.jsonl")
    replaced = running.omnimem("export", "-o", "export.jsonl", "--force", "--for-git")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (refused.status, "--force" in refused.err) == (1, True)
    assert replaced.status == 0
    assert file.read_bytes() != before
    assert [one.name for one in running.app.iterdir() if one.name.startswith(".export")] == []


def test_nothing_is_left_of_an_export_that_fails(running: Home) -> None:
    done = running.omnimem("export", "--project", "nobody", "-o", "none.jsonl")

    assert (done.status, "No project" in done.err) == (1, True)
    assert [one.name for one in running.app.iterdir() if "none" in one.name] == []


@pytest.mark.parametrize("place", ["no/such/folder.jsonl", "."])
def test_a_place_that_cannot_be_written_is_told(running: Home, place: str) -> None:
    done = running.omnimem("export", "-o", place)

    assert done.status == 1
    assert "error:" in done.err


def test_stdout_gets_the_lines_and_nothing_else(running: Home, file: Path) -> None:
    done = running.omnimem("export", "--json")

    assert (done.status, done.err) == (0, "")
    assert [msgspec.json.decode(line)["type"] for line in done.lines][:3] == ["header", "project", "memory"]


def test_a_project_is_named_by_a_path_too(running: Home, file: Path) -> None:
    by_path = running.omnimem("export", "--project", str(running.app), "--for-git")
    of_folder = running.omnimem("export", "--for-git")

    assert by_path.out == of_folder.out


def test_importing_again_changes_nothing_and_says_so(running: Home, file: Path) -> None:
    done = running.omnimem("import", "export.jsonl")

    assert done.status == 0
    assert "Nothing was changed" in done.err
    assert done.lines[0].split() == ["ADDED", "UPDATED", "UNCHANGED", "CONFLICTING"]


def test_a_file_goes_into_another_project_and_through_stdin(running: Home, file: Path) -> None:
    first = imported(running, "-", "--project", "elsewhere", stdin=file.read_text().rstrip("\n"))
    again = imported(running, "export.jsonl", "--project", "elsewhere")

    assert (first.memories.added, first.versions.added) == (1, 2)
    assert (again.memories.unchanged, again.versions.unchanged) == (1, 2)
    assert running.omnimem("memory", "get", "test-command", "--project", "elsewhere").out == "make test\n"


def test_a_conflict_is_told_and_settled_only_when_asked(running: Home, file: Path) -> None:
    for value in ("one", "two"):
        running.omnimem("memory", "add", "test-command", value, "--project", "torn")

    kept = running.omnimem("import", "export.jsonl", "--project", "torn")
    value_kept = running.omnimem("memory", "get", "test-command", "--project", "torn").out
    taken = imported(running, "export.jsonl", "--project", "torn", "--on-conflict", "theirs")
    again = imported(running, "export.jsonl", "--project", "torn", "--on-conflict", "theirs")

    assert kept.status == 0
    assert "memory test-command: from version 1 on" in kept.err
    assert value_kept == "two\n"
    assert (taken.memories.updated, again.memories.unchanged) == (1, 1)
    assert running.omnimem("memory", "get", "test-command", "--project", "torn").out == "make test\n"
    assert len(running.omnimem("memory", "history", "test-command", "--project", "torn", "--quiet").lines) == 4


def test_a_dry_run_changes_nothing(running: Home, file: Path) -> None:
    done = running.omnimem("import", "export.jsonl", "--project", "untouched", "--dry-run")

    assert (done.status, "Nothing was changed" in done.err) == (0, True)
    assert running.omnimem("project", "show", "untouched").status == 1


def test_a_file_that_is_cut_off_is_told(running: Home, file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))

    done = running.omnimem("import", "export.jsonl")

    assert (done.status, "cut off" in done.err) == (1, True)


@pytest.mark.parametrize(("content", "said"), [("", "empty"), ("hello\n", "Line 1"), ('{"type":"x"}\n', "line 1")])
def test_what_is_no_export_is_refused(running: Home, content: str, said: str) -> None:
    done = running.omnimem("import", "-", stdin=content)

    assert (done.status, said in done.err) == (1, True), done.err


def test_a_file_that_is_not_there_is_told(running: Home) -> None:
    assert "cannot be read" in running.omnimem("import", "nothing.jsonl").err
