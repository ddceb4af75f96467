"""`omnimem debug bundle`: what helps is in it, and nothing of anybody's."""

import base64
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from omnimem import Client, __version__
from omnimem.calls import append_context
from omnimemd.cli.scrubbing import Scrubber
from tests.cli.home import Home
from tests.e2e.waiting import eventually

#: In every place where a user's text can be; each is unlike any word of the program's.
MARK = "zqxjv"
#: The name of a folder in words that the program uses too.
PLAIN = "delete the old sessions"


def contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {one.name: file.read() for one in tar if (file := tar.extractfile(one)) is not None}


#: Columns of text that is the program's own: ids it makes, and what it chooses from a list.
OWN = {
    *("projects.kind", "sessions.end_reason", "sessions.process_boot", "sessions.metrics_json"),
    *("project_memories.memory_id", "project_memories.tenant_id", "memory_versions.memory_id"),
    *("memory_amendments.memory_id", "memory_files.memory_id", "memory_files_due.memory_id", "memory_reads.memory_id"),
    *("search_documents.memory_id", "search_pending.memory_id", "search_model.model", "idempotency_keys.route"),
    *("retention_runs.rule", "briefing_items.kind", "briefing_items.how", "checkpoints.checkpoint_id"),
    *("losses.reason", "losses.kept", "losses.restored_from"),
    *("idempotency_keys.key", "briefing_items.file"),  # digests
    "sessions.context_json",  # held compressed as a rule
}


def marked(name: str) -> str:
    """A text that says of which kind it is."""
    return f"{MARK}{name}"


def plant(home: Home) -> None:
    """Have a mark wherever a user's text can be."""
    folder = home.path / "src" / f"{MARK}-project with {MARK} spaces"
    folder.mkdir()
    gone = home.path / "src" / PLAIN
    config = home.path / ".config" / "omnimemd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'workspaces = ["{folder}", "{gone}"]\ntools = ["{MARK}tool"]\n')
    units = home.path / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "omnimemd.service").write_text(f'[Service]\nExecStart="/opt/{MARK} dir/omnimemd"\nEnvironment={MARK}=1\n')
    (folder / ".omnimem.toml").write_text(f'{MARK} = "no setting"\n')
    home.environ["OMNIMEM_DATA_DIR"] = str(home.path / f"{MARK} data")
    home.start()
    with home.client() as client:
        say_everything(client, folder)
        eventually(lambda: not missing(home), f"a mark is in every column: {missing(home)}")
    with closing(apsw.Connection(str(database(home)))) as db:  # something that is named as it is told of
        db.set_busy_timeout(10_000)
        db.execute("UPDATE sessions SET context_json = 'nonsense', compressed_context = NULL, folded_through = 1")
    with home.log.open("a") as log:
        log.write(f"2026-01-01T00:00:00.000Z ERROR it broke path='/w/{MARK} x/{MARK}' key={MARK} {MARK}: {MARK}\n")
        log.write(f'  File "/home/{MARK}/x.py", line 3, in f\nValueError: {MARK} /a/{MARK} b\n')


def say_everything(client: Client, folder: Path) -> None:
    """Say something of every kind there is, through the API."""
    session = client.create_session(
        tool_id=marked("tool"),
        workspace_path=str(folder),
        session_id=marked("session"),
        user_id=marked("user"),
        project_id=marked("project"),
        metadata={marked("key"): marked("value")},
    )
    name, project = session.session_id, session.project_id
    file = folder / f"{MARK}.py"
    file.write_text(MARK)
    client.append_context(name, decision=f"{MARK} is decided", search_query=f"where is {MARK}")
    client.append_context(name, file_path=str(file), access="write")
    client.append_context(name, file_path=str(file), access="move", old_path=f"{file}-old", agent_id=marked("agent"))
    said = client.create_memory(
        project,
        key=marked("memory"),
        value=f"the {MARK} value",
        metadata={"tags": [marked("tag")]},
        files=[str(file)],
        session_id=name,
    )
    client.append_context(name, memory_id=said.memory_id)
    client.send(append_context(name, decision=MARK), idempotency_key=marked("idempotency"))
    client.update_memory(project, said.memory_id, files=[str(file), str(folder)])
    client.update_project(project, name=f"{MARK} name", settings={MARK: MARK})
    client.add_workspace(path=str(folder))
    client.create_checkpoint(name, name=marked("checkpoint"), note=marked("note"))
    client.search(q=MARK, project_id=project, asked_by=name)
    client.end_session(name, reason=f"{MARK} ended it")
    client.create_session(
        tool_id=marked("tool"),
        workspace_path=str(folder),
        session_id=marked("next"),
        project_id=project,
        continues=name,
    )
    client.summary_markdown(name)
    client.briefing(project, session_id=marked("next"))


