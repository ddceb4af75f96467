"""The files that make omnimemd a service: written whole or not at all, known again later, removed with nothing else.

Each ends in a line that says who wrote it, with the digest of what stands above: so a file tells by itself whether
anybody changed it since, and there is no list of what was installed that could be lost, or be wrong.
"""

import enum
import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.text import shown_path

#: The last line: its digest, and how many folders above were made for it.
_STAMP: Final = re.compile(
    rb"\A(?P<text>.*\n)(?:# |<!-- )Written by `omnimem service install`: sha256 (?P<digest>[0-9a-f]{64}),"
    rb" folders (?P<folders>\d+)\.(?: -->)?\n\Z",
    re.DOTALL,
)
_MODE: Final = 0o644  # as service managers want theirs; they tell whoever asks what is in it


class FileState(enum.StrEnum):
    """What is found where a file is to be."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"  #: written by an installation, of another program or with other settings
    CHANGED = "changed"  #: by somebody, or not written by an installation


class ServiceFile(NamedTuple):
    """A file as it is to be."""

    path: Path
    text: str

    def state(self) -> FileState:
        """Look what is there."""
        found = _read(self.path)
        if found is None:
            return FileState.MISSING if not os.path.lexists(self.path) else FileState.CHANGED
        stamp = _stamp_of(found)
        if stamp is None:
            return FileState.CHANGED
        return FileState.CURRENT if stamp["text"].decode("utf-8", "replace") == self.text else FileState.OUTDATED

    def write(self) -> None:
        """Put it there, and its folders.

        Raises:
            CannotGoOn: that cannot be.
        """
        made = _folders_made(self.path)
        opening, closing = ("<!-- ", " -->") if self.path.suffix == ".plist" else ("# ", "")
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        line = f"{opening}Written by `omnimem service install`: sha256 {digest}, folders {made}.{closing}\n"
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _replace(self.path, (self.text + line).encode())
        except OSError as error:
            raise CannotGoOn(
                f"{shown_path(str(self.path))} cannot be written: {error.strerror}.", hint="Nothing was started."
            ) from None


def was_written(path: Path) -> bool:
    """Return whether an installation wrote what is at *path*, and nobody changed it."""
    return _stamp_of(_read(path) or b"") is not None


def remove(path: Path) -> None:
    """Remove a file that `was_written`, and the folders that were made for it if they are empty."""
    stamp = _stamp_of(_read(path) or b"")
    path.unlink(missing_ok=True)
    folders = list(path.parents)[: int(stamp["folders"]) if stamp is not None else 0]
    with suppress(OSError):  # somebody else's files are in one, so in those above as well
        for folder in folders:
            folder.rmdir()


def text_of(path: Path) -> str:
    """Return what is at *path*; nothing where nothing can be read."""
    return (_read(path) or b"").decode("utf-8", "replace")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None


def _stamp_of(data: bytes) -> re.Match[bytes] | None:
    found = _STAMP.match(data)
    if found is None or hashlib.sha256(found["text"]).hexdigest() != found["digest"].decode():
        return None
    return found


def _folders_made(path: Path) -> int:
    """Return how many folders above *path* are there for it alone: made now, or before, for it or for one beside it."""
    stamps = map(_stamp_of, (_read(one) or b"" for one in path.parent.glob("*")))
    told = (int(stamp["folders"]) for stamp in stamps if stamp is not None)
    return max(told, default=sum(not folder.exists() for folder in path.parents))


def _replace(path: Path, data: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise
