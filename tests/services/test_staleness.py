"""Which memories are stale is found out whatever happens to their files, seen or unseen, and told once."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import pytest

from omnimem.errors import StoreUnavailable
from omnimem.model import MemoryCreate, MemoryUpdate
from omnimemd.domain.file_events import Change, Content, FileFacts
from omnimemd.domain.memories import Memory
from omnimemd.services.events import MemoryChanged, Subscription
from omnimemd.storage import memories as memory_rows
from omnimemd.storage import memory_files as rows
from tests.services.stories import begin, end, happens
from tests.support.clock import NOON, SECOND
from tests.support.house import House, World, a_house
from tests.support.watcher import FakeWatcher

SEED_COUNT = 12


async def write(
    house: House, text: str, *, key: str = "k", session: str | None = "s", files: Sequence[str] | None = None
) -> str:
    """Write a memory, and wait until its files were looked at; return its id."""
    request = MemoryCreate(key=key, value=text, session_id=session, files=None if files is None else [*files])
    written = await house.services.memories.create("p", request)
    await house.services.tracking.flush()
    return written.memory.memory_id


async def memory(house: House, memory_id: str) -> Memory:
    """Return the memory once everything that happened is known; it is not read, so nobody looks for its sake."""
    await house.services.tracking.flush()
    found = house.database.read_now(lambda db: memory_rows.find(db, "p", memory_id))
    assert found is not None
    return found


async def changed(house: House, memory_id: str) -> list[str]:
    """Return the names of the files that changed."""
    return [Path(one.path).name for one in (await memory(house, memory_id)).changed_files]


def told(subscription: Subscription) -> list[tuple[str, bool]]:
    """Return which memories were told of, and whether they were stale then."""
    found: list[tuple[str, bool]] = []
    while not subscription._queue.empty():
        one = subscription._queue.get_nowait()
        if one is not None and isinstance(one.what, MemoryChanged):
            found.append((one.what.memory.memory_id, bool(one.what.memory.changed_files)))
    return found


def save(house: House, workspace: Path, name: str, text: str) -> None:
    """Write a file as a program does, and let the watcher see it."""
    (workspace / name).write_text(text)
    happens(house, workspace, name, Change.WRITTEN)


@pytest.fixture
async def at_work(house: House, workspace: Path) -> House:
    """A daemon that watches the workspace, in which there are files."""
    for name in ("a.py", "b.py", "c.py"):
        (workspace / name).write_text("one")
    await begin(house, workspace, "s")
    return house


class TestWhichFiles:
    async def test_those_given_count_and_then_not_those_of_the_words(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py and b.py", files=["c.py"])

        assert (await memory(at_work, told_of)).known_files == (str(workspace / "c.py"),)

    async def test_absolute_ones_relative_ones_and_links_are_one(self, at_work: House, workspace: Path) -> None:
        (workspace / "link.py").symlink_to("a.py")
        (workspace.parent / "way").symlink_to(workspace)

        told_of = await write(
            at_work, "x", files=["a.py", "./a.py", str(workspace / "a.py"), "link.py", f"{workspace.parent}/way/a.py"]
        )

        assert (await memory(at_work, told_of)).known_files == (str(workspace / "a.py"),)

    async def test_what_lies_outside_is_not_looked_at(self, at_work: House, workspace: Path) -> None:
        (workspace.parent / "secret").write_text("one")
        (workspace / "out").symlink_to("../secret")

        told_of = await write(at_work, "x", files=["../secret", str(workspace.parent / "secret"), "out", "/etc/passwd"])

        assert (await memory(at_work, told_of)).known_files in ((), (str(workspace / "out"),))
        (workspace.parent / "secret").write_text("two")
        assert await changed(at_work, told_of) == []

    async def test_without_a_session_or_a_folder_there_are_none(self, house: House, workspace: Path) -> None:
        (workspace / "a.py").write_text("one")

        told_of = await write(house, "a.py", session=None)

        assert (await memory(house, told_of)).known_files == ()

    async def test_without_one_a_path_in_full_is_taken_if_it_is_watched(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, f"See {workspace}/a.py and b.py.", session=None)

        assert (await memory(at_work, told_of)).known_files == (str(workspace / "a.py"),)

    async def test_one_that_comes_into_being_later_is_remembered_then(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "x", files=["new.py"])

        save(at_work, workspace, "new.py", "one")
        assert await changed(at_work, told_of) == []
        save(at_work, workspace, "new.py", "two")
        assert await changed(at_work, told_of) == ["new.py"]

    async def test_a_thousand_are_no_matter(self, at_work: House, workspace: Path) -> None:
        names = [f"f{number}.py" for number in range(1000)]
        for name in names:
            (workspace / name).write_text(name)

        told_of = await write(at_work, "x", files=names)
        save(at_work, workspace, "f700.py", "another")

        assert await changed(at_work, told_of) == ["f700.py"]


class TestWhatIsTold:
    async def test_that_it_became_stale_and_fresh_again_is_told_once_each(
        self, at_work: House, workspace: Path
    ) -> None:
        told_of = await write(at_work, "a.py and b.py")

        with at_work.services.events.subscribe() as subscription:
            for text in ("two", "six", "one"):
                save(at_work, workspace, "a.py", text)
                await at_work.services.tracking.flush()
                save(at_work, workspace, "c.py", text)

            assert told(subscription) == [(told_of, True), (told_of, False)]

    async def test_every_memory_of_a_file_is(self, at_work: House, workspace: Path) -> None:
        ids = {await write(at_work, f"{number}: a.py", key=f"k{number}") for number in range(5)}

        with at_work.services.events.subscribe() as subscription:
            save(at_work, workspace, "a.py", "two")
            await at_work.services.tracking.flush()

            assert dict(told(subscription)) == dict.fromkeys(ids, True)

    async def test_without_a_flush_too(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")

        with at_work.services.events.subscribe() as subscription:
            save(at_work, workspace, "a.py", "two")
            at_work.watcher.hand_over()
            async with asyncio.timeout(10):
                while told(subscription) != [(told_of, True)]:  # noqa: ASYNC110 the service says no other way
                    await asyncio.sleep(0.01)


class TestWhatClearsIt:
    async def test_a_confirmation_does(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")
        save(at_work, workspace, "a.py", "two")
        assert await changed(at_work, told_of) == ["a.py"]

        confirmed = await at_work.services.memories.confirm("p", told_of)

        assert confirmed.changed_files == ()
        assert await changed(at_work, told_of) == []
        save(at_work, workspace, "a.py", "one")
        assert await changed(at_work, told_of) == ["a.py"]

    async def test_a_new_version_does(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")
        for number, text in enumerate(("two", "six"), 2):
            save(at_work, workspace, "a.py", text)
            assert await changed(at_work, told_of) == ["a.py"]
            updated = await at_work.services.memories.update("p", told_of, MemoryUpdate(value=f"{number}: a.py"))
            assert updated.changed_files == ()
            assert await changed(at_work, told_of) == []

    async def test_the_same_words_again_do_not(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")
        save(at_work, workspace, "a.py", "two")

        assert await write(at_work, "a.py") == told_of
        assert await changed(at_work, told_of) == ["a.py"]

    async def test_other_files_do(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")
        save(at_work, workspace, "a.py", "two")
        assert await changed(at_work, told_of) == ["a.py"]

        updated = await at_work.services.memories.update("p", told_of, MemoryUpdate(files=["b.py"]))

        assert updated.changed_files == ()
        assert (await memory(at_work, told_of)).known_files == (str(workspace / "b.py"),)

    async def test_a_deleted_one_has_none(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")
        await at_work.services.memories.delete("p", told_of, purge=False)

        with at_work.services.events.subscribe() as subscription:
            save(at_work, workspace, "a.py", "two")
            await at_work.services.tracking.flush()

            assert told(subscription) == []


class TestUnseen:
    async def test_what_changed_while_events_were_lost_is_found(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py and b.py")

        (workspace / "a.py").write_text("two")
        (workspace / "b.py").unlink()
        at_work.watcher.loses(str(workspace))

        assert await changed(at_work, told_of) == ["a.py", "b.py"]

    async def test_what_changed_while_nobody_watched_is_found_when_somebody_does(
        self, at_work: House, workspace: Path
    ) -> None:
        told_of = await write(at_work, "a.py")
        await end(at_work, "s")
        (workspace / "a.py").write_text("two")

        await begin(at_work, workspace, "t")

        assert await changed(at_work, told_of) == ["a.py"]

    async def test_what_changed_unseen_is_found_by_who_reads_the_memory(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")
        (workspace / "a.py").write_text("two")

        found = await at_work.services.memories.get("p", told_of, touch=False)

        assert [one.path for one in found.changed_files] == [str(workspace / "a.py")]

    async def test_reading_a_memory_again_looks_at_nothing(self, at_work: House) -> None:
        told_of = await write(at_work, "a.py")
        await at_work.services.memories.get("p", told_of, touch=False)
        before = at_work.watcher.reads

        for _ in range(20):
            await at_work.services.memories.get("p", told_of, touch=False)

        assert at_work.watcher.reads == before

    async def test_a_disk_that_does_not_answer_holds_no_reader_up(self, at_work: House) -> None:
        told_of = await write(at_work, "a.py")
        at_work.watcher.hold_reads()

        async with asyncio.timeout(5):
            found = await at_work.services.memories.get("p", told_of, touch=False)

        assert found.changed_files == ()
        at_work.watcher.let_reads_go_on()

    async def test_a_folder_that_is_gone_says_nothing_of_its_files(self, at_work: House, workspace: Path) -> None:
        told_of = await write(at_work, "a.py")

        workspace.rename(workspace.with_name("elsewhere"))

        assert await changed(at_work, told_of) == []


class TestTheDaemonsLife:
    async def test_a_kill_before_the_files_were_looked_at_is_made_up_for(
        self, data: Path, world: World, workspace: Path, tmp_path: Path
    ) -> None:
        watcher = FakeWatcher(world.clock)
        for name in ("a.py", "b.py"):
            watcher.puts(f"{workspace}/{name}", at=NOON - SECOND)
        async with a_house(data, world=world, watcher=watcher) as house:
            await begin(house, workspace, "s")
            watcher.hold_reads()
            request = MemoryCreate(key="k", value="a.py and b.py", session_id="s")
            told_of = (await house.services.memories.create("p", request)).memory.memory_id
            place = house.as_kill_9_would_leave_it(tmp_path / "killed")
            watcher.let_reads_go_on()

        world.clock.advance(60 * SECOND)
        later = FakeWatcher(world.clock)
        later.puts(f"{workspace}/a.py", at=NOON - SECOND)
        later.puts(
            f"{workspace}/b.py", size=2, at=NOON + SECOND
        )  # after the memory was written: it is not known how it was
        async with a_house(place, world=world, watcher=later) as house:
            found = await memory(house, told_of)

        assert [Path(one).name for one in found.known_files] == ["a.py", "b.py"]
        assert [(Path(one.path).name, one.at) for one in found.changed_files] == [("b.py", NOON + SECOND)]

    async def test_a_change_between_the_first_look_and_its_end_is_not_missed(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        class Unlucky(FakeWatcher):
            async def contents(
                self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
            ) -> Sequence[Content | None]:
                found = await super().contents(root, paths, wanted=wanted)
                if self.reads == 1:
                    (workspace / "a.py").write_text("two")
                    self.happens(f"{workspace}/a.py", Change.WRITTEN, roots=[str(workspace)])
                    self.hand_over()
                return found

        (workspace / "a.py").write_text("one")
        async with a_house(data, world=world, watcher=Unlucky(world.clock)) as house:
            await begin(house, workspace, "s")
            told_of = await write(house, "a.py")

            assert await changed(house, told_of) == ["a.py"]

    async def test_a_new_version_during_the_first_look_counts(self, at_work: House, workspace: Path) -> None:
        at_work.watcher.hold_reads()
        request = MemoryCreate(key="k", value="a.py", session_id="s")
        told_of = (await at_work.services.memories.create("p", request)).memory.memory_id
        async with asyncio.timeout(10):
            while not at_work.watcher.held:  # noqa: ASYNC110 nobody tells
                await asyncio.sleep(0)

        await at_work.services.memories.update("p", told_of, MemoryUpdate(value="b.py"))
        at_work.watcher.let_reads_go_on()

        assert (await memory(at_work, told_of)).known_files == (str(workspace / "b.py"),)

    async def test_what_is_not_done_at_the_stop_is_done_by_the_next_run(
        self, data: Path, world: World, workspace: Path
    ) -> None:
        (workspace / "a.py").write_text("one")
        async with a_house(data, world=world) as house:
            await begin(house, workspace, "s")
            told_of = await write(house, "a.py")
            save(house, workspace, "a.py", "two")

        async with a_house(data, world=world) as house:
            assert await changed(house, told_of) == ["a.py"]

    async def test_a_full_disk_delays_it(
        self, at_work: House, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told_of = await write(at_work, "a.py")

        def full(*_: object) -> None:
            raise apsw.FullError

        with monkeypatch.context() as patch:
            patch.setattr(rows, "update", full)
            save(at_work, workspace, "a.py", "two")
            with pytest.raises(StoreUnavailable):
                await at_work.services.tracking.flush()

        assert await changed(at_work, told_of) == ["a.py"]


async def test_what_no_memory_speaks_of_is_not_looked_at(at_work: House, workspace: Path) -> None:
    await write(at_work, "a.py")
    before = at_work.watcher.reads

    save(at_work, workspace, "b.py", "two")
    happens(at_work, workspace, "a.py", Change.READ)
    await at_work.services.tracking.flush()

    assert at_work.watcher.reads == before


@pytest.mark.parametrize("seed", range(SEED_COUNT))
async def test_it_is_stale_exactly_when_a_file_is_another(at_work: House, workspace: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 no secret
    names = ["a.py", "b.py", "c.py"]
    remembered: dict[str, dict[str, str | None]] = {}

    def now(name: str) -> str | None:
        file = workspace / name
        return file.read_text() if file.exists() else None

    for number in range(3):
        spoken_of = dice.sample(names, dice.randint(1, 3))
        memory_id = await write(at_work, f"{number}: {' '.join(spoken_of)}", key=f"k{number}")
        remembered[memory_id] = {name: now(name) for name in spoken_of}
    for _ in range(25):
        name, seen = dice.choice(names), dice.random() < 0.8
        match dice.randint(0, 5):
            case 0:
                (workspace / name).unlink(missing_ok=True)
                change = Change.DELETED
            case 1:
                (workspace / "temporary").write_text(dice.choice(["one", "two", "longer"]))
                (workspace / "temporary").replace(workspace / name)
                change = Change.MOVED_TO
            case 2 if now(name) is not None:
                other = dice.choice(names)
                (workspace / name).replace(workspace / other)
                happens(at_work, workspace, other, Change.MOVED_TO)
                change = Change.MOVED_FROM
            case 3 if now(name) is not None:
                memory_id = dice.choice(list(remembered))
                if all(now(one) is not None for one in remembered[memory_id]):
                    await at_work.services.tracking.flush()
                    await at_work.services.memories.confirm("p", memory_id)
                    await at_work.services.tracking.flush()
                    remembered[memory_id] = {one: now(one) for one in remembered[memory_id]}
                continue
            case _:
                (workspace / name).write_text(dice.choice(["one", "two", "longer"]))
                change = Change.WRITTEN
        if seen:
            happens(at_work, workspace, name, change)
        else:
            at_work.watcher.loses(str(workspace))
        if dice.random() < 0.5:
            for memory_id, before in remembered.items():
                expected = sorted(one for one, text in before.items() if text != now(one))
                assert await changed(at_work, memory_id) == expected
