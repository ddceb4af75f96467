"""A coding session from its first file to the death of its process, on real input: the daemon's main job."""

import json
import os
import re
import signal
import statistics
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from omnimem import Client
from omnimem.model import EndReason, Session, SessionState, WorkspaceState
from tests.e2e.daemons import Daemon
from tests.e2e.homes import Home, fill
from tests.e2e.listening import Listener
from tests.e2e.programs import Programs, Tool
from tests.e2e.recorded import Touch, accesses, assert_consistent, ended, entries, files, millis, touches
from tests.e2e.waiting import eventually, now_ms
from tests.e2e.wire import call

pytestmark = pytest.mark.needs("inotify", "git", "pidfd")

#: A death is noticed in well under a millisecond; this is for a machine that does much else.
_LATE_MS = 250
_TYPICALLY_LATE_MS = 30
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_FILES = {
    ".gitignore": "*.log\nbuild/\nnode_modules/\n",
    ".omnimemignore": "secret/\n*.tmpl\n",
    ".omnimem.toml": 'ignore = ["generated/"]\n',
    "README.md": "# It\n",
    "data.txt": "one\ntwo\n",
    "src/app.py": "print(1)\n",
    "src/util.py": "x = 1\n",
}
_IGNORED = {
    "node_modules/lib/index.js": "1\n",
    "build/out.o": "1\n",
    "src/build/deep/out.o": "1\n",
    "debug.log": "1\n",
    "src/deep.log": "1\n",
    "secret/key.txt": "1\n",
    "page.tmpl": "1\n",
    "generated/g.py": "1\n",
    "src/__pycache__/app.pyc": "1\n",
    ".venv/lib/site.py": "1\n",
}
_READER = "import sys; [open(path).read() for path in sys.argv[1:]]"
_EDITOR = """
import os, sys
path, text = sys.argv[1:]
temporary = f"{path}.tmp.{os.getpid()}"
with open(temporary, "w") as file:
    file.write(text)
    file.flush()
    os.fsync(file.fileno())
os.replace(temporary, path)
"""
#: Writes and exits at once.
_LAST_WORDS = """
import os, sys
workspace = sys.stdin.readline().rstrip()
os.mkdir(f"{workspace}/new")
for number in range(20):
    with open(f"{workspace}/new/{number}.txt", "w") as file:
        file.write("last words")
for number in range(1000):
    with open(f"{workspace}/{number}.txt", "w") as file:
        file.write("last words")
os._exit(0)
"""
_LAST_FILES = [f"{number}.txt" for number in range(1000)] + [f"new/{number}.txt" for number in range(20)]


class Coding(NamedTuple):
    """A repository, somebody's tool at work in it, and its session."""

    repository: Path
    tool: Tool
    session: Session
    client: Client

    def seen(self, work: Callable[[], object]) -> list[Touch]:
        """Do *work*; return what was recorded of it, and check what every row says of itself."""
        self.client.flush()
        before = accesses(self.client, self.session.session_id)
        began = now_ms()
        work()
        found = touches(self.client, self.session, after=before[-1].entry_id if before else 0)
        done = now_ms()
        rows = accesses(self.client, self.session.session_id)[len(before) :]
        assert all(began <= millis(row.timestamp) <= done for row in rows)
        assert [row.timestamp for row in rows] == sorted(row.timestamp for row in rows)
        assert {(row.source, row.others) for row in rows} <= {("watch", None)}
        # It is not the tool that works here: where it is seen to do nothing meanwhile, nothing is claimed for it.
        assert {row.attribution for row in rows} <= {"probable", "ambiguous"}
        return found


@pytest.fixture
def coding(home: Home, client: Client, programs: Programs) -> Coding:
    repository = home.folder(_FILES)
    programs.git("init", "-q", cwd=repository)
    programs.git("add", "-A", cwd=repository)
    programs.git("commit", "-qm", "first", cwd=repository)
    fill(repository, _IGNORED)
    # Git reads again what is as young as its index: that would be an access of its own.
    programs.git("update-index", "--really-refresh", cwd=repository)
    tool = programs.tool()
    session = client.create_session(
        tool_id="editor", workspace_path=str(repository), process_id=tool.pid, metadata={"window": 1}
    )
    return Coding(repository, tool, session, client)


