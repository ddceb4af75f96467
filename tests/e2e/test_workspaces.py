"""What is watched, how long, and whose it is: through the API, on real folders."""

import base64
import os
import shutil
import threading
from pathlib import Path

import pytest

from omnimem import Client, WorkspaceInvalid, WorkspaceNotFound
from omnimem.model import AccessEntry, EndReason, EntryKind, GapEntry, Session, SessionState, Workspace, WorkspaceState
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import OTHER_UID, Home, acting_as, fill
from tests.e2e.listening import Listener
from tests.e2e.programs import Programs
from tests.e2e.recorded import Touch, accesses, assert_consistent, ended, files, millis, touches
from tests.e2e.waiting import eventually, now_ms

pytestmark = pytest.mark.needs("inotify")


def watched(client: Client, folder: Path) -> Workspace | None:
    """Return how *folder* is watched, None when it is not."""
    return {one.path: one for one in client.list_workspaces().workspaces}.get(str(folder))


def wait_until_watched(client: Client, folder: Path) -> Workspace:
    """Wait until all of *folder* is watched; return how."""

    def look() -> Workspace | None:
        found = watched(client, folder)
        return found if found is not None and found.state is WorkspaceState.WATCHING else None

    found = eventually(look, f"{folder} is watched")
    assert found is not None
    return found


def ambient(client: Client, folder: Path, *, active: bool = True) -> list[Session]:
    """Return the ambient sessions of *folder*."""
    client.flush()
    return client.list_sessions(workspace_path=str(folder), tool_id="ambient", active=active).sessions


def begin(client: Client, folder: Path) -> Session:
    """Begin a session in *folder*."""
    return client.create_session(tool_id="t", workspace_path=str(folder))


# -- as long as it is needed ----------------------------------------------------------------------------------


def test_a_folder_is_watched_exactly_while_a_session_is_active_in_it(client: Client, workspace: Path) -> None:
    assert watched(client, workspace) is None
    first, second = begin(client, workspace), begin(client, workspace)
    assert watched(client, workspace) is not None

    client.end_session(first.session_id)
    client.flush()
    assert watched(client, workspace) is not None
    client.end_session(second.session_id)

    eventually(lambda: watched(client, workspace) is None, "watched no more")


def test_no_watch_is_left_behind(client: Client, workspace: Path) -> None:
    fill(workspace, {f"{number}/a.txt": "x" for number in range(20)})
    before = client.status().watch.directories
    session = begin(client, workspace)
    assert client.status().watch.directories == before + 21

    client.end_session(session.session_id)

    eventually(lambda: client.status().watch.directories == before, "every watch is given back")


def test_what_is_added_by_hand_is_new_once(client: Client, workspace: Path) -> None:
    first = client.add_workspace(path=str(workspace))
    again = client.add_workspace(path=f"{workspace}/")

    assert (first.path, first.by_hand) == (str(workspace), True)
    assert again == watched(client, workspace)
    assert again.state is WorkspaceState.WATCHING
    client.remove_workspace(path=str(workspace))
    assert watched(client, workspace) is None
    with pytest.raises(WorkspaceNotFound):
        client.remove_workspace(path=str(workspace))


def test_a_folder_added_by_hand_outlives_its_sessions_and_the_other_way_round(client: Client, workspace: Path) -> None:
    client.add_workspace(path=str(workspace))
    session = begin(client, workspace)
    client.end_session(session.session_id)
    client.flush()
    assert watched(client, workspace) is not None

    session = begin(client, workspace)
    client.remove_workspace(path=str(workspace))

    left = watched(client, workspace)
    assert left is not None
    assert not left.by_hand
    client.end_session(session.session_id)
    eventually(lambda: watched(client, workspace) is None, "watched no more")


def test_what_was_added_by_hand_is_watched_again_after_a_restart(empty_home: Home) -> None:
    folder, named, gone = (empty_home.folder() for _ in range(3))
    empty_home.configure(f'workspaces = ["{named}"]\n')
    with running(empty_home) as daemon, daemon.client() as client:
        client.add_workspace(path=str(folder))
        client.add_workspace(path=str(gone))
    gone.rmdir()

    with running(empty_home) as daemon, daemon.client() as client:
        for path in (folder, named):
            assert wait_until_watched(client, path).by_hand
        assert [problem for problem in client.health().problems if str(gone) in problem]
        (folder / "a.txt").write_text("x")
        assert len(ambient(client, folder)) == 1
        client.remove_workspace(path=str(folder))

    with running(empty_home) as daemon, daemon.client() as client:
        assert watched(client, folder) is None


