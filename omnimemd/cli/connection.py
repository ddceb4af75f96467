"""The daemon that is meant, and what the current directory stands for in it."""

import os
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Final

from omnimem import Client, Unavailable, socket_path
from omnimem.model import Entry, EntryKind, Session
from omnimemd.cli.arguments import current_directory, path
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.text import safe, shown_path
from omnimemd.cli.times import ago

#: What stands in for an id that is not given, where one that has ended will do; see `session_of`.
HERE_OR_LATEST: Final = "(default: the one active in the current directory, or the latest there)"
#: Seconds a call may take; a flush and the start of a large workspace are the longest.
_TIMEOUT: Final = 15.0
#: The most a page of sessions holds.
_PAGE: Final = 500
#: The most a page of entries holds.
_ENTRY_PAGE: Final = 1000


def socket_of(given: Namespace) -> Path:
    """Return the absolute path of the socket that is meant."""
    return Path(current_directory(), given.socket or socket_path())


def client_of(given: Namespace) -> Client:
    """Return a client of the daemon that is meant; nothing is sent yet."""
    return Client(socket_of(given), timeout=_TIMEOUT)


def catch_up(client: Client) -> None:
    """Have everything recorded that has happened so far: it is kept for a moment, to be folded, before it is shown."""
    with suppress(Unavailable):  # then what is recorded is shown
        client.flush()


def all_sessions(client: Client, **chosen: object) -> list[Session]:
    """Return every session that is *chosen*, page after page."""
    found: list[Session] = []
    cursor: str | None = None
    while True:
        page = client.list_sessions(**chosen, limit=_PAGE, cursor=cursor)  # type: ignore[arg-type]  # fields of SessionQuery
        found += page.sessions
        if (cursor := page.next_cursor) is None:
            return found


def all_entries(client: Client, session_id: str, kind: EntryKind | None = None) -> list[Entry]:
    """Return every entry of a session, or all of one *kind*, oldest first, page after page."""
    found: list[Entry] = []
    after: int | None = 0
    while after is not None:
        page = client.list_entries(session_id, after=after, kind=kind, limit=_ENTRY_PAGE)
        found += page.entries
        after = page.next_after
    return found


def session_of(client: Client, named: str | None, *, or_latest: bool = False) -> str:
    """Return the id that was *named*, or that of the one session active in the current directory's workspace.

    Of several it is the one this command is run in: whose process is the nearest above. Where none is active, and with
    *or_latest*, it is the latest of the nearest workspace that had one.

    Raises:
        CannotGoOn: none is active there, or several are and none of them, or several, run this command.
    """
    if named is not None:
        return named
    here = current_directory()
    above = [one for one in all_sessions(client, active=True, archived="all") if holds(one.workspace_path, here)]
    nearest = max((len(one.workspace_path) for one in above), default=0)
    found = [one for one in above if len(one.workspace_path) == nearest]
    match found:
        case [only]:
            return only.session_id
        case [_, *_] if (own := _nearest_above(found)) is not None:
            return own.session_id
        case [] if or_latest and (latest := _latest(client, here)) is not None:
            return latest.session_id
        case []:
            raise CannotGoOn(
                f"No session is active in {shown_path(here)}.",
                hint="Name one (`omnimem session list` shows them), or begin one with `omnimem session start`.",
            )
        case _:
            each = ", ".join(f"{one.session_id} ({safe(one.tool_id)}, {ago(one.last_activity)})" for one in found)
            raise CannotGoOn(f"Several sessions are active here: {each}.", hint="Name the one you mean.")


def project_of(client: Client, named: str | None) -> str:
    """Return the id of the project that was *named*, or of the current directory's."""
    return client.resolve_project(path=current_directory()).project_id if named is None else named


def project_at(client: Client, named: str | None) -> str:
    """Return the id of the project that was *named*, by its id or by a path in it, or of the current directory's.

    An id holds no slash and begins with no dot or tilde: what does is a path.
    """
    if named is None or not ("/" in named or named.startswith((".", "~"))):
        return project_of(client, named)
    return client.resolve_project(path=path(str(Path(named).expanduser()))).project_id


def holds(workspace: str, path: str) -> bool:
    """Return whether *path* is the folder *workspace*, or lies in it."""
    return path == workspace or path.startswith(workspace.rstrip("/") + "/")


def _latest(client: Client, here: str) -> Session | None:
    """Return the session that was active last in the nearest folder, *here* or above, that had any."""
    for folder in (here, *map(str, Path(here).parents)):
        if found := client.list_sessions(workspace_path=folder, archived="all", limit=1).sessions:
            return found[0]
    return None


def _nearest_above(sessions: list[Session]) -> Session | None:
    """Return the one of *sessions* that is bound to the nearest process above this command, if it is one."""
    pid = os.getppid()
    while pid > 1:
        if bound := [one for one in sessions if one.process_id == pid]:
            return bound[0] if len(bound) == 1 else None
        pid = _parent(pid)
    return None


def _parent(pid: int) -> int:
    """Return the parent of *pid*; 0 when it is gone, or where there is no /proc to tell (proc(5), /proc/pid/stat)."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