def test_a_session_is_bound_to_its_process_and_its_folder_is_watched(coding: Coding) -> None:
    workspaces = coding.client.list_workspaces()

    session = coding.session
    assert (session.state, session.process_id) == (SessionState.ACTIVE, coding.tool.pid)
    assert (session.ended_at, session.end_reason, session.end_detail) == (None, None, None)
    assert 0 <= millis(session.created_at) - millis(session.process_started_at) < 60_000
    assert session.metadata == {"window": 1}
    watched = {one.path: one for one in workspaces.workspaces}[str(coding.repository)]
    assert (watched.state, watched.reads_observed, watched.by_hand) == (WorkspaceState.WATCHING, True, False)
    assert watched.project_id == session.project_id


def test_cat_is_a_read(coding: Coding, programs: Programs) -> None:
    seen = coding.seen(lambda: programs.run("cat", coding.repository / "src/app.py"))

    assert seen == [Touch("read", "src/app.py")]


def test_a_python_reader_reads_each_file_once(coding: Coding, programs: Programs) -> None:
    paths = [coding.repository / name for name in ("README.md", "src/util.py", "data.txt")]

    seen = coding.seen(lambda: programs.python(_READER, *paths))

    assert seen == [Touch("read", "README.md"), Touch("read", "src/util.py"), Touch("read", "data.txt")]


def test_sed_in_place_reads_and_writes_the_file_and_nothing_else(coding: Coding, programs: Programs) -> None:
    seen = coding.seen(lambda: programs.run("sed", "-i", "s/one/1/", "data.txt", cwd=coding.repository))

    assert Counter(seen) == Counter([Touch("read", "data.txt"), Touch("write", "data.txt")])


def test_an_editors_save_by_renaming_is_one_write_of_the_file(coding: Coding, programs: Programs) -> None:
    path = coding.repository / "src/util.py"

    seen = coding.seen(lambda: programs.python(_EDITOR, path, "x = 2\n"))

    assert seen == [Touch("write", "src/util.py")]
    assert path.read_text() == "x = 2\n"


def test_a_file_written_in_place_is_one_write(coding: Coding) -> None:
    seen = coding.seen(lambda: (coding.repository / "src/app.py").write_text("print(2)\n"))

    assert seen == [Touch("write", "src/app.py")]


def test_a_commit_reads_what_changed_and_nothing_of_git_is_seen(coding: Coding, programs: Programs) -> None:
    (coding.repository / "data.txt").write_text("three\n")
    (coding.repository / "src/util.py").write_text("x = 3\n")

    seen = coding.seen(lambda: programs.git("commit", "-qam", "second", cwd=coding.repository))

    assert {touch.access for touch in seen} == {"read"}
    assert {Touch("read", "data.txt"), Touch("read", "src/util.py")} <= set(seen)
    assert not [touch for touch in seen if touch.path.startswith(".git/")]


def test_every_file_of_a_directory_made_this_moment_is_a_creation(coding: Coding, programs: Programs) -> None:
    script = "mkdir -p pkg/deep/er && echo a > pkg/a.py && echo b > pkg/deep/b.py && echo c > pkg/deep/er/c.py"

    seen = coding.seen(lambda: programs.run("sh", "-c", script, cwd=coding.repository))

    paths = ("pkg/a.py", "pkg/deep/b.py", "pkg/deep/er/c.py")
    assert sorted(seen) == [Touch("create", path) for path in paths]


def test_a_rename_is_a_move_that_says_where_from(coding: Coding, programs: Programs) -> None:
    seen = coding.seen(lambda: programs.run("mv", "README.md", "src/READ.md", cwd=coding.repository))

    assert seen == [Touch("move", "src/READ.md")]
    (row,) = accesses(coding.client, coding.session.session_id)
    assert row.old_path == str(coding.repository / "README.md")
    assert files(coding.client, coding.session)["src/READ.md"].writes == 1


def test_a_file_that_is_removed_is_a_deletion_and_no_write(coding: Coding, programs: Programs) -> None:
    seen = coding.seen(lambda: programs.run("rm", "data.txt", cwd=coding.repository))

    assert seen == [Touch("delete", "data.txt")]
    row = files(coding.client, coding.session)["data.txt"]
    assert (row.access_count, row.reads, row.writes) == (1, 0, 0)


def test_what_is_ignored_is_not_seen_whatever_is_done_to_it(coding: Coding, programs: Programs) -> None:
    paths = [coding.repository / name for name in _IGNORED]
    (coding.repository / "build/new").mkdir()

    def work() -> None:
        programs.run("cat", coding.repository / ".git/HEAD", *paths)
        for path in paths:
            path.write_text("2\n")
            path.rename(path.with_name("other.log"))
        (coding.repository / "build/new/file").write_text("1\n")

    seen = coding.seen(work)

    # page.tmpl was renamed to other.log and the like: git ignores every *.log.
    assert seen == []


