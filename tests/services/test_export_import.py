"""What is exported comes back as it was, once, whatever else is there."""

import asyncio
import tempfile
from contextlib import AbstractAsyncContextManager
from fnmatch import fnmatch
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnimem.errors import ImportInterrupted
from omnimem.model import ImportCounts, ImportProgress
from omnimemd.domain.export_lines import TYPES
from omnimemd.storage import migrations
from tests.services.exports import Author, Step, bare, content, exported, imported, importing, some_steps
from tests.storage.golden import FOLDER, opened
from tests.support.factories import a_decision
from tests.support.house import House, World, a_house, a_world


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


async def test_a_later_export_goes_on_from_an_earlier_one(tmp_path: Path) -> None:
    world = a_world()
    (tmp_path / "app").mkdir()
    async with folder(tmp_path / "here", world) as here, folder(tmp_path / "there", world) as there:
        author = Author(here, tmp_path / "app")
        await author.do(
            [("begin", (0, {})), ("write", ("p", "k", "one", {}, None)), ("record", (0, [a_decision("d")]))]
        )
        earlier = await exported(here)
        world.clock.advance(1000)
        await author.do([("refile", ("p", "k", "/a.py")), ("change", ("p", "k", "two")), ("confirm", ("p", "k"))])
        await author.do([("begin", (0, {})), ("record", (0, [a_decision("e")])), ("read", ("p", "k"))])
        later = await exported(here)

        await imported(there, earlier)
        done = await imported(there, later, size=500)
        back = await exported(there)
        older = await imported(there, earlier)

        assert bare(back) == bare(later)
        assert (done.memories.updated, done.versions.added, done.amendments.added) == (1, 1, 2)
        assert (done.sessions.updated, done.entries.added, done.checkpoints.added) == (1, 1, 1)
        assert totals(older) == ImportCounts(unchanged=len(content(earlier)) - 1)
        assert bare(await exported(there)) == bare(later)


async def test_two_imports_of_one_file_at_once_take_each_entry_once(tmp_path: Path) -> None:
    world = a_world()
    (tmp_path / "app").mkdir()
    async with folder(tmp_path / "here", world) as here, folder(tmp_path / "there", world) as there:
        entries = [a_decision(f"d{number}") for number in range(20)]
        await Author(here, tmp_path / "app").do([("begin", (0, {})), ("record", (0, entries)), ("end", (0, ""))])
        export = await exported(here)
        one, other = (importing(there, export, size=700, import_id=name) for name in ("one", "other"))

        *_, done = [(mine, await anext(other)) async for mine in one]

        assert all(each.complete and not each.conflicts for each in done)
        assert sum(each.entries.added for each in done) == len(entries)
        assert sum(each.checkpoints.added for each in done) == 1
        assert bare(await exported(there)) == bare(export)


async def test_an_import_whose_session_is_deleted_meanwhile_is_to_begin_anew(tmp_path: Path) -> None:
    world = a_world()
    (tmp_path / "app").mkdir()
    async with folder(tmp_path / "here", world) as here, folder(tmp_path / "there", world) as there:
        entries = [a_decision(f"d{number}") for number in range(20)]
        await Author(here, tmp_path / "app").do([("begin", (0, {})), ("record", (0, entries)), ("end", (0, ""))])
        export = await exported(here)
        pieces = importing(there, export, size=700, import_id="i")
        while (await anext(pieces)).entries.added == 0:
            pass
        await there.services.sessions.delete("s-0")

        with pytest.raises(ImportInterrupted):
            await anext(pieces)

        await imported(there, export)
        assert bare(await exported(there)) == bare(export)


async def test_another_session_of_the_same_id_is_left_alone(tmp_path: Path) -> None:
    world = a_world()
    for name in ("app", "other"):
        (tmp_path / name).mkdir()
    async with folder(tmp_path / "here", world) as here, folder(tmp_path / "there", world) as there:
        await Author(here, tmp_path / "app").do([("begin", (0, {})), ("record", (0, [a_decision("here")]))])
        await Author(there, tmp_path / "other").do([("begin", (0, {})), ("record", (0, [a_decision("there")]))])
        before = await exported(there)

        done = await imported(there, await exported(here))

        assert (done.sessions.conflicting, done.entries.conflicting, done.checkpoints.conflicting) == (1, 1, 1)
        assert [one.type for one in done.conflicts] == ["session"]
        kept = [one for one in content(await exported(there)) if one["type"] in ("session", "entry")]
        assert kept == [one for one in content(before) if one["type"] in ("session", "entry")]