@pytest.mark.parametrize("path", ["relative", "/nowhere/at/all", "/etc/hostname", "", "~", "/tmp/\udc80"])
def test_what_is_no_folder_is_refused(client: Client, path: str) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 the last is refused by the client's own encoder
        client.add_workspace(path=path)

    assert isinstance(refused.value, WorkspaceInvalid | UnicodeEncodeError) or "path" in str(refused.value)


# -- ambient sessions -----------------------------------------------------------------------------------------


def test_activity_where_nobody_works_opens_an_ambient_session_by_itself(client: Client, workspace: Path) -> None:
    (workspace / "a.txt").write_text("x")
    client.add_workspace(path=str(workspace))
    assert ambient(client, workspace) == []

    before = now_ms()
    (workspace / "a.txt").read_text()

    (session,) = ambient(client, workspace)
    assert (session.process_id, session.state, session.end_reason) == (None, SessionState.ACTIVE, None)
    assert before <= millis(session.created_at) <= now_ms()
    assert touches(client, session) == [Touch("read", "a.txt")]
    assert {one.attribution for one in accesses(client, session.session_id)} <= {"probable", "ambiguous"}


def test_all_that_happens_meanwhile_is_one_ambient_sessions(client: Client, workspace: Path) -> None:
    client.add_workspace(path=str(workspace))

    for number in range(5):
        (workspace / f"{number}.txt").write_text("x")
        client.flush()

    (session,) = ambient(client, workspace)
    assert touches(client, session) == [Touch("create", f"{number}.txt") for number in range(5)]


def test_a_real_session_ends_the_ambient_one(client: Client, workspace: Path) -> None:
    client.add_workspace(path=str(workspace))
    (workspace / "a.txt").write_text("x")
    (before,) = ambient(client, workspace)

    real = begin(client, workspace)
    (workspace / "b.txt").write_text("x")

    assert touches(client, real) == [Touch("create", "b.txt")]
    end = client.get_session(before.session_id)
    assert (end.state, end.end_reason) == (SessionState.ENDED, EndReason.IDLE)
    assert touches(client, end) == [Touch("create", "a.txt")]
    client.end_session(real.session_id)
    client.flush()
    (workspace / "c.txt").write_text("x")
    (after,) = ambient(client, workspace)
    assert after.session_id != before.session_id
    assert touches(client, after) == [Touch("create", "c.txt")]


def test_what_happened_the_moment_before_a_real_session_is_not_its_own(client: Client, workspace: Path) -> None:
    client.add_workspace(path=str(workspace))
    (workspace / "before.txt").write_text("x")

    real = begin(client, workspace)
    (workspace / "after.txt").write_text("x")

    seen = touches(client, real)
    assert Touch("create", "after.txt") in seen
    kept = [one for session in ambient(client, workspace, active=False) for one in touches(client, session)]
    assert sorted(seen + kept) == [Touch("create", "after.txt"), Touch("create", "before.txt")]


def test_an_ambient_session_that_falls_silent_ends_idle(empty_home: Home) -> None:
    empty_home.configure("ambient_idle_minutes = 0.01\n")
    folder = empty_home.folder()
    with running(empty_home) as daemon, daemon.client() as client:
        client.add_workspace(path=str(folder))
        (folder / "a.txt").write_text("x")
        (session,) = ambient(client, folder)

        end = ended(client, session.session_id, within=5)

        assert end.end_reason is EndReason.IDLE
        assert millis(end.ended_at) - millis(end.last_activity) >= 500
        (folder / "b.txt").write_text("x")
        (again,) = ambient(client, folder)
        assert again.session_id != session.session_id
        assert touches(client, again) == [Touch("create", "b.txt")]


def test_activity_keeps_an_ambient_session(empty_home: Home) -> None:
    empty_home.configure("ambient_idle_minutes = 0.01\n")  # 600 ms
    folder = empty_home.folder()
    with running(empty_home) as daemon, daemon.client() as client:
        client.add_workspace(path=str(folder))
        until = now_ms() + 1_500
        number = 0
        while now_ms() < until:
            (folder / f"{number}.txt").write_text("x")
            client.flush()
            number += 1

        every = client.list_sessions(tool_id="ambient").sessions
        assert len(every) == 1
        assert every[0].state is SessionState.ACTIVE


