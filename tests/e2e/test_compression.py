"""`kill -9` while older entries are compressed: each is there once, in its place, and what is left is done."""

from functools import partial

import pytest

from omnimem import Client
from omnimem.model import Access, AccessEntry, ContextAppend, Entry
from omnimemd.storage import integrity
from tests.e2e.daemons import Daemon, running
from tests.e2e.databases import a_copy, assert_sound, segments_held
from tests.e2e.homes import Home
from tests.e2e.recorded import entries
from tests.e2e.waiting import eventually

#: Eight segments of it.
COUNT = 8_000


@pytest.mark.slow
def test_kills_while_entries_are_compressed_lose_none_and_repeat_none(empty_home: Home) -> None:
    workspace = str(empty_home.folder())
    with running(empty_home) as daemon, daemon.client(timeout=30) as client:
        session = client.create_session(tool_id="t", workspace_path=workspace).session_id
        record(client, session)
    daemon = Daemon(empty_home).ready()
    try:
        with daemon.client(timeout=30) as client:
            client.end_session(session)
            before, context = told(client, session), client.get_context(session).context
            for some in (1, 3, 4, 6):
                eventually(partial(_has, empty_home, some), "segments")
                daemon.kill()
                assert_sound(empty_home)

                daemon = Daemon(empty_home).ready()

                assert told(client, session) == before
                assert client.get_context(session).context == context

            eventually(partial(_has, empty_home, 8), "the last segment")
            assert told(client, session) == before
            assert client.get_context(session).compressed
    finally:
        daemon.kill()
    with a_copy(empty_home) as db:
        assert list(integrity.broken_segments(db)) == []


def _has(home: Home, some: int) -> bool:
    return segments_held(home) >= some


def record(client: Client, session: str) -> None:
    """Record accesses to some hundred files, and a decision after every hundred."""
    said = [
        ContextAppend(
            file_path=f"src/file-{number % 300}.py",
            access=[Access.READ, Access.WRITE][number % 2],
            decision=f"decided {number}" if number % 100 == 99 else None,
        )
        for number in range(COUNT)
    ]
    for first in range(0, COUNT, 1_000):
        client.append_batch(session, entries=said[first : first + 1_000])


def told(client: Client, session: str) -> list[Entry]:
    """Return all that was recorded, without what a daemon adds when it starts."""
    every = entries(client, session)
    assert [one.entry_id for one in every] == list(range(1, len(every) + 1))
    found = [one for one in every if one.kind in ("access", "decision")]
    assert sum(isinstance(one, AccessEntry) for one in found) == COUNT
    return found
