"""Secrets in requests: what is removed, how that is said, and whose project wants them kept."""

from pathlib import Path
from urllib.parse import quote

import pytest

from omnimem.errors import IdempotencyKeyReused, InvalidRequest
from tests.support.clock import MINUTE
from tests.support.house import House
from tests.support.http import Api, expect_problem
from tests.support.secrets import MIXED

TOKEN = "ghp_" + MIXED + "abcd"
OTHER = "ghp_" + MIXED + "efgh"
MARK = "[removed: GitHub token]"
TOLD = {"redacted": ["GitHub token"]}


async def test_a_memory_is_kept_without_its_secret_and_the_answer_says_so(api: Api) -> None:
    written = await api.post(
        "/projects/p/memories", {"key": "deploy", "value": f"use {TOKEN}", "metadata": {TOKEN: [TOKEN]}}
    )
    memory = (await api.get("/projects/p/memories?key=deploy")).json["memory"]

    assert written.json | TOLD == written.json
    assert written.headers["Omnimem-Redacted"] == "GitHub token"
    assert (memory["memory_value"], memory["metadata"]) == (f"use {MARK}", {MARK: [MARK]})
    assert "redacted" not in memory


async def test_nothing_is_said_where_nothing_was_removed(api: Api) -> None:
    written = await api.post("/projects/p/memories", {"key": "k", "value": "v"})

    assert "redacted" not in written.json
    assert "Omnimem-Redacted" not in written.headers


async def test_a_memory_whose_key_held_a_secret_is_found_by_that_key(api: Api) -> None:
    await api.post("/projects/p/memories", {"key": f"token {TOKEN}", "value": "v"})

    found = await api.get(f"/projects/p/memories?key={quote(f'token {TOKEN}')}")

    assert found.json["memory"]["memory_key"] == f"token {MARK}"


async def test_a_change_of_a_memory_is_cleaned(api: Api) -> None:
    memory_id = (await api.post("/projects/p/memories", {"key": "k", "value": "v"})).json["memory_id"]

    changed = await api.patch(f"/projects/p/memories/{memory_id}", {"value": TOKEN, "files": [f"/w/{TOKEN}"]})

    assert (changed.json["memory_value"], changed.json["files"]) == (MARK, [f"/w/{MARK}"])
    assert changed.json["redacted"] == ["GitHub token"]


async def test_what_a_session_is_told_is_cleaned(api: Api, workspace: Path) -> None:
    made = await api.post(
        "/sessions",
        {"tool_id": "t", "workspace_path": str(workspace), "session_id": "s", "metadata": {"a": {"b": TOKEN}}},
    )
    appended = await api.post(
        "/sessions/s/context",
        {"decision": TOKEN, "search_query": TOKEN, "file_path": f"a/{TOKEN}", "memory_id": "m", "memory_key": TOKEN},
    )
    batch = await api.post("/sessions/s/context/batch", {"entries": [{"decision": "d"}, {"decision": TOKEN}]})
    changed = await api.patch("/sessions/s", {"metadata": {TOKEN: 1}})
    ended = await api.post("/sessions/s/end", {"reason": TOKEN})
    entries = await api.get("/sessions/s/entries")

    assert [one.json["redacted"] for one in (made, appended, batch, changed, ended)] == [["GitHub token"]] * 5
    assert made.json["metadata"] == {"a": {"b": MARK}}
    assert changed.json["metadata"] == {MARK: 1}
    assert ended.json["end_detail"] == MARK
    assert TOKEN.encode() not in entries.body
    assert entries.body.count(MARK.encode()) == 5


async def test_a_minimal_reply_says_it_in_a_header(api: Api, session: str) -> None:
    reply = await api.post(f"/sessions/{session}/context", {"decision": TOKEN}, Prefer="return=minimal")

    assert (reply.status, reply.headers["Omnimem-Redacted"]) == (204, "GitHub token")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/sessions", {"tool_id": TOKEN, "workspace_path": "/"}, "tool_id"),
        ("/sessions", {"tool_id": "t", "workspace_path": "/", "session_id": TOKEN}, "session_id"),
        ("/sessions", {"tool_id": "t", "workspace_path": "/", "user_id": TOKEN}, "user_id"),
        ("/sessions/s-1/context", {"memory_id": TOKEN}, "memory_id"),
        ("/sessions/s-1/context/batch", {"entries": [{"file_path": "a", "agent_id": TOKEN}]}, "entries[0].agent_id"),
        (f"/projects/{TOKEN}/memories", {"key": "k", "value": "v"}, "project_id"),
    ],
)
async def test_an_id_that_is_a_secret_is_refused(
    api: Api, session: str, path: str, body: dict[str, object], field: str
) -> None:
    reply = await api.post(path, body)

    expect_problem(reply, InvalidRequest, field)
    assert TOKEN.encode() not in reply.body


