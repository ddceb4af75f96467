"""A memory says that it is stale once a file that it speaks of is not what it was, and says no such thing before."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import Memory, Session
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import touches
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "pidfd")

FILES = {"src/app.py": "one", "src/other.py": "one", "README.md": "one"}


def a_repository(home: Home, programs: Programs) -> Path:
    """Return a repository with FILES committed on the branch `main`."""
    root = home.folder(FILES)
    programs.git("init", "-q", "-b", "main", cwd=root)
    programs.git("add", "-A", cwd=root)
    programs.git("commit", "-qm", "first", cwd=root)
    return root


def at_work(client: Client, root: Path) -> Session:
    """Begin a session of the test's own process."""
    return client.create_session(tool_id="tool", workspace_path=str(root), process_id=os.getpid())


def remember(client: Client, session: Session, text: str, *, key: str = "k", files: Sequence[str] | None = None) -> str:
    """Write a memory, and wait until its files were looked at; return its id."""
    written = client.create_memory(
        session.project_id,
        key=key,
        value=text,
        session_id=session.session_id,
        files=None if files is None else [*files],
    )
    client.flush()
    return written.memory_id


def memory(client: Client, session: Session, memory_id: str) -> Memory:
    """Return the memory once everything that happened is known."""
    client.flush()
    return client.get_memory(session.project_id, memory_id=memory_id)


def changed(client: Client, session: Session, memory_id: str) -> list[str]:
    """Return which files changed, below the workspace, once everything that happened is known."""
    found = memory(client, session, memory_id)
    assert found.stale is bool(found.changed_files)
    assert (found.stale_since is not None) is found.stale
    return [os.path.relpath(path, session.workspace_path) for path in found.changed_files]


def test_a_file_in_the_words_that_changes_makes_it_stale_until_it_is_confirmed(client: Client, home: Home) -> None:
    root = home.folder(FILES)
    session = at_work(client, root)
    told = remember(client, session, "The entry point is src/app.py:12, see README.md.")
    assert memory(client, session, told).files == [str(root / "README.md"), str(root / "src/app.py")]
    assert changed(client, session, told) == []

    (root / "src/app.py").write_text("two")
    (root / "src/other.py").write_text("two")

    assert changed(client, session, told) == ["src/app.py"]
    confirmed = client.confirm_memory(session.project_id, told)
    assert (confirmed.stale, confirmed.changed_files) == (False, [])
    assert changed(client, session, told) == []
    (root / "src/app.py").write_text("one")
    assert changed(client, session, told) == ["src/app.py"]


def test_a_new_version_clears_it(client: Client, home: Home) -> None:
    root = home.folder(FILES)
    session = at_work(client, root)
    told = remember(client, session, "See it.", files=["src/app.py"])
    (root / "src/app.py").write_text("two")
    assert changed(client, session, told) == ["src/app.py"]

    updated = client.update_memory(session.project_id, told, value="See it there.", files=["src/other.py"])

    assert (updated.stale, updated.files) == (False, ["src/other.py"])
    (root / "src/app.py").write_text("three")
    assert changed(client, session, told) == []
    (root / "src/other.py").unlink()
    assert changed(client, session, told) == ["src/other.py"]


def test_only_the_content_counts(client: Client, home: Home) -> None:
    root = home.folder(FILES)
    session = at_work(client, root)
    told = remember(client, session, "src/app.py")
    app = root / "src/app.py"

    os.utime(app, (1, 1))
    app.chmod(0o600)
    app.write_text("one")
    assert changed(client, session, told) == []

    app.write_text("two")
    assert changed(client, session, told) == ["src/app.py"]
    app.write_text("one")
    assert changed(client, session, told) == []

    app.rename(root / "src/renamed.py")
    assert changed(client, session, told) == ["src/app.py"]
    (root / "src/renamed.py").rename(app)
    assert changed(client, session, told) == []


def test_a_save_by_replacing_the_file_counts(client: Client, home: Home) -> None:
    root = home.folder(FILES)
    session = at_work(client, root)
    told = remember(client, session, "src/app.py")
    app, temporary = root / "src/app.py", root / "src/.app.py.swp"

    temporary.write_text("one")
    temporary.replace(app)
    assert changed(client, session, told) == []

    temporary.write_text("two")
    temporary.replace(app)
    assert changed(client, session, told) == ["src/app.py"]


@pytest.mark.needs("git")
def test_a_checkout_of_another_branch_counts_and_one_back_too(client: Client, home: Home, programs: Programs) -> None:
    root = a_repository(home, programs)
    programs.git("checkout", "-qb", "other", cwd=root)
    (root / "src/app.py").write_text("of the other branch")
    programs.git("commit", "-qam", "other", cwd=root)
    session = at_work(client, root)
    told = remember(client, session, "src/app.py and src/other.py")

    programs.git("checkout", "-q", "main", cwd=root)
    assert changed(client, session, told) == ["src/app.py"]

    programs.git("checkout", "-q", "other", cwd=root)
    assert changed(client, session, told) == []


def test_looking_at_files_is_nobodys_access(client: Client, home: Home) -> None:
    root = home.folder({f"src/f{number}.py": "one" for number in range(100)})
    session = at_work(client, root)

    told = remember(client, session, "All of it.", files=[f"src/f{number}.py" for number in range(100)])
    os.utime(root / "src/f7.py")
    assert changed(client, session, told) == []

    assert touches(client, session) == []


@pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill], ids=["stopped", "killed"])
def test_what_changes_while_no_daemon_runs_is_found(empty_home: Home, end: object) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon, daemon.client() as client:
        session = at_work(client, root)
        told = remember(client, session, "src/app.py and src/other.py")
        assert callable(end)
        end(daemon)

    (root / "src/app.py").write_text("two")

    with running(empty_home) as daemon, daemon.client() as client:
        assert changed(client, session, told) == ["src/app.py"]


def test_a_kill_before_the_files_were_looked_at_is_made_up_for(empty_home: Home) -> None:
    root = empty_home.folder(FILES)
    with running(empty_home) as daemon, daemon.client() as client:
        session = at_work(client, root)
        ids = [
            client.create_memory(session.project_id, key=f"k{number}", value=f"{number}: src/app.py").memory_id
            for number in range(50)
        ]
        daemon.kill()

    with running(empty_home) as daemon, daemon.client() as client:
        assert all(changed(client, session, one) == [] for one in ids)
        (root / "src/app.py").write_text("two")
        assert all(changed(client, session, one) == ["src/app.py"] for one in ids)


def test_a_folder_that_nobody_watches_is_looked_at_when_its_memories_are_read(client: Client, home: Home) -> None:
    root = home.folder(FILES)
    session = at_work(client, root)
    told = remember(client, session, "src/app.py")
    client.end_session(session.session_id)
    eventually(lambda: all(one.path != str(root) for one in client.list_workspaces().workspaces), "not watched")

    (root / "src/app.py").write_text("two")

    eventually(lambda: client.get_memory(session.project_id, memory_id=told).stale, "stale")


@pytest.mark.needs("git")
def test_a_project_that_was_moved_takes_its_memories_along(client: Client, home: Home, programs: Programs) -> None:
    root = a_repository(home, programs)
    session = at_work(client, root)
    told = remember(client, session, "src/app.py and src/other.py")
    client.end_session(session.session_id)
    moved = root.rename(root.with_name(f"{root.name}-moved"))

    session = at_work(client, moved)

    assert changed(client, session, told) == []
    (moved / "src/app.py").write_text("two")
    assert memory(client, session, told).changed_files == [str(moved / "src/app.py")]
