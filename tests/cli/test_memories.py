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
    assert done.err.startswith("error: argument VALUE: ")


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
    assert f"omnimem memory restore {kept} 3`" in deleted.err
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


def test_what_is_deleted_is_found_by_its_key(running: Home) -> None:
    running.omnimem("memory", "add", "once", "first", "--project", "gone")
    running.omnimem("memory", "delete", "once", "--project", "gone")

    listed = running.omnimem("memory", "list", "--deleted", "--project", "gone")
    history = running.omnimem("memory", "history", "once", "--project", "gone")
    restored = running.omnimem("memory", "restore", "once", "1", "--project", "gone")
    running.omnimem("memory", "delete", "once", "--project", "gone")
    erased = running.omnimem("memory", "delete", "once", "--purge", "--yes", "--project", "gone")

    assert listed.lines[1].split()[:2] == ["once", "deleted"]
    assert [line.split()[0] for line in history.lines] == ["VERSION", "2", "1"]
    assert (restored.status, erased.err) == (0, "Erased once.\n")
    for verb in ("history", "diff", "delete"):
        assert running.omnimem("memory", verb, "once", "--project", "gone").status == 1
    assert (
        "No memory of this project is deleted"
        in running.omnimem("memory", "list", "--deleted", "--project", "gone").err
    )


def test_what_is_gone_says_when_and_how_it_comes_back(running: Home) -> None:
    running.omnimem("memory", "add", "left", "first", "--project", "gone")
    kept = running.omnimem("memory", "list", "--project", "gone", "--quiet").out.strip()
    running.omnimem("memory", "delete", "left", "--project", "gone")

    read = running.omnimem("memory", "get", "left", "--project", "gone")
    again = running.omnimem("memory", "delete", "left", "--project", "gone")

    assert read.status == 1
    assert read.err.startswith("error: left was deleted, ")
    assert f"omnimem memory history {kept}" in read.err
    assert (again.status, again.out) == (0, "")
    assert again.err.startswith("left was deleted, ")


def test_a_list_says_what_it_leaves_out_and_shows_the_beginning_of_long_texts(running: Home) -> None:
    for key in ("one", "two", "three" * 200):
        running.omnimem("memory", "add", key, "word " * 1000, "--project", "many")

    some = running.omnimem("memory", "list", "--project", "many", "--limit", "2")
    all_of_them = running.omnimem("memory", "list", "--project", "many", "--limit", "3")
    stored = running.omnimem("memory", "history", "one", "--project", "many")

    assert some.err == "1 memory is not shown; `omnimem search` finds what they say.\n"
    assert all_of_them.err == ""
    assert max(len(line) for line in (*some.lines, *all_of_them.lines, *stored.lines)) < 300
    assert all(line.endswith("…") for line in all_of_them.lines[1:])
    assert running.omnimem("memory", "get", "one", "--project", "many").out == "word " * 1000 + "\n"


def test_a_difference_is_a_unified_diff(running: Home) -> None:
    running.omnimem("memory", "add", "steps", "-", stdin="build\ntest\nship\n")
    running.omnimem("memory", "add", "steps", "-", "--metadata", '{"why": "ci"}', stdin="build\nlint\x1b\nship\n")
    running.omnimem("memory", "add", "steps", "all", "--metadata", '{"why": "ci"}')

    changed = running.omnimem("memory", "diff", "steps", "1", "2")
    last = running.omnimem("memory", "diff", "steps")
    first = running.omnimem("memory", "diff", "steps", "1")
    same = running.omnimem("memory", "diff", "steps", "2", "2")
    missing = running.omnimem("memory", "diff", "steps", "9")

    assert changed.lines[0].startswith("--- steps, version 1, ")
    assert changed.lines[1].startswith("+++ steps, version 2, ")
    assert changed.lines[2:7] == ["@@ -1,3 +1,3 @@", " build", "-test", "+lint\\x1b", " ship"]
    assert changed.lines[7].startswith("--- metadata of steps, version 1, ")
    assert '+  "why": "ci"' in changed.lines
    assert [line for line in last.lines if line[0] in "+-"][2:] == ["-build", "-lint\\x1b", "-ship", "+all"]
    assert first.lines[1].startswith("+++ steps, version 3, ")
    assert (same.out, same.err) == ("", "Versions 2 and 2 say the same.\n")
    assert (missing.status, "no version 9" in missing.err) == (1, True)


