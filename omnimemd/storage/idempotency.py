"""The answers kept for requests that carried an Idempotency-Key."""

from typing import Final

import apsw
import msgspec

from omnimemd.domain.clock import Millis

#: How long an answer is kept.
KEPT_MS: Final = 24 * 3600 * 1000


class KeptAnswer(msgspec.Struct, frozen=True):
    """The first answer to a request."""

    body_digest: bytes  #: of the request's body
    status: int
    body: bytes | None


def find(db: apsw.Connection, route: str, key: str, *, now: Millis) -> KeptAnswer | None:
    """Return the answer kept for *key* on *route*, None when there is none or it is over a day old."""
    row = db.execute(
        "SELECT body_digest, status, body FROM idempotency_keys WHERE route = ? AND key = ? AND created_at > ?",
        (route, key, now - KEPT_MS),
    ).fetchone()
    return KeptAnswer(*row) if row else None


def forget(db: apsw.Connection, thing_id: str) -> None:
    """Let go of every answer about the session or memory *thing_id*: it is deleted, and so is what was said of it."""
    db.execute(
        "DELETE FROM idempotency_keys WHERE instr(route || '/', :segment) > 0 OR instr(body, :text) > 0",
        {"segment": f"/{thing_id}/", "text": f'"{thing_id}"'.encode()},  # an id is whole: "s" is not in "sess_1"
    )


def forget_old(db: apsw.Connection, *, now: Millis) -> None:
    """Let go of the answers over a day old."""
    db.execute("DELETE FROM idempotency_keys WHERE created_at <= ?", (now - KEPT_MS,))


def keep(db: apsw.Connection, route: str, key: str, answer: KeptAnswer, *, now: Millis) -> None:
    """Keep *answer*, and let go of those over a day old."""
    forget_old(db, now=now)
    db.execute(
        "INSERT INTO idempotency_keys (route, key, body_digest, status, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (route, key, answer.body_digest, answer.status, answer.body, now),
    )
