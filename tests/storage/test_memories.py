"""Memories in SQL say what they say in Python."""

import apsw
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from omnimemd.domain.clock import Millis
from omnimemd.storage.memories import LIVE
from tests.support.clock import NOON
from tests.support.factories import a_memory

near = st.integers(-2, 2).map(lambda off: Millis(NOON + off))


@given(st.booleans(), st.none() | near, near)
def test_a_memory_is_live_in_sql_when_it_is_in_python(deleted: bool, expires_at: Millis | None, now: Millis) -> None:
    memory = replace(a_memory(deleted=deleted), expires_at=expires_at)
    db = apsw.Connection(":memory:")

    row = {"deleted": deleted, "expires_at": expires_at, "now": now}
    live = db.execute(f"SELECT {LIVE} FROM (SELECT :deleted AS deleted, :expires_at AS expires_at)", row).get  # noqa: S608

    assert bool(live) is memory.live(now=now)
    db.close()
