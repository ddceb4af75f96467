"""What of the database is lost is told everywhere, until a person says that it was seen."""

import msgspec

from omnimem.model import EntryKind, SessionCreate, Verdict
from omnimemd.domain.clock import Millis
from omnimemd.storage import entries, losses
from omnimemd.storage.losses import Loss, LossReason
from tests.support.clock import NOON, SECOND
from tests.support.house import House

LOSS = Loss(
    started_at=Millis(NOON - SECOND),
    ended_at=NOON,
    found_at=NOON,
    reason=LossReason.LOG,
    kept="quarantine/one",
    restored_from="backup_1",
)


async def test_a_loss_is_a_problem_until_it_was_seen(house: House) -> None:
    await house.database.write(lambda db: losses.add(db, LOSS))

    before = await house.services.health.check()
    (found,) = [one for one in await house.services.doctor.examine(repair=True) if one.name == "losses"]
    after = await house.services.health.check()

    assert before.stores
    assert [word in before.problems[0] for word in ("11:59:59.000Z", "quarantine/one", "backup_1")] == [True] * 3
    assert found.repaired is not None
    assert found.finding.verdict is Verdict.OK
    assert after.problems == ()
    (kept,) = house.services.health.figures().losses
    assert kept == msgspec.structs.replace(LOSS, seen_at=house.world.clock.now())


async def test_a_look_alone_does_not_count_as_seen(house: House) -> None:
    await house.database.write(lambda db: losses.add(db, LOSS))

    (found,) = [one for one in await house.services.doctor.examine(repair=False) if one.name == "losses"]

    assert found.finding.verdict is Verdict.WARN
    assert (await house.services.health.check()).problems


async def test_only_a_session_that_was_open_then_gets_a_gap(house: House, workspace: object) -> None:
    begun, _ = await house.services.sessions.create(
        SessionCreate(tool_id="t", workspace_path=str(workspace), session_id="s-1"), caller=None
    )
    key = house.cache.get(begun.session_id).key
    before = msgspec.structs.replace(LOSS, started_at=Millis(NOON - 9 * SECOND), ended_at=Millis(NOON - SECOND))

    await house.database.write(lambda db: losses.mark_sessions(db, before))
    none = house.database.read_now(lambda db: entries.page(db, key, after=0, kind=EntryKind.GAP, limit=9))
    await house.database.write(lambda db: losses.mark_sessions(db, LOSS))
    (gap,) = house.database.read_now(lambda db: entries.page(db, key, after=0, kind=EntryKind.GAP, limit=9))

    assert none == []
    assert (gap.entry.started_at, gap.entry.ended_at, gap.entry.reason) == (begun.created_at, NOON, "log_damaged")  # type: ignore[union-attr]