def test_a_whole_session_is_there_in_order_and_ends_with_its_process(
    coding: Coding, programs: Programs, daemon: Daemon
) -> None:
    repository, client, session_id = coding.repository, coding.client, coding.session.session_id
    twice = ("cat", "src/app.py", "src/app.py")  # within one window: told as one read
    coding.seen(lambda: programs.run(*twice, cwd=repository))
    coding.seen(lambda: programs.run("cat", "src/app.py", cwd=repository))
    coding.seen(lambda: programs.python(_EDITOR, repository / "src/app.py", "print(3)\n"))
    coding.seen(lambda: programs.run("cat", "README.md", cwd=repository))
    _, _, written, _ = accesses(client, session_id)
    at = datetime.fromisoformat(written.timestamp)
    told: dict[str, Any] = {"file_path": "src/app.py", "timestamp": at}
    client.append_context(session_id, **told, access="write", file_importance=0.0)  # the tool tells of it afterwards
    client.append_context(session_id, **told, access="delete")  # nobody saw that

    before = now_ms()
    coding.tool.die()
    after = now_ms()

    session = ended(client, session_id)
    assert session.end_reason is EndReason.PROCESS_EXITED
    assert before - 1 <= millis(session.ended_at) <= after + _LATE_MS
    assert session.process_id == coding.tool.pid
    rows = files(client, session)
    assert list(rows) == ["README.md", "src/app.py"]
    app = rows["src/app.py"]
    assert (app.access_count, app.reads, app.writes, app.order) == (4, 2, 1, 5)
    assert [entry.same_as for entry in accesses(client, session_id)] == [None] * 4 + [written.entry_id, None]
    assert (app.importance, app.source) == (0.0, "api")
    assert_consistent(client, session_id)
    path = str(repository)
    eventually(lambda: path not in [one.path for one in client.list_workspaces().workspaces], "watched no more")
    assert call(daemon.socket, "GET", f"/sessions/{session_id}").json()["end_reason"] == "process_exited"


def test_what_a_process_writes_the_moment_before_it_exits_is_its_sessions(
    client: Client, programs: Programs, workspace: Path
) -> None:
    tool = programs.tool(_LAST_WORDS)
    session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)

    before = now_ms()
    tool.say(str(workspace))
    tool.wait()
    after = now_ms()

    session = ended(client, session.session_id)
    assert sorted(touches(client, session)) == sorted(Touch("create", name) for name in _LAST_FILES)
    assert before <= millis(session.ended_at) <= after + _LATE_MS
    again = client.get_session(session.session_id)
    assert (again.ended_at, again.last_activity) == (session.ended_at, session.last_activity)
    assert again.last_activity <= (again.ended_at or "")


def test_last_writes_are_the_dead_sessions_however_far_behind_the_daemon_is(
    client: Client, programs: Programs, workspace: Path, daemon: Daemon
) -> None:
    tool = programs.tool(_LAST_WORDS)
    session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)

    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        tool.say(str(workspace))
        tool.wait()
    finally:
        os.kill(daemon.pid, signal.SIGCONT)

    session = ended(client, session.session_id)
    assert sorted(touches(client, session)) == sorted(Touch("create", name) for name in _LAST_FILES)


def test_the_moment_of_death_is_the_true_one(client: Client, programs: Programs, workspace: Path) -> None:
    late = []
    for _ in range(12):
        tool = programs.tool()
        session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
        before = now_ms()
        tool.die()
        at = millis(ended(client, session.session_id).ended_at)
        assert at >= before
        late.append(at - before)

    assert statistics.median(late) <= _TYPICALLY_LATE_MS
    assert max(late) <= _LATE_MS


def test_what_somebody_else_does_after_the_end_is_nobodys(client: Client, programs: Programs, workspace: Path) -> None:
    tool = programs.tool()
    session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
    tool.kill()
    ended(client, session.session_id)
    client.flush()

    (workspace / "late.txt").write_text("x")

    assert touches(client, session) == []


def test_a_touch_is_visible_without_a_flush(client: Client, workspace: Path) -> None:
    session = client.create_session(tool_id="t", workspace_path=str(workspace))

    (workspace / "a.txt").write_text("x")

    eventually(lambda: accesses(client, session.session_id), "the write is recorded", within=3)


