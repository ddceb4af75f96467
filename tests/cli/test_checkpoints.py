"""`omnimem checkpoint`."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.home import Home


@pytest.fixture
def worked(running: Home) -> Iterator[str]:
    """The id of a session with something in it, alone in its project."""
    with running.client() as client:
        client.create_session(tool_id="tool", workspace_path=str(running.app), session_id="worked")
        client.append_context("worked", decision="Use SQLite.", file_path="store.py", access="write")
        yield "worked"
        for one in client.list_sessions(archived="all").sessions:
            client.end_session(one.session_id)
            client.delete_session(one.session_id)


def test_one_is_taken_listed_and_shown(running: Home, worked: str) -> None:
    taken = running.omnimem("checkpoint", "take", "--name", "half\x1b way", "--note", "before lunch")

    checkpoint_id = taken.out.strip()
    assert taken.err == f"It holds 1 file, 1 decision of {worked}.\n"
    heading, row = running.omnimem("checkpoint", "list").lines
    assert heading.split() == ["ID", "TAKEN", "WHY", "SESSION", "NAME"]
    assert row.split()[0] == checkpoint_id
    assert row.endswith(r"by call  worked   half\x1b way")
    shown = running.omnimem("checkpoint", "show").out
    assert shown.startswith(f"{checkpoint_id}  half\\x1b way\n")
    assert "Use SQLite." in shown
    assert "store.py" in shown
    assert json.loads(running.omnimem("checkpoint", "show", checkpoint_id, "--json").out)["note"] == "before lunch"
    assert running.omnimem("checkpoint", "list", worked, "--quiet").out.split() == [checkpoint_id]


def test_two_are_compared(running: Home, worked: str) -> None:
    running.omnimem("checkpoint", "take")
    with running.client() as client:
        client.append_context(worked, decision="Write it in Rust.", file_path="new.rs", access="create")
    running.omnimem("checkpoint", "take")

    done = running.omnimem("checkpoint", "diff")

    assert done.lines[1:3] == ["+ decision  Write it in Rust.", "+ file      new.rs"]


def test_a_session_starts_from_one(running: Home, worked: str) -> None:
    checkpoint_id = running.omnimem("checkpoint", "take").out.strip()

    done = running.omnimem("checkpoint", "restore", "--tool", "mine")

    assert f"It starts from {checkpoint_id} of worked." in done.err
    with running.client() as client:
        session = client.get_session(done.out.strip())
        context = client.get_context(session.session_id).context
    assert (session.continues, session.tool_id) == (worked, "mine")
    assert [one.decision for one in context.decisions] == ["Use SQLite."]
    assert [one.path for one in context.files_accessed] == [f"{running.app}/store.py"]


def test_one_is_kept_as_a_memory(running: Home, worked: str) -> None:
    running.omnimem("checkpoint", "take", worked)

    done = running.omnimem("checkpoint", "keep", "--key", "the-store")

    assert "is kept as the memory the-store (version 1)" in done.err
    assert "Use SQLite." in running.omnimem("memory", "get", "the-store").out


def test_there_has_to_be_one(running: Home) -> None:
    (running.path / "nothing").mkdir(exist_ok=True)

    done = running.shell(f"cd {running.path}/nothing && omnimem checkpoint show")

    assert done.status == 1
    assert done.err.startswith("error: This project has no checkpoints.\nhint: Take one with")
