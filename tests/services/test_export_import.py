"""What is exported comes back as it was, once, whatever else is there."""

import asyncio
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnimem.model import ImportCounts, ImportProgress
from tests.services.exports import Author, Step, bare, content, exported, imported, some_steps
from tests.support.house import a_house, a_world


def totals(progress: ImportProgress) -> ImportCounts:
    """Add up what became of the lines of every type."""
    each = [one for one in msgspec.structs.astuple(progress) if isinstance(one, ImportCounts)]
    return ImportCounts(
        added=sum(one.added for one in each),
        updated=sum(one.updated for one in each),
        unchanged=sum(one.unchanged for one in each),
        conflicting=sum(one.conflicting for one in each),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some_steps(), st.sampled_from([0, 100, 10_000]))
def test_there_and_back_is_the_same_byte_for_byte_and_again_changes_nothing(steps: list[Step], size: int) -> None:
    async def story(folder: Path) -> None:
        for name in ("here", "there", "app"):
            (folder / name).mkdir()
        world = a_world()  # one time for both: where it passes, what expires then is given a version
        async with a_house(folder / "here", world=world) as here:
            await Author(here, folder / "app").do(steps)
            export = await exported(here)
        async with a_house(folder / "there", world=world) as there:
            first = await imported(there, export, size=size)
            back = await exported(there)
            again = await imported(there, export, size=size)

            assert bare(back) == bare(export)
            assert first.complete
            lines = len(content(export)) - 1
            assert totals(first) == ImportCounts(added=lines)
            assert totals(again) == ImportCounts(unchanged=lines)
            assert bare(await exported(there)) == bare(export)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))
