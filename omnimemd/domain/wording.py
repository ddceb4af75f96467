"""Paths, moments and ends of sessions as a briefing words them: short, and the same whenever it is asked for."""

import posixpath
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from omnimem.model import EndReason
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import SessionDigest

#: How a session stands, where it did not end by a call.
_STATES: Final = {
    None: ", still at work",
    EndReason.PROCESS_EXITED: ", died",
    EndReason.REBOOT: ", died at a restart of the machine",
}


class Paths:
    """Shows paths relative to the folders of a project."""

    def __init__(self, root: str, workspaces: Iterable[str]) -> None:
        """Take down the project's *root*, "" where it has none, and the folders in which sessions were at work."""
        folders = {one.rstrip("/") + "/" for one in (root, *workspaces) if one}
        self._folders = sorted(folders, key=lambda one: (-len(one), one))  # the deepest first
        self._root = f"{root.rstrip('/')}/" if root else ""
        self._shown: dict[str, str] = {}

    def shown(self, path: str) -> str:
        """Return *path*, relative to the project's folder, or else to the nearest that a session worked in."""
        known = self._shown.get(path)
        if known is None:
            known = self._shown[path] = self._relative(path)
        return known

    def grouped(self, paths: Iterable[str]) -> str:
        """Return *paths* by folder, each folder said once, in the order of the first file in it."""
        folders: dict[str, list[str]] = {}
        for path in paths:
            folder, name = posixpath.split(self.shown(path))
            folders.setdefault(folder, []).append(name)
        return "; ".join(
            f"{folder}/: {', '.join(names)}" if folder and len(names) > 1 else posixpath.join(folder, ", ".join(names))
            for folder, names in folders.items()
        )

    def _relative(self, path: str) -> str:
        if self._root and path.startswith(self._root):
            return path.removeprefix(self._root)
        for folder in self._folders:
            if path.startswith(folder):
                return path.removeprefix(folder)
        return path


def state(session: SessionDigest) -> str:
    """Return what follows the name of a session's tool: nothing where it ended by a call."""
    return _STATES.get(session.end_reason, "")


def day(at: Millis) -> str:
    """Return the day (UTC) of *at*."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


def moment(at: Millis) -> str:
    """Return the minute (UTC) of *at*."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}Z"
