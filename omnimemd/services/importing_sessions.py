"""Bring the sessions of an export together with those that are here: they keep their ids, and come ended.

A session is the same one if its id, tool, folder, project and beginning are. Entries keep their numbers: those that are
here already are compared, those that follow the last one here are added. A session that is active here is left alone.
"""

from typing import Final

import msgspec
from msgspec.structs import replace

from omnimem.errors import ImportInterrupted
from omnimemd.domain import checkpoints
from omnimemd.domain import export_lines as lines
from omnimemd.domain.entries import Numbered
from omnimemd.domain.export_values import Contradiction
from omnimemd.domain.exporting import session_of
from omnimemd.domain.exporting_checkpoints import checkpoint_of
from omnimemd.domain.exporting_entries import entry_of
from omnimemd.domain.sessions import Session
from omnimemd.services.import_counts import Fate
from omnimemd.services.session_cache import Held, SessionCache
from omnimemd.storage import checkpoints as checkpoint_rows
from omnimemd.storage import entries as entry_rows
from omnimemd.storage import sessions as session_rows
from omnimemd.storage.database import Connection

#: Entries that are here and read at once, to be compared.
_READ_AT_ONCE: Final = 500


class Thread(msgspec.Struct, kw_only=True):
    """A session whose entries are coming. Mutable; belongs to one import."""

    number: int  #: of its line in the file
    there: Session  #: as the file has it
    here: Session | None  #: as it was before
    known: int = 0  #: the last entry that was here before
    through: int = 0  #: the last entry of the file that came
    added: int = 0
    differs: str = ""  #: what is another here, if anything is
    read: dict[int, Numbered] = {}  #: entries that are here, up to `read_through`; they never change
    read_through: int = 0


class SessionImport:
    """Takes sessions with their entries. Every method is part of a write; in a dry run nothing is written."""

    def __init__(self, *, cache: SessionCache) -> None:
        """Write through *cache*."""
        self._cache = cache

    def begin(self, db: Connection, line: lines.SessionLine, *, project_id: str, number: int, dry_run: bool) -> Thread:
        """Return the session of *line* in the project *project_id*, ready to take its entries.

        Raises:
            Contradiction: its members contradict each other.
        """
        there = session_of(line, project_id=project_id)
        held = self._cache.find(there.session_id)
        if held is not None:
            known = self._cache.fold(held).through  # the last there ever was: retention may have let go of it
            return Thread(
                number=number, there=there, here=held.session, known=known, differs=_difference(held.session, there)
            )
        if not dry_run:
            self._cache.hold(session_rows.insert(db, there), there)
        return Thread(number=number, there=there, here=None)

    def resume(self, thread: Thread) -> None:
        """Take note of what became of the session of *thread* since its last entry was taken: others write it too.

        Raises:
            ImportInterrupted: it was deleted.
        """
        held = self._cache.find(thread.there.session_id)
        if held is not None:
            thread.known = self._cache.fold(held).through
            if held.session.active and not (thread.here is not None and thread.here.active):
                thread.differs = thread.differs or "it was taken up here meanwhile"
        elif thread.here is not None or thread.added:
            raise ImportInterrupted(f"Session '{thread.there.session_id}' was deleted while its entries came.")

    def take(self, db: Connection, thread: Thread, line: lines.EntryLine) -> tuple[Fate, Numbered | None]:
        """Take the next entry; return it as well if it is to be added, see `add`.

        Raises:
            Contradiction: it is not the next one.
        """
        if line.session_id != thread.there.session_id:
            raise Contradiction(f"session_id: the session before it is {thread.there.session_id}")
        if line.entry_id <= thread.through:
            raise Contradiction(f"entry_id: {line.entry_id} is not above {thread.through}")
        numbered = entry_of(line)
        thread.through = numbered.seq
        if not thread.differs and numbered.seq <= thread.known:
            found = self._here(db, thread, numbered.seq)
            if found is None or found == numbered:  # one that is gone here was erased on purpose
                return Fate.UNCHANGED, None
            thread.differs = f"entry {numbered.seq} is another one here"
        elif not thread.differs and thread.here is not None and thread.here.active:
            thread.differs = "it is active here, and the file has more of it"
        if thread.differs:
            return Fate.CONFLICTING, None
        thread.added += 1
        return Fate.ADDED, numbered

    def add(self, db: Connection, thread: Thread, new: list[Numbered]) -> None:
        """Store *new* entries in the session."""
        self._cache.adopt(db, self._held(thread), new)

    def take_checkpoint(self, db: Connection, thread: Thread, line: lines.CheckpointLine, *, dry_run: bool) -> Fate:
        """Take a checkpoint of the session.

        One that is here already stays as it is: what it may lack here was erased on purpose.

        Raises:
            Contradiction: it is of another session, or a time in it is none.
        """
        if line.session_id != thread.there.session_id:
            raise Contradiction(f"session_id: the session before it is {thread.there.session_id}")
        there = checkpoint_of(line, project_id=thread.there.project_id)
        here = checkpoint_rows.find(db, there.checkpoint_id)
        if here is not None and (here.session_id, here.created_at) == (there.session_id, there.created_at):
            return Fate.UNCHANGED
        if here is not None:
            thread.differs = thread.differs or f"checkpoint {there.checkpoint_id} is another one here"
        if thread.differs:
            return Fate.CONFLICTING
        if not dry_run:
            checkpoint_rows.insert(db, self._held(thread).key, there, checkpoints.packed(there.content))
        return Fate.ADDED

    def end(self, db: Connection, thread: Thread, *, dry_run: bool) -> Fate:
        """Say what became of the session of *thread*, whose entries have come."""
        if thread.here is None and not thread.differs:
            return Fate.ADDED
        if thread.here is not None and thread.added and not dry_run:
            held = self._held(thread)
            held.session = _longer(held.session, thread.there)
            self._cache.save_row(db, held)
        if thread.differs:
            return Fate.CONFLICTING
        return Fate.UPDATED if thread.added else Fate.UNCHANGED

    def _here(self, db: Connection, thread: Thread, seq: int) -> Numbered | None:
        """Return the entry of that *seq* that is here, None when there is none; they are read some at a time."""
        if seq > thread.read_through:
            found = entry_rows.page(db, self._held(thread).key, after=seq - 1, kind=None, limit=_READ_AT_ONCE)
            thread.read = {one.seq: one for one in found}
            thread.read_through = found[-1].seq if len(found) == _READ_AT_ONCE else thread.known
        return thread.read.get(seq)

    def forget(self, session_id: str) -> None:
        """Hold no longer what was not kept: it is read anew."""
        self._cache.forget(session_id)

    def _held(self, thread: Thread) -> Held:
        return self._cache.get(thread.there.session_id)


def _difference(here: Session, there: Session) -> str:
    """Return what says that the two are different sessions, "" when nothing does."""
    for member in ("tool_id", "workspace", "project_id", "created_at"):
        if getattr(here, member) != getattr(there, member):
            return f"its {member} is another one here"
    return ""


def _longer(here: Session, there: Session) -> Session:
    """Return *here*, ended when the later of the two ended."""
    ended = here if (here.ended_at or 0) >= (there.ended_at or 0) else there
    return replace(
        here,
        last_activity=max(here.last_activity, there.last_activity),
        ended_at=ended.ended_at,
        end_reason=ended.end_reason,
        end_detail=ended.end_detail,
    )