def folder(path: Path, world: World) -> AbstractAsyncContextManager[House]:
    """Run a daemon on a new folder."""
    path.mkdir()
    return a_house(path, world=world)


@pytest.mark.parametrize("golden", sorted(FOLDER.glob("schema_*.sql")), ids=lambda path: path.stem)
async def test_what_a_database_of_any_schema_holds_comes_back(golden: Path, tmp_path: Path) -> None:
    world = a_world()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    opened(golden, tmp_path / "here" / "omnimem.db")
    async with a_house(tmp_path / "here", world=world) as here:
        while await here.services.memories.expire(limit=100):
            pass
        export = await exported(here)

    async with a_house(tmp_path / "there", world=world) as there:
        await imported(there, export, size=1000)

        assert bare(await exported(there)) == bare(export)
    kinds = {(one["type"], one.get("kind", "")) for one in content(export) if one["type"] != "project"}
    lacking = {("header", ""), ("project", ""), ("amendment", "")}
    if golden.stem < "schema_0004":
        lacking.add(("checkpoint", ""))
    assert kinds >= set(TYPES) - lacking


#: What of the database is in no export, and why.
LEFT_OUT = {
    "search_*": "made anew from what is imported",
    "session_digests.*": "is made of the entries",
    "entry_segments.*": "is the entries, as those that are rows",
    "briefing*": "is what was shown here",
    "memory_reads.*": "is what was read here",
    "checkpoints_due.*": "is done here, with the session",
    "checkpoint_contents.*": "is the members of the checkpoints that have it",
    "checkpoints.number": "is the order of the lines",
    "checkpoints.session": "is the session before it",
    "checkpoints.content": "is of the tables only",
    "baseline*": "is of the files of this machine",
    "memory_files*": "is of the files of this machine",
    "idempotency_keys.*": "is of callers that may ask again, here",
    "canary.*": "says nothing",
    "retention_runs.*": "is what was done here",
    "losses.*": "is of the database of this machine; the sessions have gaps that say it",
    "workspaces.*": "is what this machine is to watch",
    "sessions.session_key": "is of the tables only",
    "sessions.going": "is what is being deleted",
    "entries.session": "is of the tables only",
    "memory_amendments.number": "is the order of the lines",
    "*.compressed_value": "is the value",
    "sessions.compressed_context": "is folded from the entries",
    "sessions.context_json": "is folded from the entries",
    "sessions.folded_through": "is folded from the entries",
    "sessions.context_size_bytes": "is folded from the entries",
    "sessions.metrics_json": "is folded from the entries",
    "project_memories.tenant_id": "is reserved",
}
#: The members that other columns are in; of the rest the name is the member's, or a member's with `_json`.
ELSEWHERE = {
    "projects.device": "folder", "projects.inode": "folder", "projects.birth_ns": "folder",
    "sessions.process_id": "process", "sessions.process_start": "process", "sessions.process_boot": "process",
    "sessions.process_started_at": "process",
    "entries.seq": "entry_id", "entries.at": "timestamp", "entries.subject": "path", "entries.details": "old_path",
}  # fmt: skip
MEMBERS = {
    "projects": ("project",),
    "sessions": ("session",),
    "entries": ("entry",),
    "checkpoints": ("checkpoint",),
    # A memory's row is its last version, as it was amended.
    "project_memories": ("memory", "version", "amendment"),
    "memory_versions": ("version",),
    "memory_amendments": ("amendment",),
}


def test_every_column_is_exported_or_left_out_for_a_reason() -> None:
    db = apsw.Connection(":memory:")
    migrations.migrate(db)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = [f"{name}.{one[1]}" for name in tables for one in db.execute(f"PRAGMA table_info({name})")]
    db.close()

    unknown = [one for one in columns if not any(fnmatch(one, pattern) for pattern in LEFT_OUT) and not _member(one)]

    assert "project_memories.memory_value" in columns
    assert [one for one in unknown if not one.startswith("sqlite_")] == []


def _member(column: str) -> bool:
    """Whether a member of a line holds a column."""
    table, name = column.split(".")
    members = {
        field.name
        for (kind, _), line in TYPES.items()
        if kind in MEMBERS.get(table, ())
        for field in msgspec.structs.fields(line)
    }
    # `deleted` is a value that is null, `updated_at` the time of the last version.
    same = {"deleted": "memory_value", "updated_at": "created_at"}
    return bool({name, name.removesuffix("_json"), ELSEWHERE.get(column), same.get(name)} & members)
