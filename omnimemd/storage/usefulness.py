"""What briefings showed to sessions, and what of that was used; which memories a session read."""

from collections.abc import Mapping, Sequence
from typing import Final

import apsw
import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.usefulness import WEAK, Item, ItemKind, Outcome, Use, Used, Watched

#: How long it is known what a briefing showed.
KEPT_MS: Final = 365 * 24 * 3600 * 1000
_WEAK: Final = ", ".join(f"'{how}'" for how in sorted(WEAK))


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A briefing that was given to a session."""

    session: int  #: its key
    project_id: str
    at: Millis
    max_tokens: int
    tokens: int
    through: int  #: the last entry of the session then
    items: Sequence[Item]


class MemoryRead(msgspec.Struct, frozen=True):
    """That a session read a memory."""

    memory_id: str
    first_at: Millis
    last_at: Millis
    found: bool  #: only as the first that a search found


def deliver(db: apsw.Connection, delivered: Delivered) -> None:
    """Keep what a briefing showed; an item that the session was shown before counts as shown then."""
    db.execute(
        "INSERT INTO briefings (session, project_id, at, max_tokens, tokens, entries_before, through) "
        "VALUES (:session, :project_id, :at, :max_tokens, :tokens, :through, :through)",
        {name: getattr(delivered, name) for name in ("session", "project_id", "at", "max_tokens", "tokens", "through")},
    )
    number = db.last_insert_rowid()
    db.executemany(
        "INSERT INTO briefing_items (session, kind, source, file, briefing) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(delivered.session, str(one.kind), one.source, one.file, number) for one in delivered.items],
    )
    forget_old(db, now=delivered.at)


def forget_old(db: apsw.Connection, *, now: Millis) -> None:
    """Let go of what briefings showed more than a year ago."""
    db.execute("DELETE FROM briefings WHERE at <= ?", (now - KEPT_MS,))


def watched(db: apsw.Connection, session: int) -> list[Watched]:
    """Return the items that the session was shown and of which no plain use was seen; without what they speak of."""
    rows = db.execute(
        "SELECT i.kind, i.source, i.file, b.at, b.entries_before, i.used_at, i.how FROM briefing_items AS i "  # noqa: S608
        "JOIN briefings AS b ON b.briefing = i.briefing "
        f"WHERE i.session = ? AND (i.how IS NULL OR i.how IN ({_WEAK})) ORDER BY i.kind, i.source, i.file",
        (session,),
    )
    return [
        Watched(
            Item(ItemKind(kind), source, file),
            shown_at,
            after,
            None if how is None else Use(Millis(used_at), Used(how)),
        )
        for kind, source, file, shown_at, after, used_at, how in rows
    ]


def looked_through(db: apsw.Connection, session: int) -> int:
    """Return up to which entry of the session uses were looked for."""
    return int(db.execute("SELECT coalesce(min(through), 0) FROM briefings WHERE session = ?", (session,)).get)


def save(db: apsw.Connection, session: int, uses: Mapping[Item, Use], *, through: int) -> None:
    """Keep *uses* by the session, found by looking at its entries up to *through*."""
    db.executemany(
        "UPDATE briefing_items SET used_at = ?, how = ? WHERE session = ? AND kind = ? AND source = ? AND file = ?",
        [(use.at, str(use.how), session, str(one.kind), one.source, one.file) for one, use in uses.items()],
    )
    db.execute(
        "UPDATE briefings SET through = :through WHERE session = :session AND through < :through",
        {"session": session, "through": through},
    )


def due(db: apsw.Connection, *, project_id: str | None, ended_only: bool, since: Millis) -> list[str]:
    """Return the ids of the sessions that were given a briefing since, whose entries go on behind what was looked at.

    With *ended_only* not of those that still run.
    """
    rows = db.execute(
        "SELECT DISTINCT s.session_id FROM briefings AS b JOIN sessions AS s ON s.session_key = b.session "
        "WHERE NOT s.going AND b.at >= :since AND (:project_id IS NULL OR b.project_id = :project_id) "
        "AND (NOT :ended_only OR s.ended_at NOTNULL) AND b.through < max(s.folded_through, coalesce("
        "(SELECT max(seq) FROM entries AS e WHERE e.session = s.session_key), 0)) ORDER BY s.session_key",
        {"since": since, "project_id": project_id, "ended_only": ended_only},
    )
    return [str(session_id) for (session_id,) in rows]


def count(db: apsw.Connection, *, project_id: str | None, since: Millis) -> tuple[int, int]:
    """Return how many briefings there were since, and to how many sessions."""
    ((briefings, sessions),) = db.execute(
        "SELECT count(*), count(DISTINCT session) FROM briefings "
        "WHERE at >= :since AND (:project_id IS NULL OR project_id = :project_id)",
        {"since": since, "project_id": project_id},
    )
    return briefings, sessions


def outcomes(db: apsw.Connection, *, project_id: str | None, since: Millis) -> list[Outcome]:
    """Return each item that was first shown since, once for each session that was shown it."""
    rows = db.execute(
        "SELECT i.kind, b.at, i.used_at, i.how FROM briefings AS b JOIN briefing_items AS i ON i.briefing = b.briefing "
        "WHERE b.at >= :since AND (:project_id IS NULL OR b.project_id = :project_id)",
        {"since": since, "project_id": project_id},
    )
    return [
        Outcome(ItemKind(kind), shown_at, None if how is None else Use(Millis(used_at), Used(how)))
        for kind, shown_at, used_at, how in rows
    ]


def read(db: apsw.Connection, session: int, reads: Sequence[MemoryRead]) -> None:
    """Keep that the session read memories, and so used those that it was shown; those that are gone are passed over."""
    bound = [{"session": session, **msgspec.structs.asdict(one)} for one in reads]
    db.executemany(
        "INSERT INTO memory_reads (session, memory_id, first_at, last_at, found) "
        "SELECT :session, memory_id, :first_at, :last_at, :found FROM project_memories WHERE memory_id = :memory_id "
        "ON CONFLICT (session, memory_id) DO UPDATE SET last_at = max(last_at, :last_at), found = min(found, :found)",
        bound,
    )
    db.executemany(
        "UPDATE briefing_items SET used_at = min(coalesce(used_at, :last_at), :last_at), "  # noqa: S608 constants
        f"how = iif(:found, '{Used.FOUND}', '{Used.READ}') "
        f"WHERE session = :session AND kind = '{ItemKind.MEMORY}' AND source = :memory_id "
        f"AND (how IS NULL OR how IN ({_WEAK})) "
        "AND (SELECT at FROM briefings AS b WHERE b.briefing = briefing_items.briefing) <= :last_at",
        bound,
    )


def reads(db: apsw.Connection, session: int) -> list[MemoryRead]:
    """Return which memories the session read, the latest last."""
    rows = db.execute(
        "SELECT memory_id, first_at, last_at, found FROM memory_reads WHERE session = ? ORDER BY last_at, memory_id",
        (session,),
    )
    return [MemoryRead(memory_id, first_at, last_at, bool(found)) for memory_id, first_at, last_at, found in rows]
