"""A daemon that gets nothing of inotify records what it can, says what it cannot, and takes what there is later."""

import subprocess
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import EntryKind, GapEntry, Session, WorkspaceState
from tests.e2e.daemons import running
from tests.e2e.homes import Home
from tests.e2e.recorded import touches

pytestmark = pytest.mark.needs("inotify")


def assert_told_and_recorded(client: Client, session: Session, *, setting: str) -> None:
    """Check that a daemon without inotify finds changes, and says what it does not, and what is to be raised."""
    folder = Path(session.workspace_path)
    (folder / "new.txt").write_text("new")
    assert [touch.path for touch in touches(client, session)] == ["new.txt"]

    (workspace,) = client.list_workspaces().workspaces
    assert (workspace.state, workspace.reads_observed) == (WorkspaceState.DEGRADED, False)
    assert setting in (workspace.problem or "")
    status, health = client.status(), client.health()
    assert not status.watch.reads_observed
    assert health.status == "ok"
    assert status.watch.degraded == health.problems == [f"{folder}: {workspace.problem}"]
    (watching,) = [one for one in client.checks().checks if one.name == "watching"]
    assert (watching.verdict, setting in watching.detail) == ("warn", True)


def assert_recovered(client: Client, session: Session) -> None:
    """Check that reads are seen again, and that there was a time when they were not."""
    (Path(session.workspace_path) / "a.txt").read_text()
    client.flush()

    assert {one.state for one in client.list_workspaces().workspaces} == {WorkspaceState.WATCHING}
    assert client.health().problems == []
    gaps = client.list_entries(session.session_id, kind=EntryKind.GAP).entries
    assert [gap.reason for gap in gaps if isinstance(gap, GapEntry)] == ["watch_unavailable"]
    accessed = client.get_context(session.session_id).context.files_accessed
    assert f"{session.workspace_path}/a.txt" in {one.path for one in accessed if one.reads}


@pytest.mark.needs("user namespace")
@pytest.mark.parametrize("setting", ["max_inotify_instances", "max_inotify_watches"])
def test_without_any_it_starts_records_and_recovers(empty_home: Home, setting: str) -> None:
    limit = f"/proc/sys/user/{setting}"
    without = ("unshare", "--user", "--map-root-user", "sh", "-c", f'echo 0 >{limit}; exec "$@"', "sh")
    first, second = empty_home.folder({"a.txt": "a"}), empty_home.folder()
    with running(empty_home, wrapper=without) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(first))
        assert_told_and_recorded(client, session, setting=f"user.{setting}")

        raised = ["nsenter", "-U", "--preserve-credentials", "-t", str(daemon.process.pid)]
        subprocess.run([*raised, "sh", "-c", f"echo 99 >{limit}"], check=True)
        client.add_workspace(path=str(second))

        assert_recovered(client, session)


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("call", "error", "setting"),
    [
        ("inotify_init1", "EMFILE", "max_user_instances"),
        ("inotify_add_watch", "ENOSPC", "max_user_watches"),
    ],
)
def test_refused_at_the_start_it_takes_what_is_given_later(
    empty_home: Home, call: str, error: str, setting: str
) -> None:
    # The first call of the start, and that of the first folder, fail; the second folder's does not.
    fault = f"inject={call}:error={error}:when=1..2"
    wrapper = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", fault)
    first, second = empty_home.folder({"a.txt": "a"}), empty_home.folder()
    with running(empty_home, wrapper=wrapper) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(first))
        assert_told_and_recorded(client, session, setting=setting)

        client.add_workspace(path=str(second))

        assert_recovered(client, session)
