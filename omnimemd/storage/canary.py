"""Prove that the store stores: write a row, read it back."""

import apsw

from omnimemd.domain.clock import Millis


def write(db: apsw.Connection, *, at: Millis) -> None:
    """Write the canary's row."""
    db.execute("INSERT INTO canary (only, at) VALUES (1, :at) ON CONFLICT DO UPDATE SET at = :at", {"at": at})


def read(db: apsw.Connection) -> Millis | None:
    """Return when the canary was written, None if never."""
    row = db.execute("SELECT at FROM canary").fetchone()
    return Millis(row[0]) if row else None
