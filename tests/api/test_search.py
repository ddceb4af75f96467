"""`GET /projects/{id}/memories/search` and `GET /search`."""

from typing import Any
from urllib.parse import urlencode

import pytest

from omnimem.errors import InvalidRequest
from tests.support.clock import SECOND
from tests.support.house import World
from tests.support.http import Api, expect_problem

PLACE = "/projects/p/memories"


async def write(api: Api, key: str, value: str, *, project: str = "p", **more: Any) -> str:
    reply = await api.post(f"/projects/{project}/memories", {"key": key, "value": value, **more})
    assert reply.status in (200, 201), reply.body
    return str(reply.json["memory_id"])


async def found(api: Api, q: str, **more: Any) -> list[str]:
    """Return the keys of the memories that are found."""
    reply = await api.get(f"{PLACE}/search?{urlencode({'q': q, **more}, doseq=True)}")
    assert reply.status == 200, reply.body
    return [one["memory"]["memory_key"] for one in reply.json["results"]]


async def everything(api: Api, q: str, **more: Any) -> list[tuple[str, str]]:
    """Return the kind and the text of what is found anywhere."""
    reply = await api.get(f"/search?{urlencode({'q': q, **more}, doseq=True)}")
    assert reply.status == 200, reply.body
    return [(one["kind"], one["text"]) for one in reply.json["results"]]


class TestMemories:
    async def test_the_answer_has_the_promised_members(self, api: Api) -> None:
        memory_id = await write(api, "db", "We use PostgreSQL for orders.")

        reply = await api.get(f"{PLACE}/search?q=postgresql")

        memory = (await api.get(f"{PLACE}/{memory_id}?touch=false")).json
        assert reply.json == {
            "project_id": "p",
            "query": "postgresql",
            "mode": "text",
            "results": [{"memory": memory, "score": 1.0, "snippet": "We use «PostgreSQL» for orders."}],
            "count": 1,
        }

    async def test_it_is_found_by_any_form_of_its_words(self, api: Api) -> None:
        await write(api, "k", "Retries are configured per connection.")

        assert await found(api, "retry configuration connections") == ["k"]

    @pytest.mark.parametrize("kept", ["getUserName", "get_user_name", "get-user-name", "GetUserName", "a.getUserName"])
    @pytest.mark.parametrize("asked", ["getUserName", "get_user_name", "getusername", "get user name", "UserName"])
    async def test_an_identifier_is_found_in_any_of_its_spellings(self, api: Api, kept: str, asked: str) -> None:
        await write(api, "k", f"The helper {kept} is slow.")
        await write(api, "other", "Something else entirely.")

        assert await found(api, asked) == ["k"]

    @pytest.mark.parametrize("asked", ["据库", "连接池", "库", "数据库连接池"])
    async def test_what_is_written_without_spaces_is_found_by_any_part(self, api: Api, asked: str) -> None:
        await write(api, "k", "数据库连接池的大小是二十")
        await write(api, "other", "缓存")

        assert await found(api, asked) == ["k"]

    async def test_a_changed_memory_is_found_by_what_it_says_now(self, api: Api) -> None:
        await write(api, "k", "alpha")
        await found(api, "alpha")
        await write(api, "k", "beta")

        assert await found(api, "alpha") == []
        assert await found(api, "beta") == ["k"]

    async def test_an_expired_memory_is_not_found_from_the_millisecond_on(self, api: Api, world: World) -> None:
        await write(api, "k", "alpha", ttl_seconds=1)

        world.clock.advance(SECOND - 1)
        assert await found(api, "alpha") == ["k"]
        world.clock.advance(1)
        assert await found(api, "alpha") == []

    @pytest.mark.parametrize("purge", ["", "?purge=true"])
    async def test_a_deleted_memory_is_not_found(self, api: Api, purge: str) -> None:
        memory_id = await write(api, "k", "alpha")
        await found(api, "alpha")
        await api.delete(f"{PLACE}/{memory_id}{purge}")

        assert await found(api, "alpha") == []

    async def test_of_two_that_nearly_repeat_each_other_the_newer_is_first(self, api: Api, world: World) -> None:
        await write(api, "old", "Deploy with make ship from the main branch, on Fridays never.")
        world.clock.advance(SECOND)
        await write(api, "new", "Deploy with make release from the main branch, on Fridays never.")

        assert await found(api, "how to deploy from the main branch") == ["new", "old"]

    async def test_other_projects_are_not_searched(self, api: Api) -> None:
        await write(api, "k", "alpha", project="elsewhere")

        assert await found(api, "alpha") == []

    async def test_filters_are_all_held(self, api: Api, world: World) -> None:
        await write(api, "a", "alpha", session_id="s-1", metadata={"area": "api", "tags": ["x", "y"], "n": 3})
        world.clock.advance(SECOND)
        await write(api, "b", "alpha", session_id="s-2", metadata={"area": "cli", "ok": True})

        assert sorted(await found(api, "alpha")) == ["a", "b"]
        assert await found(api, "alpha", session_id="s-1") == ["a"]
        assert await found(api, "alpha", since="2026-03-01T12:00:01Z") == ["b"]
        assert await found(api, "alpha", metadata="area:api") == ["a"]
        assert await found(api, "alpha", metadata=["area:api", "tags:y", "n:3"]) == ["a"]
        assert await found(api, "alpha", metadata="ok:true") == ["b"]
        assert await found(api, "alpha", metadata=["area:api", "tags:z"]) == []

    async def test_searching_is_no_access(self, api: Api) -> None:
        memory_id = await write(api, "k", "alpha")
        await found(api, "alpha")

        assert (await api.get(f"{PLACE}/{memory_id}?touch=false")).json["accessed_count"] == 0

    @pytest.mark.parametrize("query", ["", "?q=", "?q=a&limit=0", "?q=a&limit=101", "?q=a&mode=x", "?q=a&metadata=x"])
    async def test_what_is_wrong_with_a_question_is_said(self, api: Api, query: str) -> None:
        expect_problem(await api.get(f"{PLACE}/search{query}"), InvalidRequest)

    @pytest.mark.parametrize(
        "q",
        [
            '"',
            "'",
            "a OR",
            "NEAR(",
            "terms:x",
            "*",
            "-",
            "a AND NOT b",
            "\0",
            "\ufeff",
            "👩‍👩‍👧",
            "()",
            "\u202eabc",
            " ",
        ],
    )
    async def test_any_text_is_safe(self, api: Api, q: str) -> None:
        await write(api, "k", "v")

        assert await found(api, q) == []

    @pytest.mark.parametrize("mode", ["auto", "text", "semantic"])
    async def test_without_the_extra_it_says_that_words_were_looked_for(self, api: Api, mode: str) -> None:
        await write(api, "k", "alpha")

        reply = await api.get(f"{PLACE}/search?q=alpha&mode={mode}")

        assert (reply.json["mode"], reply.json["count"]) == ("text", 1)


