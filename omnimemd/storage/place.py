"""What may stand where the database is to be: nothing, or a file that has this name alone."""

import stat
from pathlib import Path
from typing import Final

from omnimemd.storage.errors import DatabaseUnusable

#: Bytes that any database has which something was written to: its smallest page (fileformat2.html).
SMALLEST: Final = 512


def check(path: Path) -> None:
    """Refuse what SQLite would follow, wait for, or write to beside its log; for the log too.

    Raises:
        DatabaseUnusable: it is no file, or one that has another name somewhere.
    """
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        try:
            found = file.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DatabaseUnusable(f"{file} cannot be seen: {error.strerror}") from error
        if stat.S_ISLNK(found.st_mode):
            # The log lies beside the link or beside the file, by who opens it: with each of them half is missing.
            raise DatabaseUnusable(f"{file} is a symbolic link: move the file here, or link the data directory instead")
        if not stat.S_ISREG(found.st_mode):
            raise DatabaseUnusable(f"{file} is not a file: move it away")
        if found.st_nlink > 1:
            raise DatabaseUnusable(
                f"{file} has another name somewhere (a hard link), and may be written to by that: replace it by a copy"
            )
