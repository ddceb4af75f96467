"""What is known to be gone: the rows of `losses`."""

from enum import StrEnum

import apsw
import msgspec

from omnimemd.domain.clock import Millis


class LossReason(StrEnum):
    """What was damaged."""

    LOG = "log_damaged"
    DATABASE = "database_damaged"


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """An interval of which what was answered may be gone."""

    started_at: Millis | None  #: None: everything before its end
    ended_at: Millis
    found_at: Millis
    reason: LossReason
    kept: str | None = None  #: the folder with the damaged files, below the data directory
    restored_from: str | None = None  #: the backup that took their place
    seen_at: Millis | None = None  #: since when a person need not be told any more


def add(db: apsw.Connection, loss: Loss) -> None:
    """Keep *loss*."""
    db.execute(
        "INSERT INTO losses (started_at, ended_at, found_at, reason, kept, restored_from, seen_at) VALUES "
        "(:started_at, :ended_at, :found_at, :reason, :kept, :restored_from, :seen_at)",
        msgspec.to_builtins(loss),
    )


def every(db: apsw.Connection) -> list[Loss]:
    """Return all there are, oldest first."""
    rows = db.execute(
        "SELECT started_at, ended_at, found_at, reason, kept, restored_from, seen_at FROM losses ORDER BY loss"
    )
    return [
        Loss(
            started_at=started_at,
            ended_at=ended_at,
            found_at=found_at,
            reason=LossReason(reason),
            kept=kept,
            restored_from=restored_from,
            seen_at=seen_at,
        )
        for started_at, ended_at, found_at, reason, kept, restored_from, seen_at in rows
    ]


def seen(db: apsw.Connection, *, at: Millis) -> int:
    """Note that a person was told of every one; return of how many that was not noted yet."""
    db.execute("UPDATE losses SET seen_at = ? WHERE seen_at IS NULL", (at,))
    return db.changes()
