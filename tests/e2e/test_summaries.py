"""What a session was about, told by a real daemon of real files and the death of a real process."""

import pytest

from omnimem import Client
from omnimem.model import EndReason, ResultKind, Session, Summary
from tests.e2e.daemons import Daemon, running
from tests.e2e.databases import assert_sound
from tests.e2e.homes import Home, fill
from tests.e2e.programs import Programs, Tool
from tests.e2e.recorded import ended
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify", "pidfd")


def said(summary: Summary) -> dict[str, list[str]]:
    """Return what each section says."""
    return {one.title: [item.text for item in one.items] for one in summary.sections}


def worked(client: Client, home: Home, programs: Programs) -> tuple[Session, Tool]:
    """Return a session in which a real process wrote a file that a search led to, and that process."""
    workspace = home.folder()
    fill(workspace, {"src/limits.py": "x = 1\n", "src/other.py": "y = 1\n"})
    tool = programs.obedient()
    session = client.create_session(tool_id="tool", workspace_path=str(workspace), process_id=tool.pid)
    client.append_context(session.session_id, search_query="token bucket")
    tool.say(f"open({str(workspace / 'src/limits.py')!r}, 'a').write('z = 2')")
    assert tool.hear() == "done"
    client.append_context(session.session_id, decision="Rate limits are kept in SQLite.")
    client.flush()
    return session, tool


def test_what_was_done_and_how_it_died_is_told_and_found(
    client: Client, daemon: Daemon, home: Home, programs: Programs
) -> None:
    session, tool = worked(client, home, programs)
    assert said(client.summary(session.session_id))["How it ended"][0].endswith("It still runs.")

    tool.kill()
    assert ended(client, session.session_id).end_reason is EndReason.PROCESS_EXITED

    summary = client.summary(session.session_id, max_tokens=300)
    assert said(summary)["Worked on"] == ["src: changed limits.py"]
    assert said(summary)["Decisions"] == ["Rate limits are kept in SQLite."]
    assert said(summary)["Searches that led somewhere"] == ["token bucket: led to src/limits.py"]
    assert said(summary)["How it ended"][0].endswith("Its process exited.")
    assert said(summary)["Left open"] == ["It was in the middle of writing src/limits.py"]
    assert summary.tokens <= 300
    assert "- src: changed limits.py [" in client.summary_markdown(session.session_id)
    found = eventually(
        lambda: client.search(q="limits", kind=ResultKind.SUMMARY, session_id=session.session_id).results,
        "the summary to be found",
    )
    assert [one.id for one in found] == [session.session_id]


def test_a_killed_daemon_tells_the_same_afterwards(empty_home: Home) -> None:
    programs = Programs(empty_home)
    with running(empty_home) as first:
        with first.client() as client:
            session, tool = worked(client, empty_home, programs)
            tool.kill()
            ended(client, session.session_id)
            before = client.summary(session.session_id)
        first.kill()
    with running(empty_home) as second, second.client() as client:
        assert client.summary(session.session_id) == before
    programs.close()
    assert_sound(empty_home)
