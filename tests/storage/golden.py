"""The content of the golden databases: written once by the program of each schema, read by every later one.

`python -m tests.storage.golden` writes the golden of the present schema, unless there is one: a golden is never
written again, because it is what an older program left behind.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import apsw
from msgspec.structs import replace

from omnimem.model import Access, Attribution, CheckpointReason, EndReason, ProjectKind, Source
from omnimemd.domain.checkpoints import Checkpoint, Content, KeptDecision, KeptFile, KeptMemory, KeptSearch, packed
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import How
from omnimemd.domain.entries import CheckpointTaken, Entry, MemoryNote, Numbered, Search
from omnimemd.domain.file_events import FileFacts
from omnimemd.domain.memories import ChangedFile, Memory
from omnimemd.domain.projects import FolderIdentity, Project
from omnimemd.domain.staleness import RememberedFile
from omnimemd.domain.usefulness import Item, ItemKind, Use, Used, mark_of
from omnimemd.storage import (
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
from omnimemd.storage.idempotency import KeptAnswer
from omnimemd.storage.losses import Loss, LossReason
from omnimemd.storage.usefulness import Delivered, MemoryRead
from tests.support.clock import NOON, SECOND
from tests.support.factories import (
    a_binding,
    a_decision,
    a_gap,
    a_memory,
    a_scan,
    a_session,
    an_access,
)

FOLDER: Final = Path(__file__).parent.parent / "goldens"
LONG_VALUE: Final = "A long story. " * 1000
ENTRIES: Final[tuple[Entry, ...]] = (
    an_access("/w/a.py", Access.CREATE, source=Source.API, attribution=Attribution.EXACT, importance=0.0),
    an_access("/w/odd-\udcff", Access.MOVE, old_path="/w/old-\udcfe", at=NOON + 1),
    an_access("/w/ünï", Access.WRITE, attribution=Attribution.AMBIGUOUS, others=("s-ended",), at=NOON + 2),
    Search(at=Millis(NOON + 3), source=Source.API, query="NUL \0 and 🧠"),
    a_decision("Use SQLite: one file, no server.", at=NOON + 4),
    MemoryNote(at=Millis(NOON + 5), source=Source.API, memory_id="mem_0123456789ab", memory_key="stack"),
    MemoryNote(at=Millis(NOON + 6), source=Source.HOOK, memory_id="elsewhere"),
    a_scan(at=NOON + 7, top=("/w/src", "/w/odd-\udcff")),
    a_gap(at=NOON + 8, recovered=3),
    CheckpointTaken(at=Millis(NOON + 9), source=Source.API, checkpoint_id="ckpt_0123456789ab"),
)
OPEN: Final = replace(
    a_session("s-open", process=a_binding()),
    user_id="me@here",
    continues="s-ended",
    metadata={"model": "x", "big": 10**30, "deep": [None, {"ü": 0.5}]},
)
ENDED: Final = replace(a_session("s-ended", ended_at=NOON + SECOND), end_detail="done", pinned=True, archived=True)
DIED: Final = replace(
    a_session("s-died", ended_at=NOON + SECOND), end_reason=EndReason.PROCESS_EXITED, process=a_binding(pid=9)
)
GIT: Final = Project(
    project_id="p-1",
    name="App",
    kind=ProjectKind.GIT,
    root="/w",
    identity=FolderIdentity(device=2049, inode=42, birth_ns=1_700_000_000_123_456_789),
    created_at=NOON,
    last_activity=Millis(NOON + SECOND),
    settings={"briefing": {"max_tokens": 2000}},
)
STACK: Final = a_memory("stack", "Python")
STACK_2: Final = replace(
    STACK,
    value="Python 3.11",
    version=2,
    updated_at=Millis(NOON + SECOND),
    metadata={"why": "wheels"},
    files=("pyproject.toml",),
    session_id="s-open",
)
EXPIRING: Final = replace(a_memory("soon", LONG_VALUE, ttl_seconds=0.5), memory_id="mem_00000000000a")
DELETED: Final = replace(a_memory("gone", deleted=True, version=2), memory_id="mem_00000000000b")
FACTS: Final = (
    FileFacts("a.py", 42, 3000, 1_700_000_000_123_456_789, 1_700_000_000_987_654_321),
    FileFacts("odd-\udcff", 2**64 - 1, 0, -1, 0),
)
KNOWN_FILES: Final = (
    RememberedFile(path="pyproject.toml", facts=FACTS[0], digest=b"\x01" * 16),
    RememberedFile(path="/else/odd", facts=FACTS[1], digest=None, changed_at=Millis(NOON + SECOND)),
    RememberedFile(path="to/come.py", facts=None, digest=None),
)
#: What is said of STACK, with the project at /w.
SEEN_FILES: Final = (
    ("/else/odd", "/w/pyproject.toml", "/w/to/come.py"),
    (ChangedFile("/else/odd", Millis(NOON + SECOND)),),
)
CHECKPOINT: Final = Checkpoint(
    checkpoint_id="ckpt_0123456789ab",
    session_id="s-open",
    project_id="p-1",
    name="half way",
    note="NUL \0 and 🧠",
    reason=CheckpointReason.CLIENT,
    created_at=Millis(NOON + 9),
    entries_through=9,
    content=Content(
        summary="# Files\n- /w/a.py",
        files=(KeptFile(path="/w/odd-\\xff", importance=0.75, at=Millis(NOON + 1), writes=1, created=True),),
        more_files=3,
        decisions=(KeptDecision(at=Millis(NOON + 4), text="Use SQLite.", seq=5, superseded=True),),
        searches=(KeptSearch(at=Millis(NOON + 3), query="where", seq=4, led_to=("/w/a.py",)),),
        memories=(KeptMemory(at=Millis(NOON + 5), seq=6, memory_id="mem_0123456789ab", how=How.WRITTEN, key="stack"),),
        open_points=("the tests fail",),
    ),
)
KEPT: Final = KeptAnswer(body_digest=b"\x00" * 32, status=201, body=b'{"memory_id":"mem_0123456789ab"}')
SHOWN: Final = (
    Item(ItemKind.MEMORY, STACK.memory_id),
    Item(ItemKind.FILE, "s-ended", mark_of("/w/ünï")),
    Item(ItemKind.DECISION, "s-ended:5"),
)
USED: Final = {SHOWN[1]: Use(Millis(NOON + SECOND), Used.READ)}

LOSSES: Final = (
    Loss(started_at=None, ended_at=NOON, found_at=Millis(NOON + SECOND), reason=LossReason.DATABASE, seen_at=NOON),
    Loss(
        started_at=NOON,
        ended_at=Millis(NOON + SECOND),
        found_at=Millis(NOON + SECOND),
        reason=LossReason.LOG,
        kept="quarantine/20260101T120000Z",
        restored_from="backup_20260101T110000Z_0123",
    ),
)


def write(db: apsw.Connection) -> None:
    """Write everything there is a noun for."""
    projects.save(db, GIT)
    projects.ensure(db, "named", now=NOON)
    key = sessions.insert(db, OPEN)
    sessions.insert(db, ENDED)
    sessions.insert(db, DIED)
    entries.insert(db, key, [Numbered(seq, entry) for seq, entry in enumerate(ENTRIES, start=1)])
    checkpoints.insert(db, key, CHECKPOINT, packed(CHECKPOINT.content))
    for memory in (
        STACK,
        STACK_2,
        EXPIRING,
        replace(DELETED, value="v", version=1, deleted=False),
        DELETED,
    ):
        memories.save(db, memory, at=memory.updated_at)
    memories.count_accesses(db, {STACK.memory_id: (7, Millis(NOON + 2 * SECOND))})
    (due,) = memory_files.every_due(db, limit=10)
    memory_files.remember(db, due, KNOWN_FILES)
    memory_files.due(db, replace(EXPIRING, files=("b.py",)), since=NOON)
    workspaces.add(db, "/w", at=NOON)
    baseline = baselines.begin(db, "/w", at=NOON)
    baselines.put(db, baseline, {"": baselines.packed(FACTS[:1]), "sub/odd-\udcfe": baselines.packed(FACTS)})
    baselines.completed(db, baseline, through=Millis(NOON + SECOND))
    usefulness.deliver(
        db,
        Delivered(session=key, project_id="p-1", at=NOON, max_tokens=2000, tokens=1234, through=3, items=SHOWN),
    )
    usefulness.save(db, key, USED, through=len(ENTRIES))
    usefulness.read(db, key, [MemoryRead(STACK.memory_id, NOON, Millis(NOON + SECOND), found=True)])
    for loss in LOSSES:
        losses.add(db, loss)
    idempotency.keep(db, "POST /projects/p-1/memories", "key-1", KEPT, now=NOON)


def due(golden: str) -> tuple[Memory, ...]:
    """Return the memories whose files are to be looked at, of a database of the golden of that name."""
    return (EXPIRING,) if golden >= "schema_0003" else (EXPIRING, STACK_2)


def opened(golden: Path, place: Path) -> Path:
    """Make the database that *golden* describes at *place*; return that."""
    db = apsw.Connection(str(place))
    db.execute(golden.read_text("utf-8"))
    db.close()
    return place


def dumped(db: apsw.Connection) -> str:
    """Return *db* as SQL that makes it again, byte by byte the same for the same content."""
    lines = [f"PRAGMA application_id = {db.pragma('application_id')};", "BEGIN;"]
    shadows = {name for _, name, kind, *_ in db.execute("PRAGMA table_list") if kind == "shadow"}
    made = [
        (name, kind, sql)
        for name, kind, sql in db.execute("SELECT name, type, sql FROM sqlite_schema WHERE sql NOTNULL ORDER BY rowid")
        if name not in shadows and not name.startswith("sqlite_")  # the tables of virtual ones come with those
    ]
    lines += [f"{sql};" for _, kind, sql in made if kind != "trigger"]
    for name, sql in ((name, sql) for name, kind, sql in made if kind == "table" and "fts5vocab" not in sql):
        columns = ", ".join(column for _, column, *_ in db.execute(f"PRAGMA table_info({name})"))
        if "USING fts5" in sql:
            for key, value in db.execute(f"SELECT k, v FROM {name}_config WHERE k <> 'version' ORDER BY k"):  # noqa: S608
                lines.append(f"INSERT INTO {name} ({name}, rank) VALUES ('{key}', {value});")  # noqa: S608
            columns = f"rowid, {columns}"
        for row in db.execute(f"SELECT {columns} FROM {name} ORDER BY {columns}"):  # noqa: S608 our own names
            values = ", ".join(map(apsw.format_sql_value, row))
            lines.append(f"INSERT INTO {name} ({columns}) VALUES ({values});")  # noqa: S608
    lines += [f"{sql};" for _, kind, sql in made if kind == "trigger"]  # last, as what they do is in the rows already
    lines += ["COMMIT;", f"PRAGMA user_version = {db.pragma('user_version')};", ""]
    return "\n".join(lines)


def main() -> int:
    """Write the golden of the present schema."""
    with tempfile.TemporaryDirectory() as folder:
        db = apsw.Connection(f"{folder}/golden.db")
        version = migrations.migrate(db)
        write(db)
        text = dumped(db)
        db.close()
    place = FOLDER / f"schema_{version:04}.sql"
    if place.exists():
        sys.stderr.write(f"{place} is there already, and stays as it is\n")
        return 1
    place.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