def test_an_ambient_session_goes_on_after_a_restart(empty_home: Home) -> None:
    folder = empty_home.folder()
    with running(empty_home) as daemon, daemon.client() as client:
        client.add_workspace(path=str(folder))
        (folder / "a.txt").write_text("x")
        (session,) = ambient(client, folder)

    with running(empty_home) as daemon, daemon.client() as client:
        wait_until_watched(client, folder)
        (folder / "b.txt").write_text("x")
        (again,) = ambient(client, folder)
        assert again.session_id == session.session_id
        real = begin(client, folder)
        assert client.get_session(session.session_id).end_reason is EndReason.IDLE
        client.end_session(real.session_id)


# -- several at once ------------------------------------------------------------------------------------------


def test_what_two_sessions_could_have_done_is_on_both_and_says_so(client: Client, workspace: Path) -> None:
    (workspace / "a.txt").write_text("x")
    first, second, third = (begin(client, workspace) for _ in range(3))
    ids = {session.session_id for session in (first, second, third)}

    (workspace / "a.txt").read_text()

    client.flush()
    for session_id in ids:
        (row,) = accesses(client, session_id)
        assert row.attribution == "ambiguous"
        assert set(row.others or ()) == ids - {session_id}
        assert_consistent(client, session_id)


def test_what_only_one_is_left_to_do_is_its_own(client: Client, workspace: Path) -> None:
    first, second = begin(client, workspace), begin(client, workspace)
    (workspace / "both.txt").write_text("x")
    client.flush()
    client.end_session(second.session_id)
    client.flush()

    (workspace / "one.txt").write_text("x")

    assert touches(client, first) == [Touch("create", "both.txt"), Touch("create", "one.txt")]
    assert touches(client, second) == [Touch("create", "both.txt")]
    both, one = accesses(client, first.session_id)
    assert (both.attribution, both.others) == ("ambiguous", [second.session_id])
    assert one.others is None


def test_a_session_that_comes_later_has_nothing_of_before(client: Client, workspace: Path) -> None:
    first = begin(client, workspace)
    (workspace / "a.txt").write_text("x")

    second = begin(client, workspace)

    assert touches(client, second) == []
    (row,) = accesses(client, first.session_id)
    assert row.others is None


def test_a_session_that_another_follows_keeps_its_last_touches(client: Client, workspace: Path) -> None:
    first = begin(client, workspace)
    (workspace / "a.txt").write_text("x")
    client.end_session(first.session_id)

    second = begin(client, workspace)

    assert touches(client, first) == [Touch("create", "a.txt")]
    assert touches(client, second) == []


def test_nested_folders_see_what_is_theirs(client: Client, home: Home) -> None:
    outer = home.folder({"inner/a.txt": "x", "b.txt": "x"})
    inner = outer / "inner"
    around, within = begin(client, outer), begin(client, inner)

    (outer / "b.txt").read_text()
    client.flush()
    (inner / "a.txt").read_text()

    client.flush()
    seen = accesses(client, around.session_id)
    assert (seen[0].path, seen[0].others) == (str(outer / "b.txt"), None)
    assert Touch("read", "a.txt") in touches(client, within)
    assert Touch("read", "b.txt") not in [
        Touch(one.access, Path(one.path).name) for one in accesses(client, within.session_id)
    ]
    client.end_session(around.session_id)
    client.flush()
    (inner / "c.txt").write_text("x")
    assert Touch("create", "c.txt") in touches(client, within)
    assert watched(client, outer) is None


# -- folders that change under it -----------------------------------------------------------------------------


def test_a_folder_that_vanishes_and_comes_again(client: Client, home: Home) -> None:
    folder = home.folder({"a.txt": "x"})
    session = begin(client, folder)

    shutil.rmtree(folder)

    def gone() -> bool:
        found = watched(client, folder)
        return found is not None and found.state is WorkspaceState.GONE

    eventually(gone, "it is said to be gone")
    seen = watched(client, folder)
    assert seen is not None
    assert seen.problem
    assert client.health().status == "ok"
    assert client.get_session(session.session_id).state is SessionState.ACTIVE
    assert Touch("delete", "a.txt") in touches(client, session)

    folder.mkdir()
    (folder / "b.txt").write_text("x")
    second = begin(client, folder)
    (folder / "b.txt").read_text()

    again = watched(client, folder)
    assert again is not None
    assert again.state is WorkspaceState.WATCHING
    assert again.problem is None
    assert Touch("read", "b.txt") in touches(client, second)
    assert not [problem for problem in client.health().problems if str(folder) in problem]


