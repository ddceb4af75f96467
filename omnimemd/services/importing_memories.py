"""Bring the memories of an export together with those that are here: nothing here is lost, whatever the file says.

A memory is the same one if its project and key are. Where its history goes on from the one that is here, what is
missing is added as it is. Where the two are different histories, the memory is left as it is here, or, if so wished,
what the file says from there on is put on top, as new versions.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from omnimem.model import ImportQuery
from omnimemd.domain import export_lines as lines
from omnimemd.domain.clock import Clock
from omnimemd.domain.export_values import Contradiction
from omnimemd.domain.exporting import accesses_of, amendment_of, memory_of, version_of
from omnimemd.domain.memories import Memory
from omnimemd.domain.memory_chains import Link, amended, final, merge, same_words, states
from omnimemd.services.import_counts import Fate, Tally
from omnimemd.services.import_reading import HistoryLine
from omnimemd.storage import memories as rows
from omnimemd.storage import memory_chains as chain_rows
from omnimemd.storage import memory_files
from omnimemd.storage.database import Connection


class Brought(msgspec.Struct, kw_only=True):
    """What became of a memory."""

    memory_id: str  #: here
    fate: Fate
    diverged: int | None = None  #: the first version that is another one here
    versions: Tally = msgspec.field(default_factory=Tally)
    amendments: Tally = msgspec.field(default_factory=Tally)

    def count(self, links: Sequence[Link], fate: Fate) -> None:
        """Count each of *links* with its amendments."""
        for link in links:
            self.versions.count(fate)
            for _ in link.amendments:
                self.amendments.count(fate)


class MemoryImport:
    """Takes memories, each with its whole history. Every method is part of a write."""

    def __init__(self, *, clock: Clock, new_token: Callable[[], str]) -> None:
        """Write at the time of *clock*; *new_token* makes an id where that of the file is taken."""
        self._clock = clock
        self._new_token = new_token

    def bring(
        self,
        db: Connection,
        line: lines.MemoryLine,
        history: Sequence[HistoryLine],
        *,
        project_id: str,
        query: ImportQuery,
    ) -> Brought:
        """Bring the memory of *line*, with its *history*, into the project *project_id*; in a dry run write nothing.

        Raises:
            Contradiction: the lines are not those of one memory, in their order.
        """
        there = chain_of(line, history)
        here = rows.find_by_key(db, project_id, line.memory_key)
        if here is None:
            brought = Brought(memory_id=self._id(db, line), fate=Fate.ADDED)
            brought.count(there, Fate.ADDED)
            if not query.dry_run:
                _store(db, memory_of(line, memory_id=brought.memory_id, project_id=project_id), there)
            return brought
        brought = self._merge(db, here, there, query)
        if not query.dry_run:
            _note_accesses(db, line, here)
        return brought

    def _id(self, db: Connection, line: lines.MemoryLine) -> str:
        """Return the id of a memory whose key is not here: its own, unless that is of another project here."""
        return f"mem_{self._new_token()}" if rows.exists(db, line.memory_id) else line.memory_id

    def _merge(self, db: Connection, here: Memory, there: Sequence[Link], query: ImportQuery) -> Brought:
        mine = list(chain_rows.links(db, here.memory_id))
        found = merge(mine, there)
        brought = Brought(memory_id=here.memory_id, fate=Fate.UNCHANGED, diverged=found.diverged)
        if found.diverged is not None:
            brought.count(there[: len(there) - len(found.theirs)], Fate.UNCHANGED)
            self._settle(db, here, mine, found.theirs, query, brought)
            return brought
        brought.count(there[: len(there) - len(found.missing)], Fate.UNCHANGED)
        brought.count(found.missing, Fate.ADDED)
        brought.amendments.count(Fate.UNCHANGED, -len(found.amendments))
        brought.amendments.count(Fate.ADDED, len(found.amendments))
        if found.amendments or found.missing:
            brought.fate = Fate.UPDATED
            if not query.dry_run:
                for amendment in found.amendments:
                    here = amended(here, amendment)
                    rows.save(db, here, at=amendment.at)
                _store(db, here, found.missing)
        return brought

    def _settle(
        self,
        db: Connection,
        here: Memory,
        mine: Sequence[Link],
        theirs: Sequence[Link],
        query: ImportQuery,
        brought: Brought,
    ) -> None:
        """Do with *theirs*, which are other versions than those that are here, as *query* wishes."""
        if query.on_conflict == "ours":
            brought.fate = Fate.CONFLICTING
            brought.count(theirs, Fate.CONFLICTING)
            return
        wanted = [final(here, link) for link in theirs]
        latest = [final(here, link) for link in mine[-len(wanted) :]]
        if len(latest) == len(wanted) and all(map(same_words, latest, wanted)):
            brought.count(theirs, Fate.UNCHANGED)  # an earlier import has put them there
            return
        brought.fate = Fate.UPDATED
        brought.count(theirs, Fate.ADDED)
        now = max(self._clock.now(), here.updated_at)
        if not query.dry_run:
            for version, memory in enumerate(wanted, start=here.version + 1):
                rows.save(db, replace(memory, version=version, updated_at=now), at=now)


def chain_of(line: lines.MemoryLine, history: Sequence[HistoryLine]) -> list[Link]:
    """Return the links that the lines of *history* are.

    Raises:
        Contradiction: they are not those of the memory of *line*, in their order.
    """
    links: list[Link] = []
    for one in history:
        if one.memory_id != line.memory_id:
            raise Contradiction(f"memory_id: {one.memory_id} is not the memory before it, which is {line.memory_id}")
        latest = links[-1].version.version if links else 0
        match one:
            case lines.VersionLine():
                if one.version <= latest:
                    raise Contradiction(f"version: {one.version} is not above {latest}, which is before it")
                links.append(Link(version_of(one)))
            case lines.AmendmentLine():
                if one.version != latest:
                    raise Contradiction(f"version: {one.version} is not the version before it")
                links[-1] = Link(links[-1].version, (*links[-1].amendments, amendment_of(one)))
    if not links or links[-1].version.version != line.version:
        raise Contradiction(f"version: the current one is {line.version}, and it is not the last that follows")
    return links


def _store(db: Connection, memory: Memory, links: Sequence[Link]) -> None:
    """Write *links* of *memory*, as they once were written."""
    for state, at in states(memory, links):
        rows.save(db, state, at=at)
    memory_files.take_as_they_are(db, memory.memory_id)


def _note_accesses(db: Connection, line: lines.MemoryLine, here: Memory) -> None:
    """Have the greater count and the later access of both, so that doing it again changes nothing."""
    count, at = accesses_of(line)
    if count > here.accessed_count or at > here.last_accessed:
        rows.count_accesses(db, {here.memory_id: (max(count - here.accessed_count, 0), at)})
