"""Before the database is opened: find out whether the last run ended by itself, and make good what a bad end left.

A run that closed its database leaves a note of it, and the file as the note says needs no look. Otherwise, before
SQLite opens anything, the log is looked at (`log_file`), then, before anything is served, the whole database
(`soundness`). What is damaged is mended where nothing is lost by it. What cannot be is kept aside as it is
(`quarantine`), and the best backup takes its place. What is lost is written down first, told, and becomes a row
of the database and a gap in each session that was open (`record`).
"""

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from omnimemd.domain.backups import Return
from omnimemd.domain.clock import Millis, rfc3339
from omnimemd.storage import (
    backups,
    belonging,
    lineage,
    log_file,
    losses,
    migrations,
    place,
    quarantine,
    restoring,
    run_note,
    soundness,
)
from omnimemd.storage.connections import roll_back
from omnimemd.storage.errors import DatabaseUnusable
from omnimemd.storage.lineage import Spare
from omnimemd.storage.losses import Loss, LossReason
from omnimemd.storage.quarantine import Quarantine, Told
from omnimemd.storage.soundness import Unsound

log = logging.getLogger(__name__)

#: Seconds between two words on how long it takes.
_SPEAK_SECONDS: Final = 5.0
#: A file's time is that of the kernel's last tick, and what was written then is answered a moment later.
_MOMENT_MS: Final = 1_000
#: The header of a database: how it begins, and where user_version and application_id are (fileformat2.html).
_MAGIC: Final = b"SQLite format 3\0"
_SCHEMA_AT: Final = 60
_WHOSE_AT: Final = 68
_HEADER_BYTES: Final = 100


#: Where the daemon writes down when it did something.
_TIMES: Final = (
    "SELECT at FROM canary",
    "SELECT at FROM entries WHERE source = 2",
    "SELECT created_at AS at FROM sessions",
    "SELECT seen_alive_at AS at FROM sessions",
    "SELECT created_at AS at FROM idempotency_keys",
    "SELECT updated_at AS at FROM project_memories",
    "SELECT created_at AS at FROM checkpoints",
    "SELECT at FROM briefings",
)


def make_sound(
    path: Path, *, boot: str, now: Millis, spare: Callable[[], Spare | None], tell: Callable[[str], None]
) -> None:
    """Have the database at *path* such that it can be opened and relied on, whatever the last run left. Takes long.

    Args:
        path: nobody has it open, and nobody else will.
        boot: which start of the machine this is; empty: it is not known.
        now: the present.
        spare: looks for what may take the place of a database that cannot be mended.
        tell: called with a sentence on what is being done, every few seconds while it lasts.

    Raises:
        SchemaTooNew: it was written by a newer program, and beside it is what an older one left.
        DatabaseUnusable: it cannot be looked at, or what is damaged cannot be set aside.
    """
    place.check(path)
    try:
        _Mending(path, boot=boot, now=now, spare=spare, tell=tell).run()
    except (OSError, apsw.Error) as error:
        raise DatabaseUnusable(f"{path} cannot be looked over: {error}") from error