def test_the_answers_have_every_member_of_the_contract(coding: Coding, daemon: Daemon) -> None:
    session_id = coding.session.session_id
    (coding.repository / "src/app.py").read_text()
    (coding.repository / "README.md").rename(coding.repository / "READ.md")
    coding.client.flush()
    appended = {
        "file_path": "src/util.py",
        "search_query": "q",
        "decision": "d",
        "memory_id": "mem_x",
        "memory_key": "k",
    }
    call(
        daemon.socket,
        "POST",
        f"/sessions/{session_id}/context",
        appended | {"timestamp": "2026-01-02T03:04:05.678901+01:00"},
    )

    session = call(daemon.socket, "GET", f"/sessions/{session_id}").json()
    context = call(daemon.socket, "GET", f"/sessions/{session_id}/context").json()
    page = call(daemon.socket, "GET", f"/sessions/{session_id}/entries").json()

    assert session.keys() == set(
        "session_id tool_id user_id workspace_path project_id state created_at last_activity ended_at end_reason "
        "end_detail continues process_id process_started_at pinned archived context_size_bytes metrics metadata".split()
    )
    assert session["metrics"] == {
        "accesses": 3, "reads": 2, "writes": 1, "files": 3, "searches": 1, "decisions": 1, "memories": 1, "scans": 0,
        "gaps": 0,
    }  # fmt: skip
    assert context.keys() == {"session_id", "context", "compressed", "size_bytes"}
    compact = json.dumps(context["context"], separators=(",", ":"), ensure_ascii=False)
    assert (context["size_bytes"], context["compressed"]) == (len(compact.encode()), False)
    assert list(context["context"]) == [
        "files_accessed", "file_importance_scores", "recent_searches", "decisions", "saved_memories",
    ]  # fmt: skip
    row_members = {"path", "accessed_at", "order", "importance", "access_count", "reads", "writes", "source"}
    assert all(row.keys() == row_members for row in context["context"]["files_accessed"])
    assert context["context"]["decisions"] == [{"decision": "d", "timestamp": "2026-01-02T02:04:05.678Z"}]
    assert context["context"]["recent_searches"] == [{"query": "q", "timestamp": "2026-01-02T02:04:05.678Z"}]
    assert context["context"]["saved_memories"] == [
        {"id": "mem_x", "key": "k", "timestamp": "2026-01-02T02:04:05.678Z"}
    ]
    assert page["next_after"] is None
    read, moved, said = [entry for entry in page["entries"] if entry["kind"] == "access"]
    watched: dict[str, Any] = {"kind": "access", "source": "watch", "importance": None}
    path = str(coding.repository)
    assert {read["attribution"], moved["attribution"]} <= {"probable", "ambiguous"}
    assert read == watched | {
        "entry_id": 1, "timestamp": read["timestamp"], "attribution": read["attribution"],
        "path": f"{path}/src/app.py", "access": "read",
    }  # fmt: skip
    assert moved == watched | {
        "entry_id": 2, "timestamp": moved["timestamp"], "attribution": moved["attribution"],
        "path": f"{path}/READ.md", "access": "move",
        "old_path": f"{path}/README.md",
    }  # fmt: skip
    assert (said["source"], said["attribution"], said["access"]) == ("api", "exact", "read")
    assert all(_TIMESTAMP.fullmatch(entry["timestamp"]) for entry in page["entries"])
    assert [entry["kind"] for entry in page["entries"][3:]] == ["search", "decision", "memory"]


def test_events_tell_of_every_entry_once_and_in_order(coding: Coding, programs: Programs) -> None:
    client, session_id = coding.client, coding.session.session_id
    listener = Listener(client, session_id=session_id)
    script = "cat README.md; echo x > new.txt; mkdir d; echo y > d/e.txt; mv new.txt old.txt; rm data.txt"

    coding.seen(lambda: programs.run("sh", "-c", script, cwd=coding.repository))
    client.append_context(session_id, file_path="README.md", search_query="q", decision="d")
    coding.tool.kill()

    eventually(lambda: listener.of("session"), "the end is told")
    every = entries(client, session_id)
    told = [event.data for event in listener.of("entry")]
    assert told == [msgspec.structs.replace(entry, session_id=session_id) for entry in every]
    assert len(every) >= 8, [(str(getattr(e, "access", "")), getattr(e, "path", ""), e.kind) for e in every]
    numbers = [event.id for event in listener.heard]
    assert numbers == sorted(set(numbers))
    (session,) = [event.data for event in listener.of("session")]
    assert session == client.get_session(session_id)
