"""`omnimem briefing`: for people in a terminal, for programs as JSON, for models as one document."""

import msgspec
import pytest

from omnimem import Client
from omnimem.model import Briefing, Session
from tests.cli.home import Home, Terminal

DECISION = "Paint the lighthouse red, as the harbour master wants to see it from the far side of the bay in any fog"


@pytest.fixture
def session(running: Home) -> Session:
    """A session that has ended, with a decision about a lighthouse and a file; of a project of its own."""
    running.start()
    with running.client() as client:
        session = _worked(client, running)
        client.end_session(session.session_id, reason="painted one side")
        return session


def _worked(client: Client, running: Home) -> Session:
    session = client.create_session(
        tool_id="claude", workspace_path=str(running.app), project_id="lighthouses", session_id="sess_painter"
    )
    client.append_context(session.session_id, decision=DECISION)
    client.append_context(session.session_id, file_path="src/paint.py", access="write")
    client.create_memory("lighthouses", key="lamp", value="The lamp is lit at dusk.")
    return session


def ended(terminal: Terminal) -> str:
    assert terminal.ended() == 0
    return terminal.shown


def test_each_line_says_what_it_is_and_where_it_comes_from(running: Home, session: Session) -> None:
    done = running.omnimem("briefing", "--project", "lighthouses")

    assert done.status == 0
    assert "Decisions" in done.lines
    assert any(line.startswith(f"  {DECISION} sess_painter:") for line in done.lines)
    assert any("claude: painted one side; changed src/paint.py sess_painter" in line for line in done.lines)
    assert any(line.startswith("  lamp: The lamp is lit at dusk. mem_") for line in done.lines)
    assert done.err.strip().endswith("of 2000 tokens; nothing was left out.")


def test_in_a_terminal_lines_end_where_it_ends_and_sources_stand_back(running: Home, session: Session) -> None:
    with running.terminal("briefing", "--project", "lighthouses") as terminal:
        shown = ended(terminal)

    assert "\x1b[1mDecisions\x1b[0m" in shown
    assert "\x1b[2mmem_" in shown
    assert DECISION not in shown
    assert "".join(DECISION.split()) in "".join(shown.split())


def test_what_there_is_no_room_for_is_counted(running: Home, session: Session) -> None:
    done = running.omnimem("briefing", "--project", "lighthouses", "--max-tokens", "60")

    assert "left out: --max-tokens makes room for more." in done.err


def test_json_is_the_apis(running: Home, session: Session) -> None:
    done = running.omnimem("briefing", "--project", "lighthouses", "--query", "lamp", "--json")

    assert msgspec.json.decode(done.out, type=Briefing).project_id == "lighthouses"


def test_markdown_is_the_document_as_it_is(running: Home, session: Session) -> None:
    done = running.omnimem("briefing", "--project", "lighthouses", "--markdown", "--file", "src/paint.py")

    with running.client() as client:
        file = f"{running.app}/src/paint.py"
        assert done.out == client.briefing_markdown("lighthouses", file=(file,))
    assert f"- {DECISION} [" in done.out


def test_quiet_prints_where_it_comes_from(running: Home, session: Session) -> None:
    done = running.omnimem("briefing", "--project", "lighthouses", "--quiet")

    assert "sess_painter" in done.lines
    assert done.err == ""


def test_a_session_of_another_project_is_refused(running: Home, session: Session) -> None:
    done = running.omnimem("briefing", "--project", "elsewhere", "--session", "sess_painter")

    assert done.status == 1
    assert "--session: is of a session of another project" in done.err
    assert "hint: Ask for the briefing of that session's project." in done.err
