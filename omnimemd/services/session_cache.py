"""Sessions in memory, between the rows of the database: what is used now is not read and written each time.

Every entry is a row of its own the moment it is answered. A session's row, with its last activity, its figures and its
folded context, is written later, in one go: all of it can be made again from the entries, and is, when a session is
loaded whose entries go on behind its folded context.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from omnimem.errors import SessionNotFound, StoreUnavailable
from omnimem.model import EntryKind
from omnimemd.domain.claims import Claims
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.context import ContextFold
from omnimemd.domain.entries import Entry, Gap, Numbered
from omnimemd.domain.sessions import Session, touch
from omnimemd.storage import digests as digest_rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import segments
from omnimemd.storage import sessions as session_rows
from omnimemd.storage.database import Connection, Database
from omnimemd.storage.segments import Segment, Totals

#: Sessions kept in memory beyond those in use; a folded context is about 500 bytes a file.
_KEPT: Final = 64
#: Entries behind the folded context after which it is folded anew: at least these, or as many as it holds already, so
#: that folding costs the same per entry however long the session is.
_FOLD_EVERY: Final = 1_000
#: The kinds of entries that are in the search index.
INDEXED: Final = (EntryKind.SEARCH, EntryKind.DECISION)


class Held:
    """One session in memory. Mutable; belongs to the event loop's thread."""

    __slots__ = ("_session", "fold", "fold_saved", "key", "look_at", "packed", "saved")

    def __init__(self, stored: session_rows.Stored) -> None:
        """Hold *stored*."""
        self.key = stored.key
        self._session = stored.session
        self.fold: ContextFold | None = None  #: None until an entry or the context is asked for
        self.fold_saved = 0  #: the fold's last entry that the row knows
        self.saved = True  #: whether the row's other columns are as here
        self.packed = Totals()  #: what of it is held compressed
        self.look_at = 0  #: the entry with which there may be more that is to be

    @property
    def session(self) -> Session:
        """The session as it is now."""
        if self.fold is None:
            return self._session
        size = self.fold.size_bytes - self.packed.spared
        return replace(self._session, metrics=self.fold.metrics(), size_bytes=size)

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session
        self.saved = False

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._session.session_id

    @property
    def active(self) -> bool:
        """Whether the session still runs."""
        return self._session.active

    @property
    def workspace(self) -> str:
        """The session's folder."""
        return self._session.workspace

    def hold_packed(self, totals: Totals) -> None:
        """Take note of how much of it is held compressed."""
        self._session = replace(self._session, size_bytes=self._session.size_bytes - totals.spared + self.packed.spared)
        self.packed = totals
        self.saved = False

    def touch(self, at: Millis) -> None:
        """Note activity at *at*; an ended session keeps its times."""
        self._session = touch(self._session, at=at)
        self.saved = False


def at_once(kinds: Collection[EntryKind]) -> int:
    """Return how many entries of *kinds* are deleted in one transaction, which is to take some milliseconds."""
    return 10 if any(kind in INDEXED for kind in kinds) else 500  # to leave the index takes a millisecond each


