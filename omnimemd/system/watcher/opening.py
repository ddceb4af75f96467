"""Picks the implementation of the port for the platform at hand, and puts its layers together."""

import os
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from omnimemd.domain.clock import Clock
from omnimemd.domain.ports import Watcher
from omnimemd.system.project_files import ProjectFiles
from omnimemd.system.watcher.fallback import Fallback
from omnimemd.system.watcher.local_only import LocalOnly, LocalWatcher
from omnimemd.system.watcher.mount_changes import hear_mounts
from omnimemd.system.watcher.mounts import Mounts, read_mounts
from omnimemd.system.watcher.portable import Hints, PortableWatcher
from omnimemd.system.watcher.watcher import InotifyWatcher


def open_watcher(
    *,
    clock: Clock,
    private: Path,
    environ: Mapping[str, str],
    blind: Collection[Path] = (),
    project_files: ProjectFiles | None = None,
    read_mounts: Callable[[], Mounts] = read_mounts,
    hear_mounts: Callable[[Callable[[], None]], Callable[[], None]] = hear_mounts,
) -> Watcher:
    """Return a watcher that is not started yet: inotify on Linux, FSEvents on macOS, looking where there is neither.

    Args:
        private, environ: as in `InotifyWatcher`.
        blind: directories that are never entered.
        project_files: what `.omnimem.toml` says, for others to share: the watcher reads it without being seen.
        read_mounts, hear_mounts: where tests put network file systems.
    """
    not_entered = {os.path.realpath(each) for each in blind}

    def looking(remark: str | None, hints: Hints | None = None) -> PortableWatcher:
        return PortableWatcher(
            clock=clock, environ=environ, blind=not_entered, hints=hints, remark=remark, project_files=project_files
        )

    def inotify() -> InotifyWatcher:
        return InotifyWatcher(
            clock=clock, private=private, environ=environ, blind=not_entered, project_files=project_files
        )

    if sys.platform == "linux":
        watcher: LocalWatcher = Fallback(clock=clock, make_inotify=inotify, make_looking=looking)
    else:
        watcher = looking(None, _hints(private))
    return LocalOnly(watcher=watcher, blind=not_entered, read_mounts=read_mounts, hear_mounts=hear_mounts)


def _hints(private: Path) -> Hints | None:
    if sys.platform != "darwin":
        return None
    from omnimemd.system.watcher.fsevents import FSEventsHints

    return FSEventsHints(private=private)