def test_a_folder_that_comes_back_is_watched_again_and_the_interval_is_a_gap(client: Client, home: Home) -> None:
    folder = home.folder({"a.txt": "x"})
    session = begin(client, folder)
    elsewhere = folder.with_name(folder.name + "-away")

    def is_in(state: WorkspaceState) -> bool:
        found = watched(client, folder)
        return found is not None and found.state is state

    folder.rename(elsewhere)
    eventually(lambda: is_in(WorkspaceState.GONE), "it is said to be gone")
    elsewhere.rename(folder)
    eventually(lambda: is_in(WorkspaceState.WATCHING), "it is watched again, and nobody asked")
    (folder / "b.txt").write_text("x")

    assert Touch("create", "b.txt") in touches(client, session)
    (gap,) = client.list_entries(session.session_id, kind=EntryKind.GAP).entries
    assert isinstance(gap, GapEntry)
    assert gap.reason == "root_gone"
    assert gap.started_at < gap.ended_at


def test_a_folder_that_is_replaced_is_watched_by_the_next_session(client: Client, home: Home) -> None:
    folder = home.folder({"a.txt": "x"})
    session = begin(client, folder)
    folder.rename(folder.with_name(folder.name + "-old"))
    folder.mkdir()

    second = begin(client, folder)
    (folder / "new.txt").write_text("x")

    assert Touch("create", "new.txt") in touches(client, second)
    assert client.get_session(session.session_id).state is SessionState.ACTIVE


def test_a_session_in_a_vanished_folder_survives_a_restart(empty_home: Home, programs: Programs) -> None:
    folder = empty_home.folder({"a.txt": "x"})
    tool = programs.tool()
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(folder), process_id=tool.pid)
    shutil.rmtree(folder)

    with running(empty_home) as daemon, daemon.client() as client:
        assert client.get_session(session.session_id).state is SessionState.ACTIVE
        assert client.health().status == "ok"
        with pytest.raises(WorkspaceInvalid):
            begin(client, folder)
        tool.kill()
        ended(client, session.session_id)


@pytest.mark.needs("root")
def test_a_folder_that_may_not_be_read_is_said_and_the_rest_is_watched(empty_home: Home) -> None:
    folder = empty_home.folder({"open/a.txt": "x", "closed/b.txt": "x"})
    empty_home.give_to(OTHER_UID)
    (folder / "closed").chmod(0)
    with running(empty_home, uid=OTHER_UID) as daemon, acting_as(OTHER_UID), daemon.client() as client:
        session = begin(client, folder)

        found = watched(client, folder)
        assert found is not None
        assert (found.state, found.directories) == (WorkspaceState.DEGRADED, 2)
        assert found.problem
        assert client.health().status == "ok"
        assert [problem for problem in client.status().watch.degraded if str(folder) in problem]
        (folder / "open/a.txt").read_text()
        assert touches(client, session) == [Touch("read", "open/a.txt")]


def test_a_project_that_is_not_to_be_tracked_is_not(client: Client, home: Home) -> None:
    folder = home.folder({".omnimem.toml": "track = false\n", "a.txt": "x"})
    session = begin(client, folder)

    (folder / "a.txt").read_text()
    (folder / "b.txt").write_text("x")

    assert touches(client, session) == []
    client.append_context(session.session_id, file_path="a.txt")
    assert [row.source for row in files(client, session).values()] == ["api"]
    found = watched(client, folder)
    assert found is not None
    assert found.directories == 0


def test_a_link_to_a_folder_is_that_folder(client: Client, home: Home) -> None:
    folder = home.folder({"a.txt": "x"})
    link = home.base / "work" / f"{folder.name}-link"
    link.symlink_to(folder)

    session = begin(client, link)
    (link / "a.txt").read_text()

    assert session.workspace_path == str(folder)
    assert touches(client, session) == [Touch("read", "a.txt")]
    assert client.list_sessions(workspace_path=str(link)).sessions[0].session_id == session.session_id
    assert client.create_session(
        tool_id="t", workspace_path=str(folder), session_id=session.session_id
    ).session_id == session.session_id  # fmt: skip