class TestEverything:
    async def test_memories_decisions_and_searches_are_found(self, api: Api, session: str) -> None:
        memory_id = await write(api, "k", "alpha in a memory", session_id=session)
        await api.post(f"/sessions/{session}/context", {"decision": "alpha decided", "search_query": "alpha sought"})

        reply = await api.get("/search?q=alpha")

        results = {one["kind"]: one for one in reply.json["results"]}
        assert (reply.json["query"], reply.json["mode"], reply.json["count"]) == ("alpha", "text", 3)
        assert set(results) == {"memory", "decision", "search"}
        project_id = (await api.get(f"/sessions/{session}")).json["project_id"]
        score = results["decision"].pop("score")
        assert 0 < score <= 1
        assert results["decision"] == {
            "kind": "decision",
            "id": "s-1:3",
            "project_id": project_id,
            "session_id": session,
            "timestamp": "2026-03-01T12:00:00.000Z",
            "text": "alpha decided",
            "snippet": "«alpha» decided",
            "key": None,
            "stale": False,
        }
        assert (results["memory"]["id"], results["memory"]["key"]) == (memory_id, "k")

    async def test_it_is_narrowed_by_project_kind_and_session(self, api: Api, session: str) -> None:
        await write(api, "k", "alpha in a memory")
        await api.post(f"/sessions/{session}/context", {"decision": "alpha decided", "search_query": "alpha sought"})

        assert await everything(api, "alpha", kind="decision") == [("decision", "alpha decided")]
        assert await everything(api, "alpha", project_id="p") == [("memory", "alpha in a memory")]
        assert await everything(api, "alpha", kind="checkpoint") == []
        assert len(await everything(api, "alpha", session_id=session)) == 2

    async def test_what_a_deleted_session_said_is_gone(self, api: Api, session: str) -> None:
        await api.post(f"/sessions/{session}/context", {"decision": "alpha decided"})
        assert await everything(api, "alpha") == [("decision", "alpha decided")]
        await api.post(f"/sessions/{session}/end")
        await api.delete(f"/sessions/{session}")

        assert await everything(api, "alpha") == []


