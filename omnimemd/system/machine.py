"""What this process, and all of its user's, have taken of the machine."""

import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from omnimemd.domain.ports import FileSystem, Limit, Taken
from omnimemd.system.watcher import sysctls
from omnimemd.system.watcher.mounts import read_mounts

_PROC: Final = Path("/proc")
#: What a link in /proc/pid/fd to an inotify instance reads (proc(5)).
_INOTIFY: Final = "anon_inode:inotify"
#: File systems in memory.
_VOLATILE: Final = frozenset(("tmpfs", "ramfs"))


class SystemMachine:
    """The port `Machine`; *proc* is where the kernel shows its processes and settings."""

    def __init__(self, proc: Path = _PROC) -> None:
        """Look there."""
        self._proc = proc

    def taken(self) -> Taken:
        """Return what this process holds at present."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return Taken(descriptors=_open_descriptors(), most_descriptors=soft, threads=threading.active_count())

    def limits(self) -> list[Limit]:
        """Return how much of each limit is used; those of inotify where it is."""
        taken = self.taken()
        found = [
            Limit(
                what="descriptors",
                used=taken.descriptors,
                most=taken.most_descriptors,
                setting="LimitNOFILE= of the service, or `ulimit -n`",
            )
        ]
        instances = list(self._instances())
        for what, names, used in (
            ("inotify watches", sysctls.WATCHES, sum(instances)),
            ("inotify instances", sysctls.INSTANCES, len(instances)),
        ):
            setting = sysctls.lower(names, self._proc / "sys")
            if setting.shown:
                found.append(Limit(what=what, used=used, most=setting.most, setting=f"`sysctl {setting.name}`"))
        return found

    def file_system(self, path: str) -> FileSystem | None:
        """Return what *path* lies on."""
        mount = read_mounts().of(os.path.realpath(path))
        if mount is None:
            return None
        return FileSystem(kind=mount.kind, network=mount.is_network, volatile=mount.kind in _VOLATILE)

    def _instances(self) -> Iterator[int]:
        """Yield the watches of each inotify instance of this user's processes (proc(5), /proc/pid/fdinfo)."""
        for process in self._proc.glob("[0-9]*"):
            try:
                if process.stat().st_uid != os.getuid():
                    continue
                for descriptor in (process / "fd").iterdir():
                    try:
                        if os.readlink(descriptor) == _INOTIFY:
                            said = (process / "fdinfo" / descriptor.name).read_bytes()
                            yield said.count(b"\ninotify wd:") + said.startswith(b"inotify wd:")
                    except OSError:  # it was closed meanwhile
                        continue
            except OSError:  # it is gone, or does not let itself be looked at
                continue


def _open_descriptors() -> int:
    with os.scandir("/dev/fd") as found:  # on Linux a link to /proc/self/fd
        return sum(1 for _ in found) - 1  # the one that looks
