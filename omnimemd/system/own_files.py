"""The daemon's own files: whose they are, and how much room there is for them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path


class SystemOwnFiles:
    """The port `OwnFiles`: what is in the data directory, and the place of the socket."""

    def __init__(self, *, data_dir: Path, socket: Path) -> None:
        """Look after these."""
        self._data_dir = data_dir
        self._socket = socket

    def loose(self) -> list[str]:
        """Return the paths that other users may read, enter or write."""
        return [os.fspath(path) for path, mode in self._modes() if mode & 0o077]

    def tighten(self) -> list[str]:
        """Take them from other users; return those that were. What has a second name may be any file of its user's."""
        done: list[str] = []
        for path, mode in self._modes():
            if mode & 0o077 and not _has_another_name(path):
                path.chmod(mode & 0o700)  # by its name: to open the database here would drop SQLite's locks on it
                done.append(os.fspath(path))
        return done

    def free_bytes(self) -> int:
        """Return how much a program of this user can still write where the database is."""
        found = os.statvfs(self._data_dir)
        return found.f_bavail * found.f_frsize

    def _modes(self) -> Iterator[tuple[Path, int]]:
        """Yield each file and directory of this user's with its permissions; links are passed over."""
        for path in dict.fromkeys(self._paths()):  # the socket may be in the data directory
            try:
                found = path.lstat()
            except OSError:  # it went meanwhile
                continue
            if found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode):
                yield path, stat.S_IMODE(found.st_mode)

    def _paths(self) -> Iterator[Path]:
        place = self._socket.parent
        yield from (self._data_dir, place)
        yield from place.glob(self._socket.stem + ".*")
        for folder, folders, files in os.walk(self._data_dir):
            yield from (Path(folder, name) for name in (*folders, *files))


def _has_another_name(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:  # it went meanwhile
        return True
    return stat.S_ISREG(found.st_mode) and found.st_nlink > 1
