"""Tasks beside the requests: a bug in one is told, and costs nobody else anything."""

import asyncio

import pytest

from omnimem.errors import StoreUnavailable
from omnimemd.services import background as module
from omnimemd.services.background import Background
from tests.support.waiting import rounds, until


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RESTART_SECONDS", 0.001)


async def test_a_task_that_fails_is_begun_again_and_named_meanwhile() -> None:
    runs: list[frozenset[str]] = []
    well = asyncio.Event()

    async with Background() as background:

        async def work() -> None:
            runs.append(frozenset(background.failing))
            if len(runs) < 3:
                raise ValueError
            well.set()
            await asyncio.Event().wait()

        background.keep("work", work)
        await until(lambda: "work" in background.failing)
        await asyncio.wait_for(well.wait(), 5)

    assert len(runs) == 3


async def test_a_task_that_failed_and_is_well_again_is_named_no_more() -> None:
    runs: list[None] = []

    async with Background() as background:

        async def work() -> None:
            runs.append(None)
            if len(runs) == 1:
                raise ValueError
            await asyncio.Event().wait()

        background.keep("work", work)
        await until(lambda: len(runs) == 2)
        await rounds()

        assert background.failing == set()


async def test_one_that_fails_takes_nobody_with_it(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def fails() -> None:
        raise ValueError

    async def works() -> None:
        await rounds()
        done.append("works")

    async with Background() as background:
        background.once("fails", fails())
        await background.once("works", works())

    assert done == ["works"]
    assert [one.exc_info is not None for one in caplog.records] == [True]


async def test_nothing_goes_on_behind_the_end() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    async with Background() as background:
        background.keep("forever", forever)
        background.once("once", forever())
        await rounds()

    assert ended == ["forever", "forever"]


async def test_what_never_began_is_let_go_quietly() -> None:
    async def work() -> None:
        raise AssertionError

    async with Background() as background:
        background.once("work", work())


async def test_one_whose_work_was_cancelled_by_somebody_else_is_begun_again() -> None:
    runs: list[None] = []

    async with Background() as background:

        async def work() -> None:
            runs.append(None)
            broken = asyncio.get_running_loop().create_future()
            broken.cancel()
            await broken

        background.keep("work", work)
        await until(lambda: len(runs) > 1)


async def test_one_that_always_fails_is_begun_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async def work() -> None:
        raise ValueError

    async with Background() as background:
        monkeypatch.setattr(module, "_MOST_SECONDS", 0.005)
        monkeypatch.setattr(asyncio, "sleep", noted)
        background.keep("work", work)
        await until(lambda: background.failing)
        for _ in range(20):
            await sleep(0)

    assert [pause for pause in pauses if pause][:5] == [0.001, 0.002, 0.004, 0.005, 0.005]


async def test_a_store_that_fails_is_no_bug_of_the_task(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[None] = []

    async def work() -> None:
        runs.append(None)
        raise StoreUnavailable("Nothing can be stored: the disk is full.")

    async with Background() as background:
        background.keep("work", work)
        await until(lambda: runs)
        await rounds()

        assert background.failing == set()
    assert [(one.levelname, one.exc_info) for one in caplog.records] == [("WARNING", None)]
