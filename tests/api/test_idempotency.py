"""`Idempotency-Key`: the same request sent again has the first answer and no second effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from omnimem.errors import IdempotencyKeyReused, InvalidRequest, SessionNotFound, StoreUnavailable
from tests.support.clock import DAY, MINUTE
from tests.support.house import House, World, a_house
from tests.support.http import Api, Reply, expect_problem

KEY = "6f1c2a4e-key"


async def append(api: Api, session: str, text: str, key: str = KEY) -> Reply:
    return await api.post(f"/sessions/{session}/context", {"decision": text}, Idempotency_Key=key)


async def decisions(api: Api, session: str) -> list[str]:
    entries = (await api.get(f"/sessions/{session}/entries")).json["entries"]
    return [one["decision"] for one in entries if one["kind"] == "decision"]


@asynccontextmanager
async def restarted(data: Path, world: World) -> AsyncIterator[Api]:
    """Run another daemon on the database in *data*."""
    async with a_house(data, world=world) as house, TestClient(TestServer(house.app)) as client:
        yield Api(client)


async def test_the_same_request_again_has_the_first_answer_and_one_effect(api: Api, session: str, world: World) -> None:
    first = await append(api, session, "once")
    world.clock.advance(MINUTE)
    await append(api, session, "something else", key="another")

    again = await append(api, session, "once")

    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Content-Type"] == "application/json"
    assert await decisions(api, session) == ["once", "something else"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/sessions", {"tool_id": "t", "workspace_path": "{workspace}"}, 201),
        ("/sessions/s-1/end", {"reason": "done"}, 200),
        ("/sessions/s-1/context", {"search_query": "x"}, 200),
        ("/sessions/s-1/context/batch", {"entries": [{"decision": "x"}]}, 200),
        ("/projects/resolve", {"path": "{workspace}"}, 200),
        ("/workspaces", {"path": "{workspace}"}, 201),
        ("/projects/p/memories", {"key": "new", "value": "v"}, 201),
        ("/projects/p/memories/{memory}/restore", {"version": 1}, 200),
        ("/projects/p/memories/{memory}/confirm", None, 200),
    ],
)
async def test_every_post_may_carry_a_key(
    api: Api, session: str, workspace: Path, path: str, body: dict[str, Any] | None, status: int
) -> None:
    memory = (await api.post("/projects/p/memories", {"key": "k", "value": "v"})).json["memory_id"]
    path = path.format(memory=memory)
    body = body and {k: str(workspace) if v == "{workspace}" else v for k, v in body.items()}
    first = await api.post(path, body, Idempotency_Key=KEY)

    again = await api.post(path, body, Idempotency_Key=KEY)

    assert first.status == status
    assert (again.status, again.body) == (first.status, first.body)
    assert (await api.get("/sessions")).json["count"] == (2 if path == "/sessions" else 1)


async def test_a_minimal_reply_is_the_same_again(api: Api, session: str) -> None:
    headers = {"Prefer": "return=minimal", "Idempotency_Key": KEY}
    first = await api.post(f"/sessions/{session}/context", {"decision": "x"}, **headers)

    again = await api.post(f"/sessions/{session}/context", {"decision": "x"}, **headers)

    assert (first.status, again.status, again.body) == (204, 204, b"")
    assert await decisions(api, session) == ["x"]


async def test_the_answer_outlasts_a_restart(
    api: Api, house: House, session: str, world: World, tmp_path: Path
) -> None:
    first = await append(api, session, "once")
    left = house.as_kill_9_would_leave_it(tmp_path / "after")

    async with restarted(left, world) as again:
        reply = await append(again, session, "once")

        assert (reply.status, reply.body) == (first.status, first.body)
        assert await decisions(again, session) == ["once"]


async def test_effect_and_key_are_one_transaction(
    api: Api, house: House, session: str, world: World, tmp_path: Path
) -> None:
    """Whenever the daemon is killed, the retry has one effect: the key is stored exactly with what it is for."""
    commits: list[tuple[int, Path]] = []  # which request was sent last; the daemon has commits of its own, too

    def copied(*_: object) -> int:
        commits.append((number, house.as_kill_9_would_leave_it(tmp_path / f"commit-{len(commits)}")))
        return 0

    house.database._writer.set_wal_hook(copied)
    for number in range(3):
        await api.post(
            "/projects/p/memories",
            {"key": f"k{number}", "value": "v", "session_id": session},
            Idempotency_Key=f"{KEY}-{number}",
        )

    assert {sent for sent, _ in commits} == {0, 1, 2}
    for sent, place in commits:
        async with restarted(place, world) as again:
            await again.post(
                "/projects/p/memories",
                {"key": f"k{sent}", "value": "v", "session_id": session},
                Idempotency_Key=f"{KEY}-{sent}",
            )
            saved = (await again.get(f"/sessions/{session}/context")).json["context"]["saved_memories"]
            assert [one["key"] for one in saved] == [f"k{n}" for n in range(sent + 1)]


async def test_another_body_is_refused_and_has_no_effect(api: Api, session: str) -> None:
    await append(api, session, "once")

    reply = await append(api, session, "other")

    expect_problem(reply, IdempotencyKeyReused, "Idempotency-Key")
    assert await decisions(api, session) == ["once"]


async def test_a_key_is_of_its_route(api: Api, session: str, workspace: Path) -> None:
    await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace), "session_id": "s-2"})
    await append(api, session, "here")

    there = await append(api, "s-2", "there")

    assert there.status == 200
    assert (await decisions(api, session), await decisions(api, "s-2")) == (["here"], ["there"])
    assert (await api.post(f"/sessions/{session}/end", {"reason": "x"}, Idempotency_Key=KEY)).status == 200


async def test_an_error_is_not_kept_and_the_retry_runs(api: Api, workspace: Path) -> None:
    refused = await append(api, "late", "x")
    await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace), "session_id": "late"})

    retried = await append(api, "late", "x")

    expect_problem(refused, SessionNotFound)
    assert retried.status == 200
    assert await decisions(api, "late") == ["x"]


async def test_an_error_does_not_tie_the_key_to_its_body(api: Api, session: str) -> None:
    expect_problem(
        await api.post(f"/sessions/{session}/context", {"decison": "typo"}, Idempotency_Key=KEY), InvalidRequest
    )
    expect_problem(
        await api.post(f"/sessions/{session}/context", {"memory_key": "k"}, Idempotency_Key=KEY), InvalidRequest
    )

    assert (await append(api, session, "right")).status == 200


async def test_a_store_that_failed_leaves_neither_effect_nor_key(api: Api, house: House, session: str) -> None:
    house.fill_the_disk()
    refused = await append(api, session, "x" * 100_000)
    house.make_room()

    retried = await append(api, session, "x" * 100_000)

    expect_problem(refused, StoreUnavailable)
    assert retried.status == 200
    assert len(await decisions(api, session)) == 1


async def test_a_key_used_by_many_at_once_has_one_effect(api: Api, session: str) -> None:
    replies = await asyncio.gather(*(append(api, session, "once") for _ in range(16)))

    assert {(reply.status, reply.body) for reply in replies} == {(200, replies[0].body)}
    assert await decisions(api, session) == ["once"]


async def test_a_key_used_at_once_with_two_bodies_takes_one_of_them(api: Api, session: str) -> None:
    replies = await asyncio.gather(append(api, session, "a"), append(api, session, "b"))

    assert sorted(reply.status for reply in replies) == [200, 422]
    assert len(await decisions(api, session)) == 1


async def test_many_keys_at_once_each_have_their_effect(api: Api, session: str) -> None:
    keyed = [append(api, session, str(number), key=f"k{number}") for number in range(32)]
    plain = [api.post(f"/sessions/{session}/context", {"decision": f"plain {n}"}) for n in range(32)]

    replies = await asyncio.gather(*keyed, *plain)

    assert {reply.status for reply in replies} == {200}
    assert len(set(await decisions(api, session))) == 64


async def test_a_key_is_kept_for_a_day(api: Api, session: str, world: World) -> None:
    await append(api, session, "once")

    world.clock.advance(DAY - 1)
    await append(api, session, "once")
    within = await decisions(api, session)
    world.clock.advance(1)
    await append(api, session, "once")

    assert (within, await decisions(api, session)) == (["once"], ["once", "once"])


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_what_is_no_key_is_refused(api: Api, session: str, key: str) -> None:
    expect_problem(await append(api, session, "x", key=key), InvalidRequest, "Idempotency-Key")
    assert await decisions(api, session) == []


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b: 'c'--;%00"])
async def test_any_printable_text_of_255_is_a_key(api: Api, session: str, key: str) -> None:
    await append(api, session, "once", key=key)
    await append(api, session, "once", key=key)

    assert await decisions(api, session) == ["once"]


async def test_a_flush_is_never_answered_from_memory(api: Api, house: House) -> None:
    await api.post("/flush", Idempotency_Key=KEY)
    before = house.watcher.barriers

    await api.post("/flush", Idempotency_Key=KEY)

    assert house.watcher.barriers == before + 1


async def test_a_session_begun_with_a_key_is_watched_when_the_answer_comes(
    api: Api, house: House, workspace: Path
) -> None:
    body = {"tool_id": "t", "workspace_path": str(workspace)}

    await api.post("/sessions", body, Idempotency_Key=KEY)

    assert str(workspace) in house.watcher.watched