def test_rules_that_change_hold_from_then_on(client: Client, home: Home) -> None:
    folder = home.folder({"a.log": "x", "b.txt": "x"})
    session = begin(client, folder)
    (folder / "a.log").read_text()
    client.flush()

    (folder / ".omnimemignore").write_text("*.log\n")
    client.flush()
    (folder / "a.log").read_text()
    (folder / "b.txt").read_text()

    seen = touches(client, session)
    assert seen.count(Touch("read", "a.log")) == 1
    assert seen.count(Touch("read", "b.txt")) == 1


# -- many files, strange names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        ["cp", "-r", "{source}", "{target}"],
        ["sh", "-c", 'mkdir "{target}" && tar -C "{source}" -cf - . | tar -C "{target}" -xf -'],
        ["mv", "{source}", "{target}"],
    ],
    ids=["cp", "tar", "mv"],
)
def test_every_file_of_a_tree_that_appears_is_known(
    client: Client, home: Home, programs: Programs, how: list[str]
) -> None:
    names = [f"d{number % 10}/e{number % 50}/{number}.txt" for number in range(500)]
    source = home.folder(dict.fromkeys(names, "x"))
    folder = home.folder()
    session = begin(client, folder)

    target = str(folder / "tree")
    programs.run(*(part.format(source=source, target=target) for part in how))

    client.flush()
    known = {row.path for row in client.get_context(session.session_id).context.files_accessed}
    assert {f"{target}/{name}" for name in names} <= known
    written = [touch for touch in touches(client, session) if touch.access != "read"]
    assert sorted(written) == sorted(Touch("create", f"tree/{name}") for name in names)


def test_files_written_in_many_new_folders_are_each_known(client: Client, workspace: Path, programs: Programs) -> None:
    session = begin(client, workspace)

    programs.python(
        "import os, sys\n"
        "for number in range(500):\n"
        "    os.makedirs(f'{sys.argv[1]}/{number}/x')\n"
        "    open(f'{sys.argv[1]}/{number}/x/f', 'w').close()",
        workspace,
    )

    assert sorted(touches(client, session)) == sorted(Touch("create", f"{number}/x/f") for number in range(500))


def test_a_name_that_is_no_text_is_shown_and_kept_byte_by_byte(client: Client, workspace: Path) -> None:
    raw = os.fsencode(workspace) + b"/caf\xe9 \xff.txt"
    session = begin(client, workspace)

    with open(raw, "wb") as file:  # noqa: PTH123 bytes
        file.write(b"x")
    os.rename(raw, raw + b"2")  # noqa: PTH104 bytes

    client.flush()
    created, moved = accesses(client, session.session_id)
    assert (created.access, created.path) == ("create", f"{workspace}/caf\\xe9 \\xff.txt")
    assert decoded(created) == raw
    assert (moved.access, moved.old_path) == ("move", created.path)
    assert decoded(moved) == raw + b"2"
    rows = client.get_context(session.session_id).context.files_accessed
    assert [row.path for row in rows] == [created.path, moved.path]
    assert [row.path_raw for row in rows] == [created.path_raw, moved.path_raw]


def decoded(entry: AccessEntry) -> bytes:
    """Return the bytes of an entry's path."""
    assert entry.path_raw is not None
    return base64.b64decode(entry.path_raw)


@pytest.mark.parametrize(
    "name", ["a b", "tab\there", "new\nline", "ünïcödé", "日本語.py", "🎉", "-rf", "*", "'\"", "\\x41"]
)
def test_a_strange_name_is_a_name(client: Client, workspace: Path, name: str) -> None:
    session = begin(client, workspace)

    (workspace / name).write_text("x")

    assert touches(client, session) == [Touch("create", name)]
    assert accesses(client, session.session_id)[0].path_raw is None


def test_listeners_hear_of_folders_that_come_and_go(client: Client, home: Home, daemon: Daemon) -> None:
    folder = home.folder({"a.txt": "x"})
    with daemon.client() as other:
        listener = Listener(other)
        session = begin(client, folder)
        shutil.rmtree(folder)

        def states() -> list[str]:
            return [one.data.state for one in listener.heard if isinstance(one.data, Workspace)]

        eventually(lambda: "gone" in states(), "it is told")
        assert "watching" in states()
        client.end_session(session.session_id)