class TestSlips:
    @pytest.mark.parametrize("asked", ["kuberntes", "kubernetse", "kubenetes", "kubern", "Kuberntes deploy"])
    async def test_a_slip_finds_what_was_meant(self, api: Api, asked: str) -> None:
        await write(api, "k", "Deploy to Kubernetes with helm.")
        await write(api, "other", "Tests run in parallel.")

        assert await found(api, asked) == ["k"]

    async def test_what_was_meant_is_marked(self, api: Api) -> None:
        await write(api, "k", "Deploy to Kubernetes with helm.")

        reply = await api.get(f"{PLACE}/search?q=kuberntes")

        assert reply.json["results"][0]["snippet"] == "Deploy to «Kubernetes» with helm."

    async def test_a_word_that_is_there_is_taken_at_its_word(self, api: Api) -> None:
        await write(api, "a", "The cache is warm.")
        await write(api, "b", "The catch is that it is slow.")

        assert await found(api, "cache") == ["a"]

    @pytest.mark.parametrize("asked", ["zzzzzzzz", "kub3rnetes9x", "aaa"])
    async def test_what_is_too_far_from_everything_finds_nothing(self, api: Api, asked: str) -> None:
        await write(api, "k", "Deploy to Kubernetes with helm.")

        assert await found(api, asked) == []


class TestSimilar:
    VALUE = "Deploy with make release from the main branch, never on Fridays."

    async def similar(self, api: Api, key: str, value: str, project: str = "p") -> list[tuple[str, float]]:
        reply = await api.post(f"/projects/{project}/memories", {"key": key, "value": value})
        return [(one["key"], one["score"]) for one in reply.json.get("similar", [])]

    async def test_a_memory_that_nearly_repeats_another_is_told_so(self, api: Api) -> None:
        memory_id = await write(api, "old", self.VALUE)

        reply = await api.post(PLACE, {"key": "new", "value": self.VALUE.replace("release", "ship")})

        assert reply.json["similar"] == [{"memory_id": memory_id, "key": "old", "score": 0.83}]
        assert await found(api, "deploy", limit=5) == ["new", "old"]  # both are kept

    async def test_it_is_told_of_what_is_in_the_index_too(self, api: Api) -> None:
        await write(api, "old", self.VALUE)
        await found(api, "anything")

        assert await self.similar(api, "new", self.VALUE) == [("old", 1.0)]

    async def test_a_change_is_told_too(self, api: Api) -> None:
        await write(api, "old", self.VALUE)
        memory_id = await write(api, "new", "Something else.")

        reply = await api.patch(f"{PLACE}/{memory_id}", {"value": self.VALUE})

        assert [one["key"] for one in reply.json["similar"]] == ["old"]

    async def test_nothing_is_told_of_versions_other_projects_and_what_is_gone(self, api: Api, world: World) -> None:
        await write(api, "k", self.VALUE)
        assert await self.similar(api, "k", self.VALUE + " Ask first.") == []
        assert await self.similar(api, "k", self.VALUE, project="elsewhere") == []

        gone = await write(api, "gone", "Run the linter before each commit, please.", ttl_seconds=1)
        world.clock.advance(SECOND)
        assert await self.similar(api, "new", "Run the linter before each commit, please.") == []
        assert gone

    async def test_what_differs_is_not_similar(self, api: Api) -> None:
        await write(api, "old", self.VALUE)

        assert await self.similar(api, "new", "Deploy by hand from the release branch, on any day.") == []