class SessionCache:
    """Loads sessions, appends to them, and writes their rows back. Belongs to the event loop's thread."""

    def __init__(self, *, database: Database, claims: Claims, clock: Clock) -> None:
        """Hold sessions of *database*; *claims* knows what is the same access."""
        self._database = database
        self._claims = claims
        self._clock = clock
        self._held: OrderedDict[str, Held] = OrderedDict()  # the latest used last
        self._on_outgrown: list[Callable[[str], None]] = []
        self._on_piled_up: Callable[[str], None] = lambda session_id: None
        self.era = 0  #: another one once entries went: what was made of them before must not be kept
        database.on_lost_commit(self._lose)
        database.on_lost_commit(claims.clear)

    def on_outgrown(self, callback: Callable[[str], None]) -> None:
        """Have *callback* called with the id of a session when so much came to it that what was made of it is old.

        That is the case with whatever is recorded in one that had ended.
        """
        self._on_outgrown.append(callback)

    def on_piled_up(self, callback: Callable[[str], None]) -> None:
        """Have *callback* called with the id of a session that runs when it may have entries to be compressed."""
        self._on_piled_up = callback

    def find(self, session_id: str) -> Held | None:
        """Return the session of *session_id*, None when there is none."""
        held = self._held.get(session_id)
        if held is not None:
            self._held.move_to_end(session_id)
            return held
        return self._database.read_now(lambda db: self._load(db, session_id))

    def peek(self, session_id: str) -> Held | None:
        """Return the session of *session_id* if it is in memory."""
        return self._held.get(session_id)

    def get(self, session_id: str) -> Held:
        """Return the session of *session_id*.

        Raises:
            SessionNotFound: there is none.
        """
        held = self.find(session_id)
        if held is None:
            raise SessionNotFound(f"No session '{session_id}'.")
        return held

    def hold(self, key: int, session: Session) -> Held:
        """Hold a session that was stored this moment."""
        held = self._held[session.session_id] = Held(session_rows.Stored(key, session))
        held.fold = ContextFold(workspace=held.workspace)
        held.look_at = segments.MOST + segments.KEPT
        return held

    def fold(self, held: Held) -> ContextFold:
        """Return the folded context of *held*, up to its last entry."""
        if held.fold is None:
            held.fold = self._database.read_now(lambda db: self._folded(db, held))
        return held.fold

    def append(self, db: Connection, held: Held, new: Sequence[Entry]) -> list[Numbered]:
        """Store *new* entries in *held* and fold them in; the last step of a write, as nothing may fail behind it.

        Entries for an ended session are kept; its times stay as they were.
        """
        fold = held.fold
        if fold is None:
            fold = held.fold = self._folded(db, held)
        numbered = self._claims.numbered(held.session_id, new, first=fold.through + 1)
        self._store(db, held, fold, numbered)
        return numbered

    def adopt(self, db: Connection, held: Held, numbered: Sequence[Numbered]) -> None:
        """Store entries that have their numbers already, each above those of *held*; as `append` in all else."""
        self._store(db, held, self.fold(held), numbered)

    def save_row(self, db: Connection, held: Held) -> None:
        """Write the row of *held*; its folded context, which may be large, follows when there is time."""
        session_rows.update(db, session_rows.Stored(held.key, held.session))
        held.saved = True

    def save(self, db: Connection, held: Held) -> None:
        """Write the row of *held* and its folded context."""
        self.save_row(db, held)
        if held.fold is not None and held.fold.through > held.fold_saved:
            self._save_fold(db, held, held.fold)

    def save_unfolded(self, db: Connection) -> None:
        """Load and write each session whose entries go on behind its folded context: the daemon was killed."""
        for session_id in session_rows.with_tail(db):
            held = self.get(session_id)
            self.fold(held)
            self.save(db, held)

    def save_rows(self, db: Connection) -> None:
        """Write the rows that are behind, without their folded contexts: what lists of sessions are made from."""
        for held in self._held.values():
            if not held.saved:
                self.save_row(db, held)

    def save_all(self, db: Connection) -> None:
        """Write everything that is behind."""
        for held in self._held.values():
            if not held.saved or (held.fold is not None and held.fold.through > held.fold_saved):
                self.save(db, held)

    def thin(
        self, db: Connection, held: Held, kinds: Collection[EntryKind], *, before: Millis | None, limit: int
    ) -> entry_rows.Removed:
        """Delete up to *limit* entries of *kinds*, from before *before* or all, as part of a write; return what went.

        What of them was said leaves the folded context with the first; files stay in it, as one line each. Of those
        that are held compressed more than *limit* may go at once, as many as one segment holds.
        """
        fold = held.fold
        if fold is None:
            fold = held.fold = self._folded(db, held)
        self.era += 1
        forgotten = fold.forget(kinds, before=before)
        if forgotten:
            digest_rows.forget(db, held.key, kinds, before=before, work=fold.work())
        removed = entry_rows.remove(db, held.key, kinds, before=before, limit=limit)
        fold.size_bytes -= removed.size
        held.hold_packed(segments.totals(db, held.key))
        self.save_row(db, held)
        if forgotten or not removed.more or fold.through > held.fold_saved:
            self._save_fold(db, held, fold)
        self._make_room(db)
        return removed

    def pack(self, db: Connection, held: Held, segment: Segment) -> None:
        """Hold older entries of *held* compressed from now on; the last step of a write.

        Raises:
            Changed: they are not there any more as they were; the write is to fail.
        """
        segments.put(db, held.key, segment)
        held.hold_packed(segments.totals(db, held.key))
        self.save_row(db, held)

    async def write_rows(self) -> None:
        """Bring the rows up to date, if they are behind, for a read that asks the database.

        A store that cannot be written can still be read: the rows are shown as they are then.
        """
        if any(not held.saved for held in self._held.values()):
            with suppress(StoreUnavailable):
                await self._database.write(self.save_rows)

    def forget(self, session_id: str) -> None:
        """Hold the session no longer: it is deleted."""
        self.era += 1
        self._held.pop(session_id, None)

    def _lose(self) -> None:
        """Hold nothing that was not kept."""
        self.era += 1
        self._held.clear()

    def _store(self, db: Connection, held: Held, fold: ContextFold, numbered: Sequence[Numbered]) -> None:
        sizes = entry_rows.insert(db, held.key, numbered)
        if fold.through - held.fold_saved >= max(_FOLD_EVERY, held.fold_saved):
            self._save_fold(db, held, fold)
            self._outgrown(held)
        elif not held.active:
            self._outgrown(held)
        if fold.through >= held.look_at:
            held.look_at = fold.through + segments.MOST
            self._on_piled_up(held.session_id)
        self._make_room(db)
        self._apply(held, fold, numbered, sizes)

    def _outgrown(self, held: Held) -> None:
        for callback in self._on_outgrown:
            callback(held.session_id)

    def _apply(self, held: Held, fold: ContextFold, numbered: Sequence[Numbered], sizes: Sequence[int]) -> None:
        latest = Millis(0)
        for one, size in zip(numbered, sizes, strict=True):
            fold.apply(one, size=size)
            if not isinstance(one.entry, Gap):  # that nothing was seen is no activity
                latest = max(latest, one.entry.at)
        held.touch(min(latest, self._clock.now()))

    def _load(self, db: Connection, session_id: str) -> Held | None:
        stored = session_rows.find(db, session_id)
        if stored is None:
            return None
        held = self._held[session_id] = Held(stored)
        held.packed = segments.totals(db, stored.key)
        held.look_at = held.packed.through + segments.MOST + segments.KEPT
        if session_rows.has_tail(db, stored.key):
            held.fold = self._folded(db, held)
        return held

    def _folded(self, db: Connection, held: Held) -> ContextFold:
        snapshot = session_rows.fold_of(db, held.key)
        if snapshot is None:
            fold = ContextFold(workspace=held.workspace)
        else:
            fold = ContextFold.restore(snapshot, workspace=held.workspace)
        held.fold_saved = fold.through
        tail = entry_rows.after(db, held.key, fold.through)
        if tail:
            self._apply(held, fold, [one for one, _ in tail], [size for _, size in tail])
        return fold

    def _save_fold(self, db: Connection, held: Held, fold: ContextFold) -> None:
        session_rows.save_fold(db, held.key, snapshot=fold.snapshot(), through=fold.through)
        held.fold_saved = fold.through

    def _make_room(self, db: Connection) -> None:
        while len(self._held) > _KEPT:
            _, oldest = self._held.popitem(last=False)
            if not oldest.saved or (oldest.fold is not None and oldest.fold.through > oldest.fold_saved):
                self.save(db, oldest)
