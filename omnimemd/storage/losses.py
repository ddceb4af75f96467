"""What is known to be gone: the rows of `losses`."""

from enum import StrEnum
from typing import Any

import apsw
import msgspec

from omnimem.model import Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Gap, Numbered
from omnimemd.storage import entries


class LossReason(StrEnum):
    """What was damaged."""

    LOG = "log_damaged"
    DATABASE = "database_damaged"
    RESTORED = "restored"  #: nothing: a person put a backup in its place


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """An interval of which what was answered may be gone."""

    started_at: Millis | None  #: None: everything before its end
    ended_at: Millis
    found_at: Millis
    reason: LossReason
    kept: str | None = None  #: the folder with the damaged files, below the data directory
    restored_from: str | None = None  #: the backup that took their place
    put_aside: bool = False  #: that has what a person had put an older one in the place of; no other was whole
    seen_at: Millis | None = None  #: since when a person need not be told any more


def add(db: apsw.Connection, loss: Loss) -> None:
    """Keep *loss*."""
    db.execute(
        "INSERT INTO losses (started_at, ended_at, found_at, reason, kept, restored_from, put_aside, seen_at) VALUES "
        "(:started_at, :ended_at, :found_at, :reason, :kept, :restored_from, :put_aside, :seen_at)",
        msgspec.to_builtins(loss),
    )


def every(db: apsw.Connection) -> list[Loss]:
    """Return all there are, oldest first."""
    rows = db.execute(
        "SELECT started_at, ended_at, found_at, reason, kept, restored_from, put_aside, seen_at FROM losses "
        "ORDER BY loss"
    )
    return [
        Loss(
            started_at=started_at,
            ended_at=ended_at,
            found_at=found_at,
            reason=LossReason(reason),
            kept=kept,
            restored_from=restored_from,
            put_aside=bool(put_aside),
            seen_at=seen_at,
        )
        for started_at, ended_at, found_at, reason, kept, restored_from, put_aside, seen_at in rows
    ]


def seen(db: apsw.Connection, *, at: Millis, kept: str | None = None) -> int:
    """Note that a person was told of every one, or of that which is *kept* there; return of how many that is new."""
    db.execute("UPDATE losses SET seen_at = ? WHERE seen_at IS NULL AND kept IS coalesce(?, kept)", (at, kept))
    return db.changes()


def mark_sessions(db: apsw.Connection, loss: Loss) -> None:
    """Add a gap to each session that was open in the interval of *loss*, as far as is known; before any is loaded."""
    rows: list[Any] = db.execute(
        "SELECT session_key, created_at, 1 + max(folded_through, "
        "coalesce((SELECT max(seq) FROM entries WHERE session = session_key), 0), "
        "coalesce((SELECT max(last_seq) FROM entry_segments WHERE session = session_key), 0)) FROM sessions "
        "WHERE created_at <= :ended_at AND (ended_at ISNULL OR ended_at >= coalesce(:started_at, 0))",
        {"started_at": loss.started_at, "ended_at": loss.ended_at},
    ).fetchall()
    for session, created_at, seq in rows:
        gap = Gap(
            at=loss.found_at,
            source=Source.WATCH,
            started_at=max(created_at, loss.started_at or created_at),
            ended_at=loss.ended_at,
            reason=loss.reason,
        )
        entries.insert(db, session, [Numbered(seq, gap)])