def database(home: Home) -> Path:
    return Path(home.environ["OMNIMEM_DATA_DIR"]) / "omnimem.db"


def missing(home: Home) -> set[str]:
    """The columns that could hold a user's text, and hold no mark."""
    with closing(apsw.Connection(str(database(home)), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%STRICT%'")]
        columns = [
            (table, row[1])
            for table in tables
            for row in db.execute(f"PRAGMA table_info({table})")
            if row[2] in ("TEXT", "ANY")
        ]
        return {
            f"{table}.{column}"
            for table, column in columns
            if f"{table}.{column}" not in OWN
            and not db.execute(f"SELECT count(*) FROM {table} WHERE {column} LIKE '%{MARK}%'").get  # noqa: S608
        }


def test_nothing_of_anybodys_is_in_it(home: Home) -> None:
    plant(home)

    done = home.omnimem("debug", "bundle", "-o", "out.tar.gz", USER=f"{MARK}user", HOSTNAME=f"{MARK}host")

    path = home.app / "out.tar.gz"
    found = contents(path)
    assert done.status == 0, done.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    names = {name.removeprefix("omnimem-bundle/") for name in found}
    assert names >= {
        "about.json",
        "settings.json",
        "doctor.json",
        "status.json",
        "metrics.txt",
        "counts.json",
        "log.txt",
    }
    written = (MARK.encode(), base64.b64encode(MARK.encode()), MARK.encode().hex().encode())
    assert [name for name, content in found.items() if any(one in content.lower() for one in written)] == []
    assert [name for name, content in found.items() if PLAIN.partition(" ")[2].encode() in content] == []
    assert [name for name, content in found.items() if home.path.name.encode() in content] == []
    assert b'"log_level": "info"' in found["omnimem-bundle/status.json"]
    assert f"version='{__version__}'".encode() in found["omnimem-bundle/log.txt"]
    assert b'"every": "1d"' in found["omnimem-bundle/settings.json"]
    assert b"ERROR it broke path=<" in found["omnimem-bundle/log.txt"], "what helps is kept"
    assert b'"verdict": "fail"' in found["omnimem-bundle/doctor.json"]
    assert b"ExecStart" in found["omnimem-bundle/service/omnimemd.service"]


def test_it_needs_no_daemon_and_a_list_writes_nothing(home: Home) -> None:
    listed = home.omnimem("debug", "bundle", "--list")
    written = list(home.app.iterdir())
    made = home.omnimem("debug", "bundle")
    again = home.omnimem("debug", "bundle")
    forced = home.omnimem("debug", "bundle", "--force")

    assert (again.status, forced.status) == (1, 0), "what is there is not replaced unasked"
    assert (listed.status, written) == (0, [])
    assert "doctor.json" in listed.err
    assert made.status == 0
    assert "omnimem-bundle/doctor.json" in contents(home.app / "omnimem-bundle.tar.gz")


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        ("/work/delete the old sessions: not watched", ": not watched", "old"),
        ("it broke path='/w/delete the old sessions'", "it broke path=<", "old"),
        ("the body was b'delete the old sessions'", "the body was b<", "old"),
        ("database disk image is malformed", "database disk image is malformed", "<"),
        ("The daemon's folders are yours alone.", "The daemon's folders are yours alone.", "<"),
        ("Of /srv/delete the old sessions one is gone.", "one is gone.", "old"),
    ],
    ids=["path", "quoted", "bytes", "library", "apostrophe", "known"],
)
def test_words_of_the_programs_own_are_taken_out_where_they_are_anybodys(text: str, kept: str, gone: str) -> None:
    scrubbed = Scrubber({"/srv/delete the old sessions"}).scrub(text)

    assert kept in scrubbed
    assert gone not in scrubbed
