"""What a session is told when it begins: of its own project, by others, and never anything that is gone."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimem.errors import InvalidRequest
from omnimem.model import Access, ContextAppend, EndReason, MemoryCreate, SessionCreate
from omnimemd.domain.file_events import Change
from omnimemd.services.briefing import Briefed, Question
from omnimemd.services.workspaces import AmbientPlace
from tests.services.stories import begin, decide, happens, session_of
from tests.support.clock import DAY, MINUTE, SECOND
from tests.support.house import House


async def brief(
    house: House,
    project_id: str,
    *,
    max_tokens: int = 2_000,
    query: str = "",
    asker: str = "",
    files: Sequence[str] = (),
) -> Briefed:
    question = Question(max_tokens=max_tokens, query=query, session_id=asker or None, files=tuple(files))
    return await house.services.briefings.brief(project_id, question)


def told(briefed: Briefed, section: str | None = None) -> list[str]:
    """Return the texts of a briefing, or of one section."""
    chosen = [one for one in briefed.packed.sections if section is None or one.title == section]
    return [item.text for one in chosen for item in one.items]


async def write(house: House, session_id: str, *names: str) -> None:
    drafts = [ContextAppend(file_path=name, access=Access.WRITE) for name in names]
    await house.services.entries.append(session_id, drafts)


async def remember(house: House, project_id: str, key: str, value: str, *, ttl: float | None = None) -> str:
    written = await house.services.memories.create(project_id, MemoryCreate(key=key, value=value, ttl_seconds=ttl))
    return written.memory.memory_id


async def end(house: House, session_id: str, detail: str | None = None) -> None:
    house.clock.advance(SECOND)
    await house.services.sessions.end(session_id, detail=detail)


@pytest.fixture
async def project(house: House, workspace: Path) -> str:
    """The project of the workspace, in which a session was at work yesterday."""
    session = await begin(house, workspace, "before", tool="claude-code")
    await write(house, "before", "src/cart.py")
    await decide(house, "before", "Prices are whole cents in src/cart.py")
    house.clock.advance(MINUTE)
    await decide(house, "before", "Still to do: round discounts half up")
    await end(house, "before", "discounts half done")
    house.clock.advance(DAY)
    return session.project_id


async def test_the_next_session_knows_what_was_decided_what_is_open_and_what_was_done(
    house: House, project: str
) -> None:
    briefed = await brief(house, project)

    assert told(briefed, "Decisions") == ["Prices are whole cents in src/cart.py"]
    assert "Still to do: round discounts half up" in told(briefed, "Left open")
    [session] = told(briefed, "Sessions")
    assert "claude-code: discounts half done; changed src/cart.py" in session


async def test_each_thing_has_an_id_by_which_it_is_found(house: House, project: str) -> None:
    memory_id = await remember(house, project, "tests", "make check")

    briefed = await brief(house, project)

    sources = {item.text: item.source for one in briefed.packed.sections for item in one.items}
    assert sources["tests: make check"] == memory_id
    assert sources["Prices are whole cents in src/cart.py"] == "before:2"


async def test_the_same_question_is_answered_the_same_an_hour_later(house: House, project: str) -> None:
    await remember(house, project, "tests", "make check")
    first = await brief(house, project, query="round the prices", files=["src/cart.py"])

    house.clock.advance(3 * DAY)

    assert await brief(house, project, query="round the prices", files=["src/cart.py"]) == first


async def test_what_the_asker_recorded_itself_is_no_news_to_it(house: House, project: str, workspace: Path) -> None:
    await begin(house, workspace, "asker")
    await decide(house, "asker", "Prices are floats after all")
    await write(house, "asker", "src/floats.py")

    mine = await brief(house, project, asker="asker", query="prices floats")
    others = await brief(house, project, query="prices floats")

    assert not any("floats" in text for text in told(mine))
    assert "Prices are floats after all" in told(others)


async def test_another_projects_session_cannot_ask(house: House, project: str, workspace: Path) -> None:
    await house.services.sessions.create(
        SessionCreate(tool_id="t", workspace_path=str(workspace), session_id="stranger", project_id="other"),
        caller=None,
    )

    with pytest.raises(InvalidRequest, match="session_id"):
        await brief(house, project, asker="stranger")


async def test_nothing_of_another_project_is_told(house: House, project: str, workspace: Path) -> None:
    await house.services.sessions.create(
        SessionCreate(tool_id="t", workspace_path=str(workspace), session_id="stranger", project_id="other"),
        caller=None,
    )
    await decide(house, "stranger", "Prices are in points")
    await write(house, "stranger", "src/points.py")
    await remember(house, "other", "prices", "in points")

    briefed = await brief(house, project, query="prices points", files=["src/points.py"])

    assert not any("points" in text for text in told(briefed))


async def test_what_expired_or_was_deleted_is_never_told(house: House, project: str) -> None:
    await remember(house, project, "soon", "gone soon", ttl=60)
    deleted = await remember(house, project, "now", "gone now")
    assert {"soon: gone soon", "now: gone now"} <= set(told(await brief(house, project)))

    house.clock.advance(61 * SECOND)
    await house.services.memories.delete(project, deleted, purge=False, session_id=None)

    assert not any("gone" in text for text in told(await brief(house, project, query="gone soon now")))


async def test_another_live_session_that_changes_the_same_files_is_a_warning(
    house: House, project: str, workspace: Path
) -> None:
    await begin(house, workspace, "other", tool="codex")
    await write(house, "other", "src/cart.py", "src/elsewhere.py")
    await begin(house, workspace, "asker")
    await house.services.entries.append("asker", [ContextAppend(file_path="src/cart.py")])

    [warning] = told(await brief(house, project, asker="asker"), "Warnings")

    assert "codex is at work" in warning
    assert warning.endswith("Z: src/cart.py")
    assert told(await brief(house, project, asker="asker", files=["src/none.py"]), "Warnings") == [warning]
    assert told(await brief(house, project, files=["src/none.py"]), "Warnings") == []


async def test_the_session_that_is_continued_comes_first(house: House, project: str, workspace: Path) -> None:
    await begin(house, workspace, "noise")
    for number in range(20):
        await decide(house, "noise", f"Something of no consequence in src/cart.py, number {number}")
    await end(house, "noise")
    await house.services.sessions.create(
        SessionCreate(tool_id="t", workspace_path=str(workspace), session_id="asker", continues="before"), caller=None
    )

    briefed = await brief(house, project, max_tokens=120, asker="asker")

    assert "Still to do: round discounts half up" in told(briefed)


async def test_what_a_tool_did_before_it_registered_is_its_own(house: House, project: str, workspace: Path) -> None:
    tool = house.processes.begin(70, name="claude")
    found = await house.services.sessions.open_discovered(AmbientPlace(str(workspace), project), process=tool)
    await write(house, found.session_id, "src/mine.py")
    await decide(house, found.session_id, "Mine, and no news")
    house.clock.advance(SECOND)
    asker, _ = await house.services.sessions.create(
        SessionCreate(tool_id="claude", workspace_path=str(workspace), process_id=70), caller=None
    )
    assert asker.continues == found.session_id
    assert session_of(house, found.session_id).end_reason is EndReason.REPLACED

    mine = await brief(house, project, asker=asker.session_id)

    assert not any("mine" in text.lower() for text in told(mine))
    assert any("Mine" in text for text in told(await brief(house, project)))


async def test_a_checkpoint_with_a_name_is_told(house: House, project: str) -> None:
    taken = await house.services.checkpoints.take("before", name="before the rounding", note="all green here")
    await house.services.checkpoints.take("before", name=None, note=None)

    briefed = await brief(house, project)

    [section] = [one for one in briefed.packed.sections if one.title == "Checkpoints"]
    assert [(item.text[11:], item.source) for item in section.items] == [
        ("before the rounding: all green here", taken.checkpoint_id)
    ]


async def test_a_stale_memory_says_what_changed(house: House, project: str, workspace: Path) -> None:
    await begin(house, workspace, "watching")
    (workspace / "setup.py").write_text("one")
    await house.services.memories.create(project, MemoryCreate(key="setup", value="run it", files=["setup.py"]))
    await house.services.tracking.flush()
    (workspace / "setup.py").write_text("another")
    happens(house, workspace, "setup.py", Change.WRITTEN)
    await house.services.tracking.flush()

    assert told(await brief(house, project), "Memories") == ["stale, setup.py changed since: setup: run it"]


async def test_what_was_put_in_is_told_apart(house: House, project: str) -> None:
    briefed = await brief(house, project)

    items = [item for one in briefed.packed.sections for item in one.items]
    assert [one.source for one in briefed.put] == [item.source for item in items]
    assert {one.what.value for one in briefed.put} >= {"decision", "open", "session"}


@pytest.mark.parametrize("max_tokens", [50, 64, 100, 250, 1_000])
async def test_it_is_never_longer_than_was_asked(house: House, project: str, max_tokens: int) -> None:
    for number in range(30):
        await remember(house, project, f"key {number}", f"The value of number {number} is {'long ' * number}.")

    briefed = await brief(house, project, max_tokens=max_tokens, query="value of number 7")

    assert briefed.packed.tokens <= max_tokens
    assert briefed.packed.left_out > 0
