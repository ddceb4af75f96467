"""`GET /projects/{id}/briefing`: the shape of the answer, what may be asked, and what is refused."""

from pathlib import Path
from urllib.parse import quote

import pytest

from omnimem.errors import InvalidRequest
from tests.support.http import Api, expect_problem

PLACE = "/projects/p/briefing"


async def remember(api: Api, key: str, value: str, *, project: str = "p") -> str:
    reply = await api.post(f"/projects/{project}/memories", {"key": key, "value": value})
    return str(reply.json["memory_id"])


async def test_the_answer_has_the_promised_members(api: Api) -> None:
    memory_id = await remember(api, "tests", "Run make check.")

    reply = await api.get(f"{PLACE}?max_tokens=200")

    assert reply.status == 200
    assert list(reply.json) == ["project_id", "max_tokens", "tokens", "sections", "left_out"]
    assert (reply.json["project_id"], reply.json["max_tokens"], reply.json["left_out"]) == ("p", 200, 0)
    assert 0 < reply.json["tokens"] <= 200
    [section] = reply.json["sections"]
    [item] = section["items"]
    assert section["title"] == "Memories"
    assert (item["text"], item["source"]) == ("tests: Run make check.", memory_id)
    assert 0 < item["tokens"] < reply.json["tokens"]


async def test_the_default_is_json_of_2000_tokens(api: Api) -> None:
    assert (await api.get(PLACE)).json["max_tokens"] == 2000
    assert (await api.get(f"{PLACE}?format=json")).json == (await api.get(PLACE)).json


async def test_markdown_is_one_document_with_the_same_lines(api: Api) -> None:
    memory_id = await remember(api, "tests", "Run make check.")

    reply = await api.get(f"{PLACE}?format=markdown")

    assert reply.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "# Memories\n- tests: Run make check. [" in reply.body.decode()
    assert memory_id in reply.body.decode()


@pytest.mark.parametrize(
    "query",
    [
        "max_tokens=49",
        "max_tokens=50001",
        "max_tokens=many",
        "format=html",
        "session_id=-",
        "file=",
        "budget=100",
        "query=a&query=b",
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(api: Api, query: str) -> None:
    reply = await api.get(f"{PLACE}?{query}")

    expect_problem(reply, InvalidRequest)
    assert reply.fields[0].partition("[")[0] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["", "()", '" OR 1=1 --', "a" * 5_000, "\u202e\x1b[31m", "*", "多くの"])
async def test_any_text_can_be_the_query(api: Api, query: str) -> None:
    await remember(api, "tests", "Run make check.")

    assert (await api.get(f"{PLACE}?query={quote(query)}")).json["sections"][0]["title"] == "Memories"


async def test_files_at_hand_can_be_named_several_times(api: Api) -> None:
    assert (await api.get(f"{PLACE}?file=src/a.py&file=/w/b.py")).status == 200


async def test_a_session_of_another_project_is_refused(api: Api, session: str) -> None:
    reply = await api.get(f"{PLACE}?session_id={session}")

    expect_problem(reply, InvalidRequest)
    assert reply.fields == ["session_id"]


async def test_an_unknown_session_is_one_without_a_history(api: Api) -> None:
    await remember(api, "tests", "Run make check.")

    assert (await api.get(f"{PLACE}?session_id=nobody")).json == (await api.get(PLACE)).json


async def test_a_project_nobody_knows_has_a_briefing_that_says_so(api: Api) -> None:
    reply = await api.get("/projects/never-seen/briefing?max_tokens=50")

    assert reply.status == 200
    assert [item["text"] for section in reply.json["sections"] for item in section["items"]] == [
        "nothing is recorded yet"
    ]
    assert reply.json["tokens"] <= 50


async def test_to_be_briefed_is_not_to_read(api: Api) -> None:
    memory_id = await remember(api, "tests", "Run make check.")
    before = (await api.get(f"/projects/p/memories/{memory_id}?touch=false")).json

    await api.get(f"{PLACE}?query=check")

    assert (await api.get(f"/projects/p/memories/{memory_id}?touch=false")).json == before


@pytest.mark.parametrize("query", ["", "&query=sqlite"])
async def test_what_another_began_with_from_its_own_checkpoint_is_no_news_to_a_session(
    api: Api, session: str, workspace: Path, query: str
) -> None:
    project_id = (await api.get(f"/sessions/{session}")).json["project_id"]
    await api.post(f"/sessions/{session}/context", {"decision": "Store it in sqlite"})
    checkpoint = (await api.post(f"/sessions/{session}/checkpoints", {})).json["checkpoint_id"]
    place = {"tool_id": "tool", "workspace_path": str(workspace)}
    assert (await api.post(f"/checkpoints/{checkpoint}/restore", place)).status == 201

    own = await api.get(f"/projects/{project_id}/briefing?session_id={session}{query}")
    others = await api.get(f"/projects/{project_id}/briefing?session_id=another{query}")

    assert b"sqlite" not in own.body
    assert b"sqlite" in others.body