def test_a_fifo_or_socket_in_a_folder_blocks_nothing(client: Client, workspace: Path) -> None:
    os.mkfifo(workspace / "fifo")
    os.mkfifo(workspace / ".gitignore")
    session = begin(client, workspace)
    (workspace / "new").mkdir()
    os.mkfifo(workspace / "new/.omnimemignore")
    (workspace / "new/a.txt").write_text("x")

    assert Touch("create", "new/a.txt") in touches(client, session)
    assert client.health().status == "ok"


def test_a_link_that_leads_in_a_circle_or_out_is_not_followed(client: Client, home: Home) -> None:
    outside = home.folder({"secret.txt": "x"})
    folder = home.folder({"a.txt": "x"})
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    session = begin(client, folder)

    (folder / "out/secret.txt").read_text()
    (folder / "loop/a.txt").read_text()

    assert touches(client, session) == [Touch("read", "a.txt")]
    found = watched(client, folder)
    assert found is not None
    assert found.directories == 1


def test_a_folder_around_the_daemons_own_files_does_not_see_them(empty_home: Home) -> None:
    link = empty_home.base / "link"
    link.symlink_to(empty_home.base / "data")
    with running(empty_home, environ={"XDG_DATA_HOME": str(link)}) as daemon, daemon.client() as client:
        session = begin(client, empty_home.base / "data")
        around = begin(client, empty_home.base)
        (empty_home.home / "a.txt").write_text("x")
        client.create_memory("p", key="k", value="v")

        for _ in range(5):
            client.flush()
            client.append_context(session.session_id, search_query="q")

        assert [touch for touch in touches(client, around) if not touch.path.startswith("daemon-")] == [
            Touch("create", "home/a.txt")
        ]
        assert touches(client, session) == []


def test_the_daemons_own_files_are_no_workspace_and_keep_it_busy_with_nothing(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        with pytest.raises(WorkspaceInvalid, match="own data"):
            client.add_workspace(path=str(empty_home.data_dir))
        begin(client, empty_home.data_dir)
        found = watched(client, empty_home.data_dir)
        explained = client.explain_workspace(path=str(empty_home.database))

    assert found is not None
    assert (found.state, found.directories) == ("degraded", 0)
    assert "own data" in (found.problem or "")
    assert (explained.recorded, explained.reason, explained.hint) == (False, "own_data", None)


def test_a_save_stays_one_write_whatever_begins_and_ends_elsewhere(client: Client, home: Home, daemon: Daemon) -> None:
    folder, elsewhere = home.folder(), home.folder()
    session = begin(client, folder)
    done = threading.Event()

    def come_and_go() -> None:
        with daemon.client() as other:
            while not done.is_set():
                other.end_session(begin(other, elsewhere).session_id)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for number in range(150):
            path = folder / f"{number}.txt"
            path.with_suffix(".txt.tmp").write_text("x")
            path.with_suffix(".txt.tmp").rename(path)
    finally:
        done.set()
        thread.join()

    assert touches(client, session) == [Touch("write", f"{number}.txt") for number in range(150)]


def test_a_session_taken_up_the_moment_it_ended_goes_on_seeing(client: Client, workspace: Path) -> None:
    for number in range(15):
        session = client.create_session(tool_id="t", workspace_path=str(workspace), session_id=f"again-{number}")
        client.end_session(session.session_id)
        client.create_session(tool_id="t", workspace_path=str(workspace), session_id=session.session_id)
        client.flush()

        (workspace / f"{number}.txt").write_text("x")

        assert Touch("create", f"{number}.txt") in touches(client, session)
        client.end_session(session.session_id)
        client.flush()


def test_what_follows_the_end_of_a_session_is_not_its(client: Client, home: Home) -> None:
    folder = home.folder({"a.txt": "x"})
    client.add_workspace(path=str(folder))
    session = begin(client, folder)

    client.end_session(session.session_id)
    (folder / "b.txt").write_text("x")

    assert Touch("create", "b.txt") not in touches(client, session)
    (ambient,) = client.list_sessions(workspace_path=str(folder), tool_id="ambient").sessions
    assert Touch("create", "b.txt") in touches(client, ambient)
    client.remove_workspace(path=str(folder))


def test_what_the_daemon_reads_itself_is_nobodys(client: Client, home: Home) -> None:
    folder = home.folder({".omnimem.toml": 'name = "app"\n', "a.txt": "x"})
    session = begin(client, folder)

    begin(client, folder)
    client.resolve_project(path=str(folder))

    assert touches(client, session) == []