class _Mending:
    """One look at one database."""

    def __init__(
        self, path: Path, *, boot: str, now: Millis, spare: Callable[[], Spare | None], tell: Callable[[str], None]
    ) -> None:
        self._path = path
        self._spare = spare
        self._log = Path(f"{path}-wal")
        self._now = now
        self._tell = tell
        self._note = run_note.read(path)
        self._was_closed = self._note is not None and self._note.closed is not None
        self._restarted = self._note is None or not boot or self._note.boot != boot
        self._written = self._last_written()
        self._spoke = time.monotonic()

    def run(self) -> None:
        """Look, and mend."""
        there, logged = _bytes(self._path), _bytes(self._log)
        foreign = bool(there and logged) and self._is_foreign()
        if not there and not logged:
            if self._has_been_here():
                self._restore("the database file is gone")
            return
        note = self._note
        if not logged and note is not None and note.sound and note.closed == run_note.facts(self._path):
            return
        if there and self._is_anothers(foreign=foreign):
            if foreign:  # to open it would bring the log into it
                raise backups.instead_of(self._path, migrations.too_new(self._header()[0]))
            return  # opening refuses it, and leaves it as it is
        if foreign and (not self._restarted or (note is not None and note.astray)):
            log.warning("another file is in the place of the database", extra={"reason": "the log is not its own"})
            if self._sound_without_log("the database was replaced by another file, and the log is not of that"):
                return
            self._restore("another file is in its place, and is damaged")
            return
        crashed = self._note is not None and self._note.closed is None
        found = log_file.examine(self._path, crashed=crashed, restarted=self._restarted)
        if not there:
            self._restore("the database file is gone, and only its log is left")
            return
        if found.lost:
            self._lose_log(found.lost, keep=found.keep or 0)
        elif found.keep is not None:
            log.warning("log set aside", extra={"reason": "what is damaged in it is in the database"})
            self._drop_log()
        try:
            self._check()
        except Unsound as error:
            why = "the log does not belong to the database"
            if not logged or found.lost or found.proven or not self._sound_without_log(why):
                self._restore(str(error))

    def _is_foreign(self) -> bool:
        """Tell whether the file is none that the log goes on from; after a power cut the note may know it no more."""
        note = self._note
        return note is not None and note.closed is None and not belonging.belongs_to_log(note.mark, self._path)

    def _sound_without_log(self, why: str) -> bool:
        """Set a log aside that is, or may be, of another database; tell whether that was all."""
        self._lose_log(why, keep=0)
        try:
            self._check()
        except Unsound:
            return False
        return True

    def _check(self) -> None:
        self._say("The database was not closed by its last run, or was changed since: it is looked over.")
        schema = None if self._note is None else self._note.schema
        mended = soundness.check(self._path, schema=schema, going_on=self._go_on)
        if mended:
            log.warning("database mended", extra={"made_anew": ", ".join(mended)})

    def _lose_log(self, why: str, *, keep: int) -> None:
        if not _bytes(self._log):  # whoever wrote it may have gone on after its name was gone
            self._written = self._now
        told = self._told(LossReason.LOG, why, after_last=True)
        kept = Quarantine(self._path, told)
        kept.cut_log(keep)
        _cry(told, kept)

    def _drop_log(self) -> None:
        for suffix in ("-shm", "-wal"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _restore(self, why: str) -> None:
        """Put the best backup in the place of the database."""
        self._say(f"The database is damaged ({why}). Looking for a good backup.")
        if _bytes(self._path) < place.SMALLEST or not (self._was_closed or _bytes(self._log)):
            self._written = self._now  # whoever had it open may have gone on writing to what has no name any more
        spare = self._spare()
        if spare is None:
            told = self._told(LossReason.DATABASE, why)
            kept = Quarantine(self._path, told)
            kept.replace(None)
        else:
            told = self._told(LossReason.DATABASE, why, spare=spare)
            new = Path(f"{self._path}.new")
            shutil.copyfile(spare.path, new)
            new.chmod(0o600)
            with new.open("rb") as file:
                os.fsync(file.fileno())
            kept = Quarantine(self._path, told)
            kept.replace(new)
            lineage.add(self._path, Return(to=spare.made_at, at=self._now))
        _cry(told, kept)

    def _has_been_here(self) -> bool:
        """Tell whether there was a database, which the user would have removed with all that lies beside it."""
        if restoring.is_prepared(self._path):  # a person says what is to be there
            return False
        return (
            self._note is not None
            or bool(quarantine.sizes(self._path))
            or bool(backups.found(backups.folder_of(self._path)))
        )

    def _is_anothers(self, *, foreign: bool) -> bool:
        """Tell whether the file is one that is refused as it is: a newer program's, or not of omnimemd at all."""
        note, known = self._note, len(migrations.steps())
        if note is not None and (note.closed is None or note.closed == run_note.facts(self._path)):
            if note.schema > known:
                return True
            if _bytes(self._log) and not foreign:  # what is in the log counts, whatever the file says
                return False
        schema, application = self._header()
        if note is None:
            return schema > known or application not in (0, migrations.APPLICATION_ID)
        # Another file than the note is of: a newer program's if it is sound, damage if it is not.
        return schema > known and application == migrations.APPLICATION_ID and backups.is_newer(self._path)

    def _header(self) -> tuple[int, int]:
        """Return which schema the file says it has, and whose it says it is; 0 of what is no database."""
        with self._path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        if not header.startswith(_MAGIC):
            return 0, 0
        return int.from_bytes(header[_SCHEMA_AT:][:4], "big"), int.from_bytes(header[_WHOSE_AT:][:4], "big")

    def _told(self, reason: LossReason, why: str, *, spare: Spare | None = None, after_last: bool = False) -> Told:
        return Told(
            reason=reason,
            started_at=None if spare is None else min(spare.made_at, self._written),
            after_last=after_last,
            ended_at=self._written,
            found_at=self._now,
            why=why,
            restored_from=None if spare is None else spare.name,
            put_aside=spare is not None and spare.put_aside,
        )

    def _last_written(self) -> Millis:
        """Return when anything was written last: nothing was answered after that."""
        times: list[int] = []
        for suffix in ("", "-wal", "-shm", "-run"):
            with contextlib.suppress(OSError):
                times.append(Path(f"{self._path}{suffix}").stat().st_mtime_ns // 1_000_000 + _MOMENT_MS)
        return Millis(min(max(times, default=self._now), self._now))

    def _say(self, what: str) -> None:
        log.info("%s", what)
        self._tell(what)

    def _go_on(self) -> None:
        if time.monotonic() - self._spoke >= _SPEAK_SECONDS:
            self._spoke = time.monotonic()
            self._say(f"The database ({_bytes(self._path) / 1e6:.0f} MB) is still being looked over.")


def record(db: apsw.Connection, path: Path) -> None:
    """Write into the database at *path* what is lost and not in it yet, with a gap in each session that was open.

    Raises:
        apsw.Error: the store failed.
    """
    known = {loss.kept: loss.seen_at for loss in losses.every(db)}
    for kept, told in quarantine.every(path):
        if kept in known:
            if known[kept] is None and told.seen_at is not None:  # it was told since this backup was made
                losses.seen(db, at=told.seen_at, kept=kept)
            continue
        started_at = told.started_at
        if told.after_last:
            started_at = min(_last_known(db, before=told.ended_at), told.ended_at)
        loss = Loss(
            started_at=started_at,
            ended_at=told.ended_at,
            found_at=told.found_at,
            reason=told.reason,
            kept=kept,
            restored_from=told.restored_from,
            put_aside=told.put_aside,
            seen_at=told.seen_at,
        )
        db.execute("BEGIN IMMEDIATE")
        try:
            losses.add(db, loss)
            losses.mark_sessions(db, loss)
            db.execute("COMMIT")
        finally:
            roll_back(db)


def _last_known(db: apsw.Connection, *, before: Millis) -> Millis:
    """Return a moment at or before the last thing in *db* was written, as close to it as can be told.

    Only times that the daemon set itself count: what callers say of times may lie anywhere.
    """
    found = [
        db.execute(f"SELECT coalesce(max(at), 0) FROM ({times}) WHERE at <= ?", (before,)).get  # noqa: S608 constants
        for times in _TIMES
    ]
    return Millis(max(found))


def _bytes(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _cry(told: Told, kept: Quarantine) -> None:
    """Say what is lost, so that nobody overlooks it."""
    since = "of everything" if told.started_at is None else f"since {rfc3339(told.started_at)}"
    if told.after_last:
        since = "of the last moments"
    instead = "NOTHING COULD BE RESTORED: an empty database took its place"
    if told.restored_from is not None:
        instead = f"backup {told.restored_from} took its place"
        if told.put_aside:
            instead += ", which has the state that an earlier restore put aside, as no other is whole"
    elif told.reason is LossReason.LOG:
        instead = "the database goes on without it"
    log.error(
        "PART OF THE DATABASE IS LOST: %s; what was recorded %s until %s may be gone. The damaged files are kept in "
        "%s, and %s. `omnimem status` shows it until `omnimem doctor --repair` says that you have seen it.",
        told.why,
        since,
        rfc3339(told.ended_at),
        kept.folder,
        instead,
    )
