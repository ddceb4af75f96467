"""`omnimem memory`, `workspace` and `project`."""

import json

import pytest

from tests.cli.home import Home


def memory(running: Home, key: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(running.omnimem("memory", "get", key, "--json", "--no-touch").out)
    return found


def test_a_memory_is_kept_for_the_project_of_the_folder(running: Home) -> None:
    (running.app / "sub").mkdir(exist_ok=True)
    running.shell("git init --quiet . 2>&1")

    running.omnimem("memory", "add", "where", "here")

    assert running.shell("cd sub && omnimem memory get where").out == "here\n"
    assert running.shell("cd / && omnimem memory get where").status == 1


def test_a_memory_can_be_kept_for_another_project(running: Home) -> None:
    running.omnimem("memory", "add", "far", "away", "--project", "elsewhere")

    assert running.omnimem("memory", "get", "far", "--project", "elsewhere").out == "away\n"
    assert running.omnimem("memory", "get", "far").status == 1


@pytest.mark.parametrize("value", [[], ["-"]])
def test_a_value_comes_from_stdin(running: Home, value: list[str]) -> None:
    done = running.omnimem("memory", "add", "piped", *value, stdin="one\ntwo\n\n")

    assert done.status == 0
    assert memory(running, "piped")["memory_value"] == "one\ntwo\n"


def test_bytes_that_are_no_text_are_refused(running: Home) -> None:
    done = running.shell("printf '\\377' | omnimem memory add bytes")

    assert (done.status, "UTF-8" in done.err) == (1, True)


def test_an_empty_value_is_refused(running: Home) -> None:
    done = running.omnimem("memory", "add", "empty")

    assert done.status == 1
    assert done.err.startswith("error: value: ")


def test_a_memory_has_what_it_was_given(running: Home, session: str) -> None:
    line = f"memory add full value --ttl 7d --session {session} --file a.py --file b.py --quiet --metadata"

    done = running.omnimem(*line.split(), '{"why": "because"}')

    kept = memory(running, "full")
    assert done.out == f"{kept['memory_id']}\n"
    assert [kept[name] for name in ("ttl_seconds", "session_id", "files", "metadata")] == [
        604_800,
        session,
        [str(running.app / "a.py"), str(running.app / "b.py")],
        {"why": "because"},
    ]
    assert "It expires" in running.omnimem("memory", "get", "full").err


def test_a_write_on_top_of_another_is_noticed(running: Home) -> None:
    new = running.omnimem("memory", "add", "race", "1", "--expected-version", "0")
    lost = running.omnimem("memory", "add", "race", "2", "--expected-version", "0")
    seen = running.omnimem("memory", "add", "race", "2", "--expected-version", "1")

    assert [new.status, lost.status, seen.status] == [0, 1, 0]
    assert memory(running, "race")["version"] == 2


def test_a_memory_goes_and_comes_back(running: Home) -> None:
    running.omnimem("memory", "add", "back", "first")
    running.omnimem("memory", "add", "back", "second")
    kept = str(memory(running, "back")["memory_id"])

    restored = running.omnimem("memory", "restore", "back", "1")
    deleted = running.omnimem("memory", "delete", "back")
    gone = running.omnimem("memory", "get", "back")
    history = running.omnimem("memory", "history", kept)
    again = running.omnimem("memory", "restore", kept, "2", "--quiet")

    assert restored.err == "back is at version 3, which says what 1 said.\n"
    assert f"omnimem memory restore {kept} VERSION" in deleted.err
    assert gone.status == 1
    assert [line.split()[0] for line in history.lines] == ["VERSION", "4", "3", "2", "1"]
    assert "(deleted)" in history.lines[1]
    assert (again.out, running.omnimem("memory", "get", kept).out) == (f"{kept}\n", "second\n")


def test_an_erasure_needs_somebody_who_means_it(running: Home) -> None:
    running.omnimem("memory", "add", "secret", "x")
    kept = str(memory(running, "secret")["memory_id"])

    refused = running.omnimem("memory", "delete", "secret", "--purge")
    with running.terminal("memory", "delete", "secret", "--purge") as terminal:
        terminal.until("Erase secret")
        terminal.until("[y/N]")
        terminal.type("n\n")
        declined = terminal.ended()
    agreed = running.omnimem("memory", "delete", "secret", "--purge", "--yes")

    assert [refused.status, declined, agreed.status] == [2, 1, 0]
    assert running.omnimem("memory", "history", kept).status == 1


def test_a_memory_is_confirmed(running: Home) -> None:
    running.omnimem("memory", "add", "holds", "x")

    assert running.omnimem("memory", "confirm", "holds").err == "holds still holds.\n"
    assert json.loads(running.omnimem("memory", "confirm", "holds", "--json").out)["memory_key"] == "holds"


def test_only_reads_that_count_are_counted(running: Home) -> None:
    running.omnimem("memory", "add", "counted", "x")
    before = memory(running, "counted")["accessed_count"]

    running.omnimem("memory", "history", "counted")
    running.omnimem("memory", "confirm", "counted")
    running.omnimem("memory", "list", "--no-touch")
    peeked = memory(running, "counted")["accessed_count"]
    running.omnimem("memory", "get", "counted")

    assert peeked == before
    assert memory(running, "counted")["accessed_count"] != before


def test_memories_are_listed(running: Home) -> None:
    for number in range(3):
        running.omnimem("memory", "add", f"key-{number}", "line\nbreak", "--project", "listed")

    done = running.omnimem("memory", "list", "--project", "listed", "--limit", "2")

    assert len(done.lines) == 3
    assert done.lines[1].startswith("key-")
    assert done.lines[1].endswith("line\\nbreak")


def test_a_folder_is_watched_until_it_is_removed(running: Home) -> None:
    (running.app / "watched").mkdir(exist_ok=True)
    path = str(running.app / "watched")

    added = running.omnimem("workspace", "add", "watched")
    again = running.omnimem("workspace", "add", path, "--json")
    listed = running.omnimem("workspace", "list", "--quiet")
    removed = running.shell("cd watched && omnimem workspace remove")
    nothing = running.omnimem("workspace", "remove", path)

    assert added.err == "~/src/app/watched is watched from now on.\n"
    assert json.loads(again.out)["path"] == path
    assert path in listed.lines
    assert removed.err == "~/src/app/watched is watched only while a session is active in it.\n"
    assert (nothing.status, "was not added" in nothing.err) == (1, True)
    assert path not in running.omnimem("workspace", "list", "--quiet").lines


def test_a_folder_that_is_not_there_cannot_be_watched(running: Home) -> None:
    done = running.omnimem("workspace", "add", "nosuch")

    assert done.status == 2
    assert "nosuch" in done.err


def test_what_is_wrong_with_a_folder_is_said(running: Home) -> None:
    (running.app / "going").mkdir()
    running.omnimem("workspace", "add", "going")
    (running.app / "going").rmdir()
    running.omnimem("workspace", "list")
    with running.client() as client:
        client.flush()

    listed = running.omnimem("workspace", "list")
    status = running.omnimem("status")
    running.omnimem("workspace", "remove", "going")

    problem = "~/src/app/going: There is no directory"
    assert problem in listed.out
    assert problem in status.out
    assert "limited" in status.out


def test_projects_are_shown(running: Home) -> None:
    running.omnimem("memory", "add", "key", "value")

    here = running.omnimem("project", "show", "--quiet").out.strip()

    assert here in running.omnimem("project", "list", "--quiet").lines
    assert "~/src/app" in running.omnimem("project", "show").out
    assert "~/src/app" in running.omnimem("project", "list").out
    assert running.omnimem("project", "show", "nosuch-project").status == 1
