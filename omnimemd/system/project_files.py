"""What `.omnimem.toml` says, read again only when it changed.

Each reading is one that a watcher of its folder would report; the watcher itself reads without being seen. So who else
wants to know shares what the watcher has read.
"""

import os
import stat
import tomllib
from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.model import Id
from omnimemd.domain.redaction import redact
from omnimemd.system.small_files import read_small

OMNIMEM_TOML: Final = ".omnimem.toml"
_KEPT: Final = 256


class ProjectFile(msgspec.Struct, frozen=True):
    """What `.omnimem.toml` may say; other members are ignored."""

    project_id: Id | None = None
    name: str | None = None
    track: bool = True
    ignore: tuple[str, ...] = ()


class ProjectFileMistake(ValueError):
    """The file is not TOML, or a member is not of its type; the text says what is wrong, and where."""


class ProjectFiles:
    """Reads them; may be asked on any thread."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._known: dict[str, tuple[tuple[int, ...], ProjectFile | str]] = {}

    def read(self, path: str) -> ProjectFile | None:
        """Return what the file at *path*, which may be a link, says; None when no file is there.

        Raises:
            ProjectFileMistake: it cannot be understood.
        """
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = self._known.get(path)
        if known is None or known[0] != version:
            text = read_small(path, follow=True)
            if text is None:
                return None
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[path] = version, _parsed(path, text)
        if isinstance(known[1], str):
            raise ProjectFileMistake(known[1])
        return known[1]


def _parsed(path: str, text: bytes) -> ProjectFile | str:
    try:
        found = msgspec.convert(tomllib.loads(text.decode("utf-8")), ProjectFile)
        return found if found.name is None else replace(found, name=redact(found.name).value)
    except (ValueError, msgspec.ValidationError) as error:
        return f"{path} has a mistake: {error}"
