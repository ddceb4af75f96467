"""`omnimem search`: what was found, where, by whom, and what to try when nothing was."""

from collections.abc import Iterator

import pytest

from omnimem import Client
from omnimem.model import Session
from tests.cli.home import Home, Terminal


@pytest.fixture
def client(running: Home) -> Iterator[Client]:
    running.start()
    with running.client() as client:
        yield client


@pytest.fixture
def session(running: Home, client: Client) -> Iterator[Session]:
    """A session in which a memory was kept and a decision made, both about lighthouses."""
    session = client.create_session(tool_id="claude", workspace_path=str(running.app), session_id="sess_lighthouse")
    client.create_memory(
        session.project_id,
        key="lighthouse",
        value="The lighthouse is lit at dusk.",
        session_id=session.session_id,
        metadata={"area": "coast"},
    )
    client.append_context(session.session_id, decision="Paint the lighthouse red")
    client.create_memory("elsewhere", key="far", value="Another lighthouse stands elsewhere.")
    yield session
    client.end_session(session.session_id)
    client.delete_session(session.session_id)


def test_what_is_found_says_what_it_is_and_where_it_came_from(running: Home, session: Session) -> None:
    done = running.omnimem("search", "lighthouse", "dusk")

    assert (done.status, done.err) == (0, "")
    title, snippet, origin = done.lines[:3]
    assert title == " 1  lighthouse"
    assert snippet == "    The «lighthouse» is lit at «dusk»."
    assert origin.startswith("    memory, just now · session sess_lighthouse (claude) · mem_")
    assert "    Paint the «lighthouse» red" in done.lines
    assert "elsewhere" not in done.out


def test_on_a_terminal_what_was_found_stands_out(running: Home, session: Session) -> None:
    with running.terminal("search", "dusk") as terminal:
        assert "lit at \x1b[1mdusk\x1b[0m." in ended(terminal)
        assert "«" not in terminal.shown


def ended(terminal: Terminal) -> str:
    assert terminal.ended() == 0
    return terminal.shown


def test_every_project_is_searched_if_that_is_wanted(running: Home, session: Session) -> None:
    done = running.omnimem("search", "lighthouse", "--all")

    assert "project elsewhere" in done.out
    assert "project app" in done.out


def test_a_project_can_be_named(running: Home, session: Session) -> None:
    done = running.omnimem("search", "lighthouse", "--project", "elsewhere")

    assert [line for line in done.lines if line.startswith(" 1")] == [" 1  far"]


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (("--kind", "decision"), 1),
        (("--metadata", "area:coast"), 1),
        (("--metadata", "area:hills"), 0),
        (("--session", "sess_lighthouse"), 2),
        (("--session", "nobody"), 0),
        (("--since", "1h"), 2),
        (("--limit", "1"), 1),
    ],
)
def test_a_search_can_be_narrowed(running: Home, session: Session, flags: tuple[str, ...], found: int) -> None:
    done = running.omnimem("search", "lighthouse", "--quiet", *flags)

    assert (done.status, len(done.lines)) == (0, found), done.err


def test_nothing_found_says_what_to_try(running: Home, session: Session) -> None:
    done = running.omnimem("search", "zeppelin", "--mode", "text", "--since", "1h")

    assert (done.status, done.out) == (0, "")
    assert done.err == "Nothing found. Try other words, or fewer; leaving out --since; or --all for every project.\n"


def test_a_search_by_meaning_finds_other_words(running: Home, session: Session) -> None:
    done = running.omnimem("search", "beacon lamp", "--mode", "semantic")

    assert (done.status, done.err) == (0, "")
    assert "    The lighthouse is lit at dusk." in done.lines


def test_what_is_near_in_meaning_alone_is_told_apart(running: Home, session: Session) -> None:
    near, by_words = (running.omnimem("search", *words) for words in (("beacon", "lamp"), ("lighthouse", "lamp")))

    assert near.err.startswith("Nothing here shows a word of the question: ")
    assert "    The lighthouse is lit at dusk." in near.lines
    assert by_words.err == ""


@pytest.mark.parametrize(
    "words", [("search",), ("search", "x", "--mode", "psychic"), ("search", "x", "--metadata", "y")]
)
def test_what_means_nothing_is_wrong_usage(running: Home, words: tuple[str, ...]) -> None:
    assert running.omnimem(*words).status == 2
