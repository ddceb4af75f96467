"""Whether the files that are open are still the database that is found at its path.

A file that was deleted, moved or replaced takes writes as ever, and gives them back as long as it is open: nothing but
a look at its path says that the next start will not find them. A file that was cut to nothing is no database either,
and whoever opens it by its path has SQLite remove its log. One that another file was copied over is another database.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

from omnimemd.storage import belonging, place, run_note
from omnimemd.storage.belonging import Mark
from omnimemd.storage.run_note import Facts

#: What nobody will find any more, and what to do about it.
_UNTIL: Final = "Nothing is stored until it is back, or omnimemd was restarted."


class Trouble(msgspec.Struct, frozen=True):
    """Why what is written would not be found again."""

    what: str
    only_missing: bool  #: nothing stands in the place of what is missing, and the directory is the one of before
    overwritten: bool = False  #: what is open is not what it was

    def __str__(self) -> str:
        """Say it to a person."""
        return f"{self.what}. {_UNTIL}"


class Presence:
    """Looks at the paths of files that are open; from any thread."""

    def __init__(self, database: Path, *, file: int, log: int, mark: Mark) -> None:
        """Know *database* and its log by the descriptors *file* and *log*, which stay open, and by its *mark*.

        Raises:
            OSError: they cannot be seen.
        """
        self._database = database
        self._folder = database.parent.stat()
        self._files = {database: os.fstat(file), Path(f"{database}-wal"): os.fstat(log)}
        self._file, self._log, self._mark = file, log, mark
        self._facts = run_note.facts(database)

    def known_by(self, mark: Mark) -> None:
        """Have the database known by *mark* from now on, after the next start too: it was changed by ourselves."""
        self._mark = mark
        run_note.known_by(self._database, mark)

    def trouble(self) -> Trouble | None:
        """Return what is not as it should be, None where all is: two stat calls, if it was not written to."""
        missing = None
        for path, opened in self._files.items():
            try:
                found = path.stat()
            except FileNotFoundError:
                missing = missing or path
                continue
            except OSError as error:
                return Trouble(f"{path} cannot be seen: {error.strerror}", only_missing=False)
            if not os.path.samestat(found, opened):
                return Trouble(f"{path} was replaced by another file", only_missing=False)
            if path == self._database and found.st_size < place.SMALLEST:
                return Trouble(f"{path} was cut to nothing", only_missing=False, overwritten=True)
            if path == self._database and self._is_overwritten(Facts(found.st_size, found.st_mtime_ns)):
                return Trouble(f"Another file was copied over {path}", only_missing=False, overwritten=True)
        if missing is None:
            return None
        return Trouble(f"{missing} was deleted or moved", only_missing=self.in_its_folder())

    def _is_overwritten(self, facts: Facts) -> bool:
        if facts == self._facts:
            return False
        if not belonging.belongs(self._mark, self._file, self._log):
            return True
        self._facts = facts
        return False

    def remove(self) -> None:
        """Remove those files that are still at their paths: what is somebody else's is left."""
        for path, opened in self._files.items():
            with contextlib.suppress(OSError):  # then the next start makes out what it is
                if os.path.samestat(path.lstat(), opened):
                    path.unlink()
                    if path != self._database:
                        Path(f"{self._database}-shm").unlink(missing_ok=True)

    def give_up(self) -> None:
        """Have the next start know, whenever it is, that the files at the paths may not belong together."""
        if self.in_its_folder():
            run_note.gone_astray(self._database)

    def in_its_folder(self) -> bool:
        """Return whether the directory of before is at its path: what is put there now will be found."""
        try:
            return os.path.samestat(self._database.parent.stat(), self._folder)
        except OSError:
            return False
