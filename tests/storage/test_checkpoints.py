"""That the last checkpoint of a session is due is noted with its end, and taken back when it goes on."""

from collections.abc import Iterator

import apsw
import pytest
from msgspec.structs import replace

from omnimem.model import CheckpointReason, EndReason
from omnimemd.domain.clock import Millis
from omnimemd.domain.sessions import AMBIENT_TOOL, end, reopen
from omnimemd.storage import checkpoints, migrations, projects, sessions
from tests.support.clock import NOON, SECOND
from tests.support.factories import a_session


@pytest.fixture
def db() -> Iterator[apsw.Connection]:
    db = apsw.Connection(":memory:")
    migrations.migrate(db)
    projects.ensure(db, "p-1", now=NOON)
    yield db
    db.close()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (EndReason.CLIENT, CheckpointReason.ENDED),
        (EndReason.REPLACED, CheckpointReason.ENDED),
        (EndReason.PROCESS_EXITED, CheckpointReason.PROCESS_EXITED),
        (EndReason.REBOOT, CheckpointReason.PROCESS_EXITED),
    ],
)
def test_an_end_is_noted_with_its_reason(db: apsw.Connection, how: EndReason, reason: CheckpointReason) -> None:
    session = a_session()
    key = sessions.insert(db, session)
    ended = end(session, at=Millis(NOON + SECOND), reason=how)

    sessions.update(db, sessions.Stored(key, ended))
    sessions.update(db, sessions.Stored(key, replace(ended, pinned=True)))

    assert checkpoints.every_due(db) == [session.session_id]
    assert checkpoints.due(db, key) is reason
    assert [checkpoints.was_due(db, key), checkpoints.was_due(db, key)] == [True, False]


def test_a_session_that_goes_on_is_due_no_more(db: apsw.Connection) -> None:
    session = a_session()
    key = sessions.insert(db, session)
    ended = end(session, at=NOON, reason=EndReason.CLIENT)
    sessions.update(db, sessions.Stored(key, ended))

    sessions.update(db, sessions.Stored(key, reopen(ended, at=NOON, process=None)))

    assert checkpoints.every_due(db) == []


def test_ambient_sessions_and_those_that_come_ended_are_never_due(db: apsw.Connection) -> None:
    ambient = a_session("ambient", tool_id=AMBIENT_TOOL)
    key = sessions.insert(db, ambient)
    sessions.insert(db, a_session("imported", ended_at=NOON))

    sessions.update(db, sessions.Stored(key, end(ambient, at=NOON, reason=EndReason.IDLE)))

    assert checkpoints.every_due(db) == []
