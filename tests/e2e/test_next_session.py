"""What it is all for: a session works, its process dies, and the next one starts knowing."""

from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import Briefing
from tests.e2e.daemons import running
from tests.e2e.homes import Home, fill
from tests.e2e.programs import Programs
from tests.e2e.recorded import ended

pytestmark = pytest.mark.needs("inotify", "pidfd")


def told(briefing: Briefing) -> dict[str, list[str]]:
    return {section.title: [item.text for item in section.items] for section in briefing.sections}


def test_the_next_session_knows_what_the_one_before_decided_changed_and_left_open(
    client: Client, workspace: Path, programs: Programs
) -> None:
    fill(workspace, {"src/cart.py": "1\n"})
    tool = programs.tool()
    first = client.create_session(tool_id="claude-code", workspace_path=str(workspace), process_id=tool.pid)
    programs.run("sed", "-i", "s/1/2/", "src/cart.py", cwd=workspace)
    client.append_context(first.session_id, file_path="src/cart.py", access="write")
    client.append_context(first.session_id, decision="Prices are whole cents")
    client.append_context(first.session_id, decision="Still to do: round discounts half up")
    client.create_memory(first.project_id, key="tests", value="make check", session_id=first.session_id)
    tool.kill()
    ended(client, first.session_id)
    second = client.create_session(
        tool_id="codex", workspace_path=str(workspace), process_id=programs.tool().pid, continues=first.session_id
    )
    client.append_context(second.session_id, decision="Mine, and no news to me")

    briefing = client.briefing(first.project_id, session_id=second.session_id, query="go on with the discounts")

    known = told(briefing)
    assert "Still to do: round discounts half up" in known["Left open"]
    assert known["Decisions"] == ["Prices are whole cents"]
    assert known["Memories"] == ["tests: make check"]
    assert any("claude-code, died: changed src/cart.py" in line for line in known["Sessions"])
    assert briefing.tokens <= briefing.max_tokens


def test_a_briefing_outlives_the_daemon_that_heard_it_all(empty_home: Home) -> None:
    workspace = empty_home.folder({"a.py": "1\n"})
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(workspace), session_id="before")
        client.append_context(session.session_id, decision="Prices are whole cents")
        daemon.kill()
    with running(empty_home) as daemon, daemon.client() as client:
        once = client.briefing_markdown(session.project_id, query="prices")

        assert "- Prices are whole cents [" in once
        assert client.briefing_markdown(session.project_id, query="prices") == once
