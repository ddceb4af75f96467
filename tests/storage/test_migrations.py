"""A database of any version becomes one of the present version, or is refused untouched."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from omnimem.model import BackupReason, EntryKind
from omnimemd.domain.clock import Millis
from omnimemd.storage import (
    backups,
    baselines,
    checkpoints,
    entries,
    idempotency,
    losses,
    memories,
    memory_files,
    migrations,
    projects,
    sessions,
    usefulness,
    workspaces,
)
from omnimemd.storage.database import Database
from omnimemd.storage.errors import DatabaseUnusable, SchemaTooNew
from tests.storage import golden
from tests.support.clock import NOON, SECOND

GOLDENS = sorted(golden.FOLDER.glob("schema_*.sql"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = apsw.Connection(str(tmp_path / "fresh.db"))
    yield db
    db.close()


def schema_of(db: apsw.Connection) -> list[tuple[str, str]]:
    return list(db.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"))


class TestSteps:
    def test_a_fresh_database_gets_every_step(self, fresh: apsw.Connection) -> None:
        assert migrations.migrate(fresh) == migrations.version(fresh) == len(migrations.steps())
        assert fresh.pragma("application_id") == migrations.APPLICATION_ID

    def test_a_database_of_the_present_version_is_left_as_it_is(self, fresh: apsw.Connection) -> None:
        migrations.migrate(fresh)
        before = fresh.pragma("schema_version")  # SQLite counts changes of the schema

        migrations.migrate(fresh)

        assert fresh.pragma("schema_version") == before

    def test_a_step_that_fails_leaves_nothing_of_itself(
        self, fresh: apsw.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps = [*migrations.steps(), "CREATE TABLE half (a TEXT) STRICT; INSERT INTO nowhere VALUES (1);"]
        monkeypatch.setattr(migrations, "steps", lambda: steps)

        with pytest.raises(apsw.SQLError):
            migrations.migrate(fresh)

        assert migrations.version(fresh) == len(steps) - 1
        assert "half" not in dict(schema_of(fresh))

    def test_every_table_is_strict(self, fresh: apsw.Connection) -> None:
        migrations.migrate(fresh)

        loose = [
            name
            for _, name, kind, _, _, strict in fresh.execute("PRAGMA table_list")
            if kind == "table" and not strict and not name.startswith("sqlite_")
        ]
        assert loose == []


class TestRefusals:
    async def test_a_newer_database_is_refused_and_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "omnimem.db"
        db = apsw.Connection(str(path))
        version = migrations.migrate(db) + 1
        db.pragma("user_version", version)
        db.close()
        before = path.read_bytes()

        with pytest.raises(SchemaTooNew, match=rf"schema {version}.*newer"):
            Database(path)

        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == ["omnimem.db"]

    async def test_another_programs_database_is_refused_and_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "omnimem.db"
        db = apsw.Connection(str(path))
        db.execute("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')")
        db.pragma("application_id", 0x12345678)
        db.close()
        before = path.read_bytes()

        with pytest.raises(DatabaseUnusable):
            Database(path)

        assert path.read_bytes() == before


class TestBackups:
    @pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
    async def test_what_is_migrated_is_backed_up_first(self, path: Path, tmp_path: Path) -> None:
        place = golden.opened(path, tmp_path / "omnimem.db")
        db = apsw.Connection(str(place))
        version, before = migrations.version(db), sorted(golden.dumped(db).splitlines())
        db.close()

        async with Database(place):
            made = backups.found(backups.folder_of(place))

        assert len(made) == (version < len(migrations.steps()))
        for one in made:
            assert (one.reason, one.schema_version) == (BackupReason.MIGRATION, version)
            assert sorted(golden.dumped(backups.opened(one.path)).splitlines()) == before

    async def test_without_room_for_a_backup_nothing_is_migrated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = golden.opened(GOLDENS[0], tmp_path / "omnimem.db")
        monkeypatch.setattr(backups, "_SPARE_BYTES", 2**60)

        with pytest.raises(DatabaseUnusable, match=r"schema 1.*without a backup.*no room"):
            Database(place)

        db = apsw.Connection(str(place))
        assert migrations.version(db) == 1
        db.close()

    async def test_an_older_program_names_the_newest_backup_it_can_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = golden.opened(GOLDENS[-2], tmp_path / "omnimem.db")
        async with Database(place):
            pass
        (made,) = backups.found(backups.folder_of(place))
        older = migrations.steps()[:-1]
        monkeypatch.setattr(migrations, "steps", lambda: older)

        with pytest.raises(SchemaTooNew, match=rf"newer.*omnimemd --restore {made.backup_id}"):
            Database(place)


class TestGoldens:
    def test_there_is_one_of_every_version(self) -> None:
        assert [path.name for path in GOLDENS] == [
            f"schema_{number:04}.sql" for number in range(1, len(migrations.steps()) + 1)
        ]

    @pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
    async def test_it_becomes_what_a_fresh_one_is(self, path: Path, tmp_path: Path, fresh: apsw.Connection) -> None:
        migrations.migrate(fresh)

        async with Database(golden.opened(path, tmp_path / "omnimem.db")) as database:
            assert database.schema_version == len(migrations.steps())
            assert database.read_now(schema_of) == schema_of(fresh)
            assert database.read_now(lambda db: db.pragma("integrity_check")) == "ok"
            assert database.read_now(lambda db: db.execute("PRAGMA foreign_key_check").fetchall()) == []

    @pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
    async def test_the_present_program_reads_every_noun_in_it(self, path: Path, tmp_path: Path) -> None:
        async with Database(golden.opened(path, tmp_path / "omnimem.db")) as database:
            db = database._writer
            found = {one: sessions.find(db, one) for one in ("s-open", "s-ended", "s-died", "nobody")}
            stored = found["s-open"]
            assert stored is not None

            assert {name: one and one.session for name, one in found.items()} == {
                "s-open": golden.OPEN,
                "s-ended": golden.ENDED,
                "s-died": golden.DIED,
                "nobody": None,
            }
            page = entries.page(db, stored.key, after=0, kind=None, limit=100)
            assert [(one.seq, one.entry) for one in page] == list(enumerate(golden.ENTRIES, start=1))
            gaps = entries.page(db, stored.key, after=0, kind=EntryKind.GAP, limit=100)
            assert [one.entry for one in gaps] == [golden.ENTRIES[8]]

            assert memories.find_by_key(db, "p-1", "soon") == golden.EXPIRING
            assert memories.find_by_key(db, "p-1", "gone") == golden.DELETED
            stack = memories.find_by_key(db, "p-1", "stack")
            assert stack is not None
            assert (stack.value, stack.accessed_count) == ("Python 3.11", 7)
            assert stack.last_accessed == NOON + 2 * SECOND
            versions = memories.versions(db, golden.STACK.memory_id)
            assert [(one.version, one.value) for one in versions] == [(2, "Python 3.11"), (1, "Python")]
            gone = memories.versions(db, golden.DELETED.memory_id)
            assert [(one.version, one.value, one.deleted) for one in gone] == [(2, None, True), (1, "v", False)]
            live = memories.latest(db, "p-1", now=Millis(NOON + SECOND), limit=10)
            assert [one.key for one in live] == ["stack"]

            every = {one.project_id: one for one in projects.every(db, now=NOON)}
            assert set(every) == {"p-1", "named"}
            git = every["p-1"]
            assert (git.name, git.identity, git.settings) == (
                golden.GIT.name,
                golden.GIT.identity,
                golden.GIT.settings,
            )
            assert (git.sessions, git.memories) == (3, 2)
            assert workspaces.every(db) == {"/w": NOON}
            if path.stem >= "schema_0002":
                (baseline,) = baselines.every(db)
                assert (baseline.root, baseline.complete, baseline.through) == ("/w", True, NOON + SECOND)
                rows = baselines.rows(db, baseline.key, baselines.directories(db, baseline.key))
                facts = {directory: tuple(baselines.unpacked(row).values()) for directory, row in rows.items()}
                assert facts == {"": golden.FACTS[:1], "sub/odd-\udcfe": golden.FACTS}
            if path.stem >= "schema_0003":
                assert (stack.known_files, stack.changed_files) == golden.SEEN_FILES
                known = memory_files.at(db, stack.known_files)
                assert {one.file.path: one.file.changed_at for one in known} == {
                    one.path: one.changed_at for one in golden.KNOWN_FILES
                }
                assert sorted((one.file.facts or golden.FACTS[0]).inode for one in known) == [42, 42, 2**64 - 1]
            if path.stem >= "schema_0004":
                assert checkpoints.find(db, golden.CHECKPOINT.checkpoint_id) == golden.CHECKPOINT
            due = memory_files.every_due(db, limit=10)
            assert [one.memory_id for one in due] == sorted(one.memory_id for one in golden.due(path.stem))
            route = "POST /projects/p-1/memories"
            assert idempotency.find(db, route, "key-1", now=NOON) == golden.KEPT
            if path.stem >= "schema_0004":
                key = db.execute("SELECT session_key FROM sessions WHERE session_id = 's-open'").get
                assert {one.item for one in usefulness.watched(db, key)} == {golden.SHOWN[2]}
                assert [one.memory_id for one in usefulness.reads(db, key)] == [golden.STACK.memory_id]
            assert losses.every(db) == (list(golden.LOSSES) if path.stem >= "schema_0005" else [])
