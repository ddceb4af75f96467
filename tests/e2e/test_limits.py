"""A daemon with too few inotify watches says so, and finds every change all the same."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from omnimem.model import Access, WorkspaceState
from tests.e2e.daemons import running
from tests.e2e.homes import Home
from tests.e2e.recorded import accesses

pytestmark = pytest.mark.needs("inotify", "user namespace")

#: The limit is that of a user namespace of the daemon's own: nobody else on this machine has fewer.
_ALLOWED: Final = 300
_WRAPPER: Final = (
    *("unshare", "-Ur", "sh", "-c"),
    f'echo {_ALLOWED} > /proc/sys/user/max_inotify_watches && exec "$@"',
    "sh",
)
_DIRECTORIES: Final = 1000


def test_300_watches_on_1000_directories(empty_home: Home) -> None:
    folder = empty_home.folder()
    for n in range(_DIRECTORIES - 1):
        (folder / f"{n:03}").mkdir()
        (folder / f"{n:03}/old.py").write_text("old\n")
        (folder / f"{n:03}/stays.py").write_text("stays\n")
    with running(empty_home, wrapper=_WRAPPER) as daemon, daemon.client(timeout=60) as client:
        session = client.create_session(tool_id="t", workspace_path=str(folder))
        client.flush()

        (workspace,) = client.list_workspaces().workspaces
        assert workspace.state is WorkspaceState.DEGRADED
        assert workspace.directories == _ALLOWED // 2
        (problem,) = client.health().problems
        assert f"{_DIRECTORIES - _ALLOWED // 2} directories are without an inotify watch" in problem
        assert "sudo sysctl user.max_inotify_watches=" in problem
        assert client.status().watch.degraded == [problem]

        done: set[tuple[str, str, str | None]] = set()
        for n in range(_DIRECTORIES - 1):
            change(folder / f"{n:03}", kind=n % 6, done=done)
        client.flush()

        recorded = {(one.access, one.path, one.old_path) for one in accesses(client, session.session_id)}
        # One that was found while it was still empty is written as well.
        made = {(Access.WRITE, path, None) for access, path, _ in done if access is Access.CREATE}
        assert done <= recorded <= done | made


def change(place: Path, *, kind: int, done: set[tuple[str, str, str | None]]) -> None:
    """Do one of six things to a directory, and note in *done* how it is to be recorded."""
    match kind:
        case 0:
            (place / "new.py").write_text("new\n")
            done.add((Access.CREATE, f"{place}/new.py", None))
        case 1:
            (place / "old.py").write_text("written\n")
            done.add((Access.WRITE, f"{place}/old.py", None))
        case 2:
            (place / "old.py").unlink()
            done.add((Access.DELETE, f"{place}/old.py", None))
        case 3:
            (place / "old.py").rename(place / "named.py")
            done.add((Access.MOVE, f"{place}/named.py", f"{place}/old.py"))
        case 4:
            (place / "sub/deep").mkdir(parents=True)
            (place / "sub/deep/born.py").write_text("born\n")
            done.add((Access.CREATE, f"{place}/sub/deep/born.py", None))
        case _:
            shutil.rmtree(place)
            done.update((Access.DELETE, f"{place}/{name}", None) for name in ("old.py", "stays.py"))
