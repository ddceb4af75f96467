"""A daemon that gets no inotify instance records what it can, says what it cannot, and takes the next one there is."""

import subprocess

import pytest

from omnimem.model import EntryKind, GapEntry, WorkspaceState
from tests.e2e.daemons import Daemon
from tests.e2e.homes import Home
from tests.e2e.recorded import touches

pytestmark = pytest.mark.needs("inotify", "user namespace")

SETTING = "/proc/sys/user/max_inotify_instances"


def test_without_an_instance_it_starts_records_and_recovers(empty_home: Home) -> None:
    without = ("unshare", "--user", "--map-root-user", "sh", "-c", f'echo 0 >{SETTING}; exec "$@"', "sh")
    first, second = empty_home.folder({"a.txt": "a"}), empty_home.folder()
    daemon = Daemon(empty_home, wrapper=without).ready()
    try:
        with daemon.client() as client:
            session = client.create_session(tool_id="t", workspace_path=str(first))
            (first / "new.txt").write_text("new")
            client.flush()

            (workspace,) = client.list_workspaces().workspaces
            assert (workspace.state, workspace.reads_observed) == (WorkspaceState.DEGRADED, False)
            assert "user.max_inotify_instances" in (workspace.problem or "")
            status, health = client.status(), client.health()
            assert not status.watch.reads_observed
            assert health.status == "ok"
            assert status.watch.degraded == health.problems == [f"{first}: {workspace.problem}"]
            assert [touch.path for touch in touches(client, session)] == ["new.txt"]

            raised = ["nsenter", "-U", "--preserve-credentials", "-t", str(daemon.process.pid)]
            subprocess.run([*raised, "sh", "-c", f"echo 9 >{SETTING}"], check=True)
            client.add_workspace(path=str(second))
            (first / "a.txt").read_text()
            client.flush()

            states = [one.state for one in client.list_workspaces().workspaces]
            assert states == [WorkspaceState.WATCHING, WorkspaceState.WATCHING]
            assert client.health().problems == []
            gaps = client.list_entries(session.session_id, kind=EntryKind.GAP).entries
            assert [gap.reason for gap in gaps if isinstance(gap, GapEntry)] == ["watch_unavailable"]
            assert str(first / "a.txt") in {
                one.path for one in client.get_context(session.session_id).context.files_accessed if one.reads
            }
        daemon.stop()
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
