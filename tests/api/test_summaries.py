"""What a session was about, over HTTP."""

import msgspec
import pytest

from omnimem.model import Summary
from tests.support.house import House
from tests.support.http import Api


@pytest.fixture
async def told(api: Api, session: str) -> str:
    """A session in which something was done."""
    for said in (
        {"search_query": "rate limit"},
        {"file_path": "src/limits.py", "access": "write"},
        {"decision": "Limits are kept in SQLite."},
        {"memory_id": "mem_0123456789ab", "memory_key": "limits"},
    ):
        await api.post(f"/sessions/{session}/context", said)
    return session


async def test_it_has_what_was_done_with_its_sources(api: Api, told: str) -> None:
    reply = await api.get(f"/sessions/{told}/summary")

    summary = msgspec.json.decode(reply.body, type=Summary)
    project_id = (await api.get(f"/sessions/{told}")).json["project_id"]
    assert (summary.session_id, summary.project_id, summary.max_tokens) == (told, project_id, 500)
    assert 0 < summary.tokens <= 500
    assert summary.left_out == 0
    assert {one.title: [(item.text, item.source) for item in one.items] for one in summary.sections[:4]} == {
        "Worked on": [("src: changed limits.py", told)],
        "Decisions": [("Limits are kept in SQLite.", f"{told}:3")],
        "Searches that led somewhere": [("rate limit: led to src/limits.py", f"{told}:1")],
        "Memories": [("Written: limits", "mem_0123456789ab")],
    }
    assert summary.sections[4].title == "How it ended"


async def test_as_markdown_it_says_the_same(api: Api, told: str) -> None:
    summary = (await api.get(f"/sessions/{told}/summary")).json

    reply = await api.get(f"/sessions/{told}/summary?format=markdown")

    assert reply.headers["Content-Type"] == "text/markdown; charset=utf-8"
    lines = reply.body.decode().splitlines()
    for section in summary["sections"]:
        assert f"# {section['title']}" in lines
        for item in section["items"]:
            assert any(line.startswith(f"- {item['text']} [") for line in lines)


async def test_the_answer_stays_within_the_budget_and_says_what_it_left_out(api: Api, told: str) -> None:
    summary = (await api.get(f"/sessions/{told}/summary?max_tokens=50")).json

    assert summary["max_tokens"] == 50
    assert summary["tokens"] <= 50
    assert summary["left_out"] > 0


@pytest.mark.parametrize("query", ["max_tokens=49", "max_tokens=50001", "max_tokens=x", "format=html", "tokens=5"])
async def test_what_means_nothing_is_refused(api: Api, told: str, query: str) -> None:
    reply = await api.get(f"/sessions/{told}/summary?{query}")

    assert (reply.status, reply.fields) == (422, [query.partition("=")[0]])


async def test_the_summary_of_no_session_is_not_found(api: Api) -> None:
    reply = await api.get("/sessions/nobody/summary")

    assert (reply.status, reply.json["code"]) == (404, "session_not_found")


async def test_the_summary_of_an_ended_session_is_searched(api: Api, told: str, house: House) -> None:
    await api.post(f"/sessions/{told}/end", {"reason": "all green"})
    await house.digests.catch_up()

    (found,) = (await api.get("/search?q=green&kind=summary")).json["results"]

    session = (await api.get(f"/sessions/{told}")).json
    assert (found["kind"], found["id"], found["session_id"]) == ("summary", told, told)
    assert (found["project_id"], found["timestamp"]) == (session["project_id"], session["ended_at"])
    assert "Limits are kept in SQLite." in found["text"].splitlines()
    assert "«green»" in found["snippet"]
