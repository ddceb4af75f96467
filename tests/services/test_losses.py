"""What of the database is lost is told everywhere, until a person says that it was seen."""

from pathlib import Path

import msgspec

from omnimem.model import EntryKind, SessionCreate, Verdict
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import Millis
from omnimemd.storage import entries, losses, quarantine, restoring
from omnimemd.storage.losses import Loss, LossReason
from tests.support.clock import NOON, SECOND
from tests.support.house import House, World, a_house

LOSS = Loss(
    started_at=Millis(NOON - SECOND),
    ended_at=NOON,
    found_at=NOON,
    reason=LossReason.LOG,
    kept="quarantine/one",
    restored_from="backup_1",
)
TOLD = quarantine.Told(
    reason=LossReason.DATABASE, started_at=LOSS.started_at, ended_at=NOON, found_at=NOON, why="x", restored_from="b"
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


async def test_what_was_seen_stays_seen_when_an_older_database_takes_its_place(data: Path, world: World) -> None:
    path = data / "omnimem.db"
    async with a_house(data, world=world) as house:
        quarantine.Quarantine(path, TOLD)
        before = await house.services.backups.create()  # knows nothing of it
    async with a_house(data, world=world) as house:
        unseen = await house.services.backups.create()
        told = (await house.services.health.check()).problems
        await house.services.doctor.examine(repair=True)

    async def restored(backup: Backup) -> tuple[str, ...]:
        restoring.prepare(path, backup, at=world.clock.now())
        restoring.put_in_place(path, now=world.clock.now())
        world.clock.advance(SECOND)
        async with a_house(data, world=world) as house:
            return (await house.services.health.check()).problems

    assert len(told) == 1
    assert await restored(before) == ()
    assert await restored(unseen) == ()


async def test_it_is_said_plainly_that_nothing_could_be_restored(house: House) -> None:
    folder = house.database.path.parent / "quarantine" / "one"
    folder.mkdir(parents=True)
    nothing = msgspec.structs.replace(LOSS, started_at=None, reason=LossReason.DATABASE, restored_from=None)
    await house.database.write(lambda db: losses.add(db, nothing))

    (gone,) = (await house.services.health.check()).problems
    (folder / "omnimem.db").write_bytes(b"damaged")
    (salvageable,) = (await house.services.health.check()).problems

    assert "NOTHING COULD BE RESTORED" in gone
    assert f"The damaged files are in {folder}." in gone
    assert f"`sqlite3 {folder}/omnimem.db .recover`" in salvageable


async def test_that_it_is_what_a_restore_had_put_aside_is_said(house: House) -> None:
    loss = msgspec.structs.replace(LOSS, reason=LossReason.DATABASE, put_aside=True)
    await house.database.write(lambda db: losses.add(db, loss))

    (told,) = (await house.services.health.check()).problems

    assert "backup_1 took its place. That is the state which an earlier restore had put aside" in told


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
