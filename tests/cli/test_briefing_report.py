"""`omnimem briefing --report`: how often what was shown was used, to read in a terminal."""

import os
from collections.abc import Iterator

import msgspec
import pytest

from omnimem import Client
from omnimem.model import Access, BriefingReport
from tests.cli.home import Home


@pytest.fixture
def client(running: Home) -> Iterator[Client]:
    with running.client() as client:
        yield client


@pytest.fixture
def asked(running: Home, client: Client, session: str) -> str:
    """A session that was given a briefing of what another one did, and then went to work."""
    client.append_context(session, file_path="src/limits.py", access=Access.WRITE)
    client.append_context(session, decision="Rate limits are kept in SQLite, see src/limits.py")
    client.end_session(session)
    asker = client.create_session(tool_id="codex", workspace_path=str(running.app), session_id="sess_asker")
    memory = client.create_memory(asker.project_id, key="test-command", value="make check")
    client.briefing(asker.project_id, session_id=asker.session_id)
    client.get_memory(asker.project_id, memory_id=memory.memory_id, asked_by=asker.session_id)
    client.append_context(asker.session_id, decision="Rate limits of uploads are kept in SQLite too")
    return asker.session_id


def test_nothing_was_shown_yet(running: Home, session: str) -> None:
    done = running.omnimem("briefing", "--report", "--days", "7")

    assert (done.status, done.out) == (0, "")
    assert done.err == "No session was given a briefing in the last 7 days.\n"


def test_each_kind_has_a_line(running: Home, asked: str) -> None:
    done = running.omnimem("briefing", "--report")

    assert done.status == 0
    assert done.lines[0].split() == ["KIND", "SHOWN", "USED", "SHARE", "FIRST", "USE", "HOW"]
    rows = {line.split()[0]: line.split() for line in done.lines[1:]}
    assert (rows["memory"][:4], rows["memory"][-2:]) == (["memory", "1", "1", "100%"], ["read", "1"])
    assert (rows["decision"][:4], rows["decision"][-2:]) == (["decision", "1", "1", "100%"], ["~said", "1"])
    assert "1 briefing to 1 session in the last 30 days" in done.err


def test_json_is_the_report_of_the_project_or_of_all(running: Home, client: Client, asked: str) -> None:
    here = msgspec.json.decode(running.omnimem("briefing", "--report", "--json").out, type=BriefingReport)
    everywhere = msgspec.json.decode(
        running.omnimem("briefing", "--report", "--all", "--days", "9", "--json").out, type=BriefingReport
    )

    assert here.project_id == client.get_session(asked).project_id
    assert (everywhere.project_id, everywhere.days) == (None, 9)
    assert [one.kind for one in here.kinds] == [one.kind for one in everywhere.kinds]


def test_the_command_in_a_process_of_the_session_reads_for_it(running: Home, client: Client) -> None:
    asker = client.create_session(tool_id="codex", workspace_path=str(running.app), process_id=os.getpid())
    client.create_memory(asker.project_id, key="test-command", value="make check")
    client.briefing(asker.project_id, session_id=asker.session_id)

    before = memories_read(client)

    running.omnimem("memory", "get", "test-command")

    assert memories_read(client) == before + 1


def memories_read(client: Client) -> int:
    return sum(one.how.get("read", 0) for one in client.all_briefings_report().kinds if one.kind == "memory")
