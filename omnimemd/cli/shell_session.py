"""The session of a shell: open in the repository the shell is in, and nowhere else.

Any number of calls for one shell may run at once and in any order, and the last to end leaves it as it should be: each
looks where the shell is, brings about what follows from that, and looks again. The session's id follows from the shell
and the repository, so two calls open the same one, and a shell that comes back to a repository takes its session up.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

from omnimem import Client
from omnimemd.cli.connection import all_sessions

#: The metadata of a session that was opened so.
_MARK: Final = "shell_integration"
_MARKERS: Final = (".git", ".omnimem.toml")


class Shell(NamedTuple):
    """A shell that says it is somewhere."""

    pid: int
    tool: str
    key: str  #: tells it from another that has this pid later, or runs in this process later
    path: str  #: where it is, should the system not tell


def sync(client: Client, shell: Shell, *, off: bool) -> None:
    """Open the session of *shell* where it is now, and end those it has elsewhere; *off*: end all.

    Raises:
        ProcessNotFound: the shell has ended.
    """
    off = off or not client.status().automatic_sessions
    while True:
        root = None if off else _root(shell)
        wanted = root if root is not None and client.resolve_project(path=root).track else None
        _bring_about(client, shell, wanted)
        if off or _root(shell) == root:
            return


def _bring_about(client: Client, shell: Shell, root: str | None) -> None:
    wanted = None if root is None else _session_id(shell, root)
    active = all_sessions(client, active=True, archived="all", process_id=shell.pid)
    opened = {one.session_id for one in active if one.metadata.get(_MARK) is True}
    for one in opened - {wanted}:
        client.end_session(one, reason="the shell left")
    if root is not None and wanted not in opened:
        client.create_session(
            tool_id=shell.tool, workspace_path=root, session_id=wanted, process_id=shell.pid, metadata={_MARK: True}
        )


def _session_id(shell: Shell, root: str) -> str:
    text = "\0".join((str(shell.pid), shell.key, root))
    return f"sess_{hashlib.sha256(text.encode('utf-8')).hexdigest()[:12]}"


def _root(shell: Shell) -> str | None:
    """Return the repository *shell* is in: the nearest folder, below the home directory, that holds a marker."""
    folder = _directory(shell)
    if folder is None:
        return None
    home = Path.home().resolve()
    for one in (folder, *folder.parents):
        if one in (home, Path("/")):
            return None
        if any(os.access(one / name, os.F_OK) for name in _MARKERS):
            return str(one) if _is_text(str(one)) else None
    return None


def _directory(shell: Shell) -> Path | None:
    """Return the directory *shell* is in, None when it has ended."""
    if sys.platform != "linux":
        return Path(shell.path).resolve()
    try:
        return Path(f"/proc/{shell.pid}/cwd").readlink()
    except OSError:
        return None


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