async def test_the_answer_that_is_kept_for_a_key_holds_no_secret(api: Api, session: str, house: House) -> None:
    path = f"/sessions/{session}/context"
    first = await api.post(path, {"decision": TOKEN}, Idempotency_Key="k")
    house.clock.advance(MINUTE)

    again = await api.post(path, {"decision": TOKEN}, Idempotency_Key="k")

    assert again.body == first.body
    assert again.json["redacted"] == ["GitHub token"]
    assert again.headers["Omnimem-Redacted"] == "GitHub token"
    expect_problem(await api.post(path, {"decision": "another"}, Idempotency_Key="k"), IdempotencyKeyReused)


async def test_not_even_a_digest_of_a_secret_is_kept(api: Api, session: str) -> None:
    path = f"/sessions/{session}/context"
    first = await api.post(path, {"decision": f"use {TOKEN}"}, Idempotency_Key="k")

    another = await api.post(path, {"decision": f"use {OTHER}"}, Idempotency_Key="k")

    assert another.body == first.body  # both say "use [removed: …]": nothing remembers what was in its place


@pytest.mark.parametrize(
    "body",
    [{"decision": [TOKEN]}, {TOKEN: 1}, {"decision": "d", "access": TOKEN}, {"decision": "d", "timestamp": TOKEN}],
)
async def test_a_refusal_does_not_repeat_a_secret(api: Api, session: str, body: dict[str, object]) -> None:
    reply = await api.post(f"/sessions/{session}/context", body)

    assert reply.status == 422
    assert TOKEN.encode() not in reply.body


async def test_a_name_of_a_project_is_cleaned(api: Api, session: str, workspace: Path) -> None:
    project = (await api.get(f"/sessions/{session}")).json["project_id"]

    changed = await api.patch(f"/projects/{project}", {"name": TOKEN, "settings": {"note": TOKEN}})

    assert (changed.json["name"], changed.json["settings"]) == (MARK, {"note": MARK})


async def test_a_project_file_that_names_a_project_by_a_secret(api: Api, workspace: Path) -> None:
    (workspace / ".omnimem.toml").write_text(f'name = "{TOKEN}"')

    resolved = await api.post("/projects/resolve", {"path": str(workspace)})

    assert resolved.json["name"] == MARK


async def test_a_project_may_keep_what_it_is_told(api: Api, session: str, workspace: Path) -> None:
    project = (await api.get(f"/sessions/{session}")).json["project_id"]
    await api.patch(f"/projects/{project}", {"settings": {"redact": False}})

    appended = await api.post(f"/sessions/{session}/context", {"decision": TOKEN})
    written = await api.post(f"/projects/{project}/memories", {"key": "k", "value": TOKEN})
    begun = await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace), "metadata": {"x": TOKEN}})
    elsewhere = await api.post("/projects/other/memories", {"key": "k", "value": TOKEN, "session_id": session})

    assert appended.json["context"]["decisions"][0]["decision"] == TOKEN
    assert begun.json["metadata"] == {"x": TOKEN}
    assert "redacted" not in written.json | appended.json | begun.json
    assert elsewhere.json["redacted"] == ["GitHub token"]
    assert (await api.get(f"/projects/{project}/memories?key=k")).json["memory"]["memory_value"] == TOKEN

    await api.patch(f"/projects/{project}", {"settings": {"redact": True}})
    assert (await api.post(f"/sessions/{session}/context", {"decision": TOKEN})).json["redacted"] == ["GitHub token"]


async def test_the_setting_is_yes_or_no(api: Api, session: str) -> None:
    project = (await api.get(f"/sessions/{session}")).json["project_id"]

    expect_problem(
        await api.patch(f"/projects/{project}", {"settings": {"redact": "no"}}), InvalidRequest, "settings.redact"
    )


async def test_a_large_text_is_cleaned_too(api: Api) -> None:
    written = await api.post("/projects/p/memories", {"key": "k", "value": "word " * 40_000 + TOKEN})

    assert written.json["redacted"] == ["GitHub token"]
    assert TOKEN.encode() not in (await api.get("/projects/p/memories?key=k")).body
