"""`omnimem summary`: what a session was about, to read in a terminal."""

from collections.abc import Iterator

import pytest

from omnimem import Client
from omnimem.model import Access
from tests.cli.home import Home


@pytest.fixture
def client(running: Home) -> Iterator[Client]:
    with running.client() as client:
        yield client


@pytest.fixture
def told(running: Home, client: Client, session: str) -> str:
    """A session in which something was done."""
    client.append_context(session, search_query="rate limit")
    client.append_context(session, file_path="src/limits.py", access=Access.WRITE)
    client.append_context(session, decision="Limits are kept in \x1b[31mSQLite.")
    return session


def test_it_shows_what_was_done_in_the_session_of_the_folder(running: Home, told: str) -> None:
    done = running.omnimem("summary")

    assert (done.status, done.err) == (0, "")
    assert done.lines[:8] == [
        f"Session {told}",
        "",
        "Worked on",
        "  src: changed limits.py",
        "",
        "Decisions",
        "  Limits are kept in SQLite.  3",
        "",
    ]
    assert "  rate limit: led to src/limits.py  1" in done.lines
    assert done.lines[-1].endswith("It still runs.")


def test_a_session_can_be_named(running: Home, client: Client, told: str) -> None:
    other = client.create_session(tool_id="codex", workspace_path=str(running.app), session_id="sess_other")
    client.end_session(other.session_id, reason="green")

    done = running.omnimem("summary", "sess_other")

    assert done.lines[0] == "Session sess_other"
    assert done.lines[-1].endswith("It was closed. green")


def test_what_found_no_room_is_told(running: Home, told: str) -> None:
    done = running.omnimem("summary", "--max-tokens", "50")

    assert "left out; --max-tokens makes room for more.\n" in done.err
    assert "Limits" not in done.out


def test_it_can_be_had_as_one_document(running: Home, client: Client, told: str) -> None:
    done = running.omnimem("summary", "--markdown")

    assert done.out == client.summary_markdown(told)
    assert "# Decisions\n- Limits are kept in SQLite. [" in done.out


@pytest.mark.parametrize("words", [("--max-tokens", "49"), ("--max-tokens", "many"), ("a", "b")])
def test_what_means_nothing_is_wrong_usage(running: Home, words: tuple[str, ...]) -> None:
    assert running.omnimem("summary", *words).status == 2


def test_a_session_that_is_not_there_is_an_error(running: Home) -> None:
    done = running.omnimem("summary", "nobody")

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: No session 'nobody'.")