def test_the_first_version_differs_from_nothing(running: Home) -> None:
    running.omnimem("memory", "add", "only", "one")

    done = running.omnimem("memory", "diff", "only")

    assert done.lines[0] == "--- nothing"
    assert done.lines[2:] == ["@@ -0,0 +1 @@", "+one"]


def test_a_project_goes_back_to_a_moment(running: Home) -> None:
    def say(key: str, value: str) -> None:
        assert running.omnimem("memory", "add", key, value, "--project", "past").status == 0

    def rewind(*flags: str) -> tuple[int, list[str], str]:
        done = running.omnimem("memory", "rewind", "--to", moment, "--project", "past", *flags)
        return done.status, [line.split()[0] for line in done.lines[1:]], done.err

    say("kept", "x")
    say("changed", "before")
    listed = running.omnimem("memory", "list", "--json", "--project", "past")
    moment = max(str(one["updated_at"]) for one in json.loads(listed.out)["memories"])
    say("changed", "after")
    say("new", "y")

    preview, refused, done, again = rewind("--dry-run"), rewind(), rewind("--yes"), rewind("--yes")

    assert preview == (0, ["changed", "new"], "Nothing is changed yet.\n")
    assert refused[:2] == (2, ["changed", "new"])
    assert "Add --yes" in refused[2]
    assert done[:2] == (0, ["changed", "new"])
    assert again[:2] == (0, [])
    assert running.omnimem("memory", "get", "changed", "--project", "past").out == "before\n"
    assert running.omnimem("memory", "get", "new", "--project", "past").status == 1
    then = running.omnimem("memory", "list", "--as-of", moment, "--project", "past", "--quiet")
    assert len(then.lines) == 2
    assert running.omnimem("memory", "list", "--as-of", "2001-01-01", "--project", "past").err.endswith("then.\n")


def test_a_memory_is_read_as_it_was(running: Home) -> None:
    running.omnimem("memory", "add", "was", "before")
    moment = str(memory(running, "was")["updated_at"])
    running.omnimem("memory", "add", "was", "after")

    assert running.omnimem("memory", "get", "was", "--as-of", moment).out == "before\n"
    assert running.omnimem("memory", "get", "was", "--as-of", "2001-01-01").status == 1


@pytest.mark.parametrize("moment", ["", "yesterday", "25:00", "2026-02-30", "2h ago", "99999999999d"])
def test_what_is_no_moment_is_wrong_usage(running: Home, moment: str) -> None:
    done = running.omnimem("memory", "rewind", "--to", moment)

    assert (done.status, "is no time such as" in done.err) == (2, True)


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


def test_a_setting_that_is_none_of_the_daemons_is_told_of_and_can_be_taken_away(running: Home) -> None:
    running.omnimem("memory", "add", "k", "v", "--project", "set")
    mistyped = running.omnimem("project", "set", "redakt", "false", "--project", "set")
    meant = running.omnimem("project", "set", "redact", "true", "--project", "set")
    taken = running.omnimem("project", "set", "redakt", "null", "--project", "set")

    assert "omnimemd itself knows only redact" in mistyped.err
    assert meant.err == "redact = true, for set (set).\n"
    assert taken.err == "redakt is taken away, for set (set).\n"
    assert "redakt" not in running.omnimem("project", "show", "set").out


def test_a_stale_memory_says_why_until_it_is_confirmed(running: Home) -> None:
    (running.app / "speaks.py").write_text("one")
    running.omnimem("memory", "add", "speaking", "It is in speaks.py.")
    running.omnimem("memory", "add", "silent", "It is nowhere.")
    with running.client() as client:
        client.flush()
        (running.app / "speaks.py").write_text("two")
        client.flush()

    got = running.omnimem("memory", "get", "speaking", "--no-touch")
    listed = running.omnimem("memory", "list", "--stale", "--no-touch")
    searched = running.omnimem("search", "It is in speaks.py", "--mode", "text", "--limit", "1")

    assert got.out == "It is in speaks.py.\n"
    assert "It is stale: speaks.py changed just now." in got.err
    assert [line.split()[0] for line in listed.out.splitlines()] == ["KEY", "speaking"]
    assert "speaks.py changed just now" in listed.out
    assert " · stale · mem_" in searched.lines[2]
    (running.app / "speaks.py").unlink()
    assert "speaks.py disappeared just now" in running.omnimem("memory", "get", "speaking").err
    running.omnimem("memory", "confirm", "speaking")
    assert "No memory of this project is stale." in running.omnimem("memory", "list", "--stale").err
