"""Where damaged files are kept as they were found, each time in a folder of its own. Nothing here deletes any.

The folder says what is lost in a file, `loss.json`, before anything is moved: whatever interrupts the work, the next
start knows. The database has the same in a row of `losses`, written once it can be.
"""

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis, rfc3339
from omnimemd.storage.losses import LossReason
from omnimemd.storage.private_files import put, read_plain, sync_directory

log = logging.getLogger(__name__)

FOLDER: Final = "quarantine"
_LOSS: Final = "loss.json"
_SUFFIXES: Final = ("-wal", "-shm")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a loss before there is a database to keep it in."""

    reason: LossReason
    started_at: Millis | None = None  #: None: of all that was, or of what came after the last thing that is there
    after_last: bool = False  #: the second of these
    ended_at: Millis
    found_at: Millis
    why: str  #: what was seen, for a person
    restored_from: str | None = None
    put_aside: bool = False  #: that backup has what a person had put an older one in the place of
    seen_at: Millis | None = None  #: here too, as the database may give way to one that is older than this


class Quarantine:
    """One folder, and the database whose files go there."""

    def __init__(self, database: Path, told: Told) -> None:
        """Make the folder, and keep *told* in it.

        Raises:
            OSError: there is no room for it.
        """
        self._database = database
        parent = database.parent / FOLDER
        parent.mkdir(mode=0o700, exist_ok=True)
        parent.chmod(0o700)
        self.folder = _made(parent, told.found_at)
        _keep(self.folder, told)
        sync_directory(self.folder)
        sync_directory(parent)

    @property
    def name(self) -> str:
        """The folder below the data directory."""
        return f"{FOLDER}/{self.folder.name}"

    def cut_log(self, keep: int) -> None:
        """Keep the log aside, and leave its first *keep* bytes where it was; the wal-index is of neither.

        Raises:
            OSError: it could not be done; the log is where it was, or as it is to be.
        """
        log, index = (Path(f"{self._database}{suffix}") for suffix in _SUFFIXES)
        if index.exists():
            index.rename(self.folder / index.name)
        if not log.exists():
            return
        if keep:
            shutil.copy2(log, self.folder / log.name)
            with log.open("rb") as file:
                sound = file.read(keep)
            put(log, sound, sync=True)
        else:
            log.rename(self.folder / log.name)
        sync_directory(self._database.parent)

    def replace(self, new: Path | None) -> None:
        """Keep the database with its log aside, and put *new* in its place; None: nothing.

        Raises:
            OSError: it could not be done; nothing is where the database was, or that, or *new*.
        """
        for suffix in (*_SUFFIXES, ""):  # the log first: it must not meet another database
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._database}{suffix}").rename(self.folder / f"{self._database.name}{suffix}")
        if new is not None:  # before, nothing is there: a start that finds that does all of this again
            new.replace(self._database)
        sync_directory(self.folder)
        sync_directory(self._database.parent)


def every(database: Path) -> Iterator[tuple[str, Told]]:
    """Yield what each folder beside *database* says is lost, with its name, oldest first."""
    for place in sorted((database.parent / FOLDER).glob(f"*/{_LOSS}")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            yield f"{FOLDER}/{place.parent.name}", msgspec.json.decode(read_plain(place), type=Told)


def seen(database: Path, *, at: Millis) -> None:
    """Keep in each folder beside *database* that a person was told of it; the log says where that cannot be."""
    for name, told in every(database):
        if told.seen_at is None:
            try:
                _keep(database.parent / name, msgspec.structs.replace(told, seen_at=at))
            except OSError as error:
                log.warning("loss not noted as seen", extra={"kept": name, "reason": error.strerror})


def sizes(database: Path) -> dict[Path, int]:
    """Return each folder beside *database* with its bytes, oldest first; what was removed meanwhile counts nothing."""
    with contextlib.suppress(OSError):
        folders = sorted(one for one in (database.parent / FOLDER).iterdir() if one.is_dir() and not one.is_symlink())
        return {folder: sum(map(_bytes, folder.iterdir())) for folder in folders}
    return {}


def _keep(folder: Path, told: Told) -> None:
    put(folder / _LOSS, msgspec.json.format(msgspec.json.encode(told), indent=2), sync=True)


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0


def _made(parent: Path, at: Millis) -> Path:
    stamp = rfc3339(at).replace(":", "").replace("-", "")
    number = 1
    while True:
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder
