"""`/projects/{id}/memories`: one chain of versions per project and key."""

from pathlib import Path
from typing import Any

import pytest

from omnimem.errors import InvalidRequest, MemoryNotFound, VersionMismatch, VersionNotFound
from omnimemd.domain.clock import rfc3339
from tests.support.clock import MINUTE, SECOND
from tests.support.house import World
from tests.support.http import Api, Reply, expect_problem

MEMORY = [
    "memory_id",
    "project_id",
    "memory_key",
    "memory_value",
    "version",
    "created_at",
    "updated_at",
    "last_accessed",
    "accessed_count",
    "ttl_seconds",
    "expires_at",
    "metadata_json",
    "metadata",
    "files",
    "stale",
    "changed_files",
    "stale_since",
]
VERSION = [
    "version",
    "memory_value",
    "metadata",
    "created_at",
    "session_id",
    "deleted",
    "expired",
    "files",
    "expires_at",
]
PLACE = "/projects/p/memories"


async def write(api: Api, key: str = "k", value: str = "v", **more: Any) -> Reply:
    return await api.post(PLACE, {"key": key, "value": value, **more})


async def written(api: Api, key: str = "k", value: str = "v", **more: Any) -> str:
    """Write a memory; return its id."""
    reply = await write(api, key, value, **more)
    assert reply.status in (200, 201), reply.body
    return str(reply.json["memory_id"])


async def peek(api: Api, key: str = "k") -> dict[str, Any]:
    reply = await api.get(f"{PLACE}?key={key}&touch=false")
    assert reply.status == 200, reply.body
    return dict(reply.json["memory"])


async def keys(api: Api, query: str = "") -> list[str]:
    return [one["memory_key"] for one in (await api.get(f"{PLACE}{query}")).json["memories"]]


class TestWriting:
    async def test_the_first_version_is_made(self, api: Api) -> None:
        reply = await write(api)

        assert reply.status == 201
        memory_id = reply.json["memory_id"]
        assert reply.json == {
            "memory_id": memory_id,
            "project_id": "p",
            "key": "k",
            "version": 1,
            "message": "Memory created successfully",
        }
        assert memory_id.startswith("mem_")
        assert len(memory_id) == len("mem_") + 12

    async def test_another_value_is_a_new_version_of_the_same_memory(self, api: Api) -> None:
        first = await written(api, value="one")

        reply = await write(api, value="two")

        assert (reply.status, reply.json["memory_id"], reply.json["version"]) == (200, first, 2)
        assert (await peek(api))["memory_value"] == "two"

    async def test_another_metadata_is_a_new_version(self, api: Api) -> None:
        await written(api, metadata={"a": 1})

        assert (await write(api, metadata={"a": 2})).json["version"] == 2

    async def test_the_same_value_and_metadata_are_no_new_version(self, api: Api) -> None:
        await written(api, metadata={"a": 1, "b": [2]})

        reply = await write(api, metadata={"b": [2], "a": 1})

        assert (reply.status, reply.json["version"]) == (200, 1)

    @pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), ([1], [True]), (1, 1.0)])
    async def test_metadata_that_python_takes_for_the_same_is_not_lost(
        self, api: Api, before: object, after: object
    ) -> None:
        await written(api, metadata={"flag": before})
        await written(api, metadata={"flag": after})

        assert repr((await peek(api))["metadata"]["flag"]) == repr(after)

    async def test_the_same_again_sets_the_expiry_anew(self, api: Api, world: World) -> None:
        await written(api, ttl_seconds=60)
        world.clock.advance(30 * SECOND)
        await written(api, ttl_seconds=60)

        assert (await peek(api))["expires_at"] == "2026-03-01T12:01:30.000Z"

    async def test_a_write_without_a_time_to_live_does_not_expire(self, api: Api) -> None:
        await written(api, ttl_seconds=60)
        await written(api)

        shown = await peek(api)

        assert (shown["ttl_seconds"], shown["expires_at"], shown["version"]) == (None, None, 1)

    async def test_a_deleted_memory_goes_on_with_the_next_version(self, api: Api) -> None:
        memory_id = await written(api)
        await api.delete(f"{PLACE}/{memory_id}")

        reply = await write(api)

        assert (reply.status, reply.json["memory_id"], reply.json["version"]) == (201, memory_id, 3)

    async def test_an_expired_memory_goes_on_with_the_next_version(self, api: Api, world: World) -> None:
        memory_id = await written(api, ttl_seconds=1)
        world.clock.advance(SECOND)

        reply = await write(api)

        assert (reply.status, reply.json["memory_id"], reply.json["version"]) == (201, memory_id, 2)

    async def test_projects_do_not_share_keys(self, api: Api) -> None:
        one = await api.post("/projects/a/memories", {"key": "k", "value": "v"})
        two = await api.post("/projects/b/memories", {"key": "k", "value": "v"})

        assert (one.status, two.status) == (201, 201)
        assert one.json["memory_id"] != two.json["memory_id"]

    @pytest.mark.parametrize("key", ["insertion-sort", "' OR 1=1 --", "שלום", "🧠", "a b\tc\n", "\0", "x" * 1024])
    async def test_any_text_is_a_key(self, api: Api, key: str) -> None:
        memory_id = await written(api, key)

        assert (await api.get(f"{PLACE}/{memory_id}")).json["memory_key"] == key

    @pytest.mark.parametrize("value", ["\0", "🧠" * 10_000, "x" * 8192, "x" * 8193, " ", "'; DROP TABLE x; --"])
    async def test_any_text_is_a_value(self, api: Api, value: str) -> None:
        memory_id = await written(api, value=value)

        assert (await peek(api))["memory_value"] == value
        versions = (await api.get(f"{PLACE}/{memory_id}/versions")).json["versions"]
        assert versions[0]["memory_value"] == value

    async def test_a_known_session_gets_it_among_its_saved_memories(self, api: Api, session: str) -> None:
        memory_id = await written(api, session_id=session)

        context = (await api.get(f"/sessions/{session}/context")).json["context"]

        saved = {"id": memory_id, "key": "k", "timestamp": "2026-03-01T12:00:00.000Z"}
        assert context["saved_memories"] == [saved]

    async def test_a_session_nobody_knows_may_be_named(self, api: Api) -> None:
        memory_id = await written(api, session_id="elsewhere")

        (version,) = (await api.get(f"{PLACE}/{memory_id}/versions")).json["versions"]
        assert version["session_id"] == "elsewhere"


class TestExpectedVersion:
    async def test_zero_expects_no_live_one(self, api: Api, world: World) -> None:
        assert (await write(api, expected_version=0, ttl_seconds=1)).status == 201
        expect_problem(await write(api, value="w", expected_version=0), VersionMismatch)

        world.clock.advance(SECOND)

        assert (await write(api, value="w", expected_version=0)).json["version"] == 2

    async def test_the_current_version_passes_and_others_do_not(self, api: Api) -> None:
        memory_id = await written(api)

        expect_problem(await write(api, value="w", expected_version=2), VersionMismatch)
        assert (await peek(api))["memory_value"] == "v"
        assert (await write(api, value="w", expected_version=1)).json["version"] == 2
        stale = await api.patch(f"{PLACE}/{memory_id}", {"value": "x", "expected_version": 1})
        expect_problem(stale, VersionMismatch)
        fresh = await api.patch(f"{PLACE}/{memory_id}", {"value": "x", "expected_version": 2})
        assert fresh.json["version"] == 3

    async def test_a_version_of_a_memory_that_never_was_is_a_mismatch(self, api: Api) -> None:
        expect_problem(await write(api, expected_version=1), VersionMismatch)
        assert await keys(api) == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"key": ""}, "key"),
            ({"key": "x" * 1025}, "key"),
            ({"key": None}, "key"),
            ({"value": ""}, "value"),
            ({"value": {"a": 1}}, "value"),
            ({"metadata": []}, "metadata"),
            ({"ttl_seconds": 0}, "ttl_seconds"),
            ({"ttl_seconds": 0.0}, "ttl_seconds"),
            ({"ttl_seconds": -1}, "ttl_seconds"),
            ({"ttl_seconds": "60"}, "ttl_seconds"),
            ({"ttl_seconds": True}, "ttl_seconds"),
            ({"ttl_seconds": 10**12}, "ttl_seconds"),
            ({"ttl_seconds": 10**30}, "ttl_seconds"),
            ({"expected_version": -1}, "expected_version"),
            ({"expected_version": 1.5}, "expected_version"),
            ({"session_id": "a b"}, "session_id"),
            ({"files": "a.py"}, "files"),
            ({"files": ["a.py", ""]}, "files[1]"),
            ({"files": ["a\0"]}, "files[0]"),
            ({"tags": []}, "tags"),
        ],
    )
    async def test_a_bad_write_is_refused_and_named(self, api: Api, fields: dict[str, object], field: str) -> None:
        reply = await api.post(PLACE, {"key": "k", "value": "v"} | fields)

        expect_problem(reply, InvalidRequest, field)
        assert await keys(api) == []

    @pytest.mark.parametrize("missing", ["key", "value"])
    async def test_a_missing_field_is_named(self, api: Api, missing: str) -> None:
        body = {"key": "k", "value": "v"}
        del body[missing]

        expect_problem(await api.post(PLACE, body), InvalidRequest, missing)

    @pytest.mark.parametrize("project_id", ["a%20b", "-a", "%00", "x" * 129, "a%2Fb", "%F0%9F%98%80"])
    async def test_what_is_no_id_names_no_project(self, api: Api, project_id: str) -> None:
        reply = await api.post(f"/projects/{project_id}/memories", {"key": "k", "value": "v"})

        expect_problem(reply, InvalidRequest, "project_id")
        assert (await api.get("/projects")).json["projects"] == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=all", "limit"),
            ("key=", "key"),
            ("touch=maybe", "touch"),
            ("q=x", "q"),
            ("key=a&key=b", "key"),
        ],
    )
    async def test_a_bad_query_is_refused_and_named(self, api: Api, query: str, field: str) -> None:
        expect_problem(await api.get(f"{PLACE}?{query}"), InvalidRequest, field)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "", None),
            ("PATCH", "", b"{}"),
            ("DELETE", "", None),
            ("DELETE", "?purge=true", None),
            ("GET", "/versions", None),
            ("POST", "/restore", b'{"version":1}'),
            ("POST", "/confirm", None),
        ],
    )
    async def test_an_unknown_memory_is_not_found(self, api: Api, method: str, path: str, body: bytes | None) -> None:
        for memory_id in ("mem_000000000000", "%00", "insertion-sort", "%ff"):
            expect_problem(await api.call(method, f"{PLACE}/{memory_id}{path}", body), MemoryNotFound)

    async def test_a_memory_of_another_project_is_not_found(self, api: Api) -> None:
        memory_id = await written(api)

        place = f"/projects/q/memories/{memory_id}"
        expect_problem(await api.get(place), MemoryNotFound)
        expect_problem(await api.patch(place, {"value": "x"}), MemoryNotFound)
        expect_problem(await api.delete(f"{place}?purge=true"), MemoryNotFound)
        expect_problem(await api.get(f"{place}/versions"), MemoryNotFound)
        assert (await peek(api))["version"] == 1

    async def test_a_key_nobody_wrote_is_not_found(self, api: Api) -> None:
        expect_problem(await api.get(f"{PLACE}?key=k"), MemoryNotFound)


class TestReading:
    async def test_a_memory_is_shown_with_every_member(self, api: Api) -> None:
        memory_id = await written(api, value="Python", metadata={"b": 1, "a": [None]}, ttl_seconds=90)

        reply = await api.get(f"{PLACE}/{memory_id}?touch=false")

        assert reply.status == 200
        assert [name for name in reply.json if name in MEMORY] == MEMORY
        now = "2026-03-01T12:00:00.000Z"
        expected = {
            "memory_id": memory_id,
            "project_id": "p",
            "memory_key": "k",
            "memory_value": "Python",
            "version": 1,
            "created_at": now,
            "updated_at": now,
            "last_accessed": now,
            "accessed_count": 0,
            "ttl_seconds": 90,
            "expires_at": "2026-03-01T12:01:30.000Z",
            "metadata_json": '{"b":1,"a":[null]}',
            "metadata": {"b": 1, "a": [None]},
            "files": [],
            "stale": False,
            "changed_files": [],
            "stale_since": None,
        }
        assert {name: reply.json[name] for name in MEMORY} == expected

    async def test_a_key_reads_one(self, api: Api) -> None:
        memory_id = await written(api, "a key/&?#%", "v")

        reply = await api.get(f"{PLACE}?key=a%20key/%26?%23%25&touch=false")

        assert list(reply.json) == ["project_id", "memory"]
        assert reply.json["project_id"] == "p"
        assert reply.json["memory"] == (await api.get(f"{PLACE}/{memory_id}?touch=false")).json

    async def test_a_list_is_of_live_ones_last_accessed_first(self, api: Api, world: World) -> None:
        for key in ("a", "b", "c", "d"):
            await written(api, key, ttl_seconds=60 if key == "d" else None)
            world.clock.advance(SECOND)
        await api.delete(f"{PLACE}/{(await peek(api, 'c'))['memory_id']}")
        world.clock.advance(MINUTE)
        await api.get(f"{PLACE}?key=a")

        reply = await api.get(f"{PLACE}?touch=false")

        assert list(reply.json) == ["project_id", "memories", "count"]
        assert [one["memory_key"] for one in reply.json["memories"]] == ["a", "b"]
        assert reply.json["count"] == 2
        assert [name for name in reply.json["memories"][0] if name in MEMORY] == MEMORY

    async def test_a_project_nobody_used_has_none(self, api: Api) -> None:
        assert (await api.get(PLACE)).json == {"project_id": "p", "memories": [], "count": 0}

    async def test_twenty_are_listed_unless_told_otherwise(self, api: Api) -> None:
        for number in range(21):
            await written(api, f"k{number}")

        assert len(await keys(api)) == 20
        assert len(await keys(api, "?limit=100")) == 21
        assert len(await keys(api, "?limit=1")) == 1

    async def test_both_reads_count_and_a_peek_does_not(self, api: Api, world: World) -> None:
        memory_id = await written(api)
        world.clock.advance(SECOND)

        by_key = (await api.get(f"{PLACE}?key=k")).json["memory"]
        by_id = (await api.get(f"{PLACE}/{memory_id}")).json
        (in_list,) = (await api.get(PLACE)).json["memories"]
        peeked = await peek(api)

        assert [one["accessed_count"] for one in (by_key, by_id, in_list, peeked)] == [1, 2, 3, 3]
        assert peeked["last_accessed"] == "2026-03-01T12:00:01.000Z"
        assert peeked["updated_at"] == "2026-03-01T12:00:00.000Z"

    @pytest.mark.parametrize(("ttl", "lives_ms"), [(1, 1000), (0.5, 500), (0.0001, 1), (2.5, 2500)])
    async def test_a_memory_expires_at_its_millisecond(self, api: Api, world: World, ttl: float, lives_ms: int) -> None:
        memory_id = await written(api, ttl_seconds=ttl)

        world.clock.advance(lives_ms - 1)
        assert (await peek(api))["ttl_seconds"] == ttl
        world.clock.advance(1)

        expect_problem(await api.get(f"{PLACE}?key=k"), MemoryNotFound)
        expect_problem(await api.get(f"{PLACE}/{memory_id}"), MemoryNotFound)
        expect_problem(await api.patch(f"{PLACE}/{memory_id}", {"value": "x"}), MemoryNotFound)
        expect_problem(await api.post(f"{PLACE}/{memory_id}/confirm"), MemoryNotFound)
        assert await keys(api) == []


class TestChanging:
    async def test_a_new_value_is_a_new_version_and_the_rest_stays(self, api: Api, world: World) -> None:
        memory_id = await written(api, metadata={"a": 1}, ttl_seconds=60, files=["x.py"])
        world.clock.advance(SECOND)

        reply = await api.patch(f"{PLACE}/{memory_id}", {"value": "new"})

        assert reply.status == 200
        assert reply.json == await peek(api)
        assert (reply.json["memory_value"], reply.json["version"]) == ("new", 2)
        assert reply.json["metadata"] == {"a": 1}
        assert reply.json["files"] == ["x.py"]
        assert (reply.json["ttl_seconds"], reply.json["expires_at"]) == (60, "2026-03-01T12:01:00.000Z")
        assert reply.json["created_at"] == "2026-03-01T12:00:00.000Z"
        assert reply.json["updated_at"] == "2026-03-01T12:00:01.000Z"

    async def test_nothing_given_changes_nothing(self, api: Api) -> None:
        memory_id = await written(api, ttl_seconds=60, files=["x.py"])
        before = await peek(api)

        for body in (None, b"", b"{}"):
            assert (await api.call("PATCH", f"{PLACE}/{memory_id}", body)).json == before

    async def test_an_expiry_is_set_and_taken_away_without_a_new_version(self, api: Api, world: World) -> None:
        memory_id = await written(api)
        world.clock.advance(SECOND)

        given = (await api.patch(f"{PLACE}/{memory_id}", {"ttl_seconds": 60})).json
        taken = (await api.patch(f"{PLACE}/{memory_id}", {"ttl_seconds": None})).json

        assert (given["expires_at"], given["version"]) == ("2026-03-01T12:01:01.000Z", 1)
        assert (taken["expires_at"], taken["ttl_seconds"], taken["version"]) == (None, None, 1)

    @pytest.mark.parametrize("files", [[], ["b.py"]])
    async def test_files_can_be_changed_and_taken_away(self, api: Api, files: list[str]) -> None:
        memory_id = await written(api, files=["a.py"])

        assert (await api.patch(f"{PLACE}/{memory_id}", {"files": files})).json["files"] == files
        assert (await peek(api))["files"] == files

    async def test_metadata_can_be_taken_away(self, api: Api) -> None:
        memory_id = await written(api, metadata={"a": 1})

        reply = await api.patch(f"{PLACE}/{memory_id}", {"metadata": {}})

        assert (reply.json["metadata"], reply.json["metadata_json"], reply.json["version"]) == ({}, "{}", 2)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"value": ""}, "value"),
            ({"value": None}, "value"),
            ({"metadata": None}, "metadata"),
            ({"ttl_seconds": 0}, "ttl_seconds"),
            ({"files": None}, "files"),
            ({"key": "other"}, "key"),
            ({"expected_version": "1"}, "expected_version"),
        ],
    )
    async def test_a_bad_change_is_refused_and_named(self, api: Api, body: object, field: str) -> None:
        memory_id = await written(api)

        expect_problem(await api.patch(f"{PLACE}/{memory_id}", body), InvalidRequest, field)
        assert (await peek(api))["version"] == 1


class TestDeleting:
    async def test_a_deletion_is_a_version_on_top(self, api: Api) -> None:
        memory_id = await written(api, value="secret")

        reply = await api.delete(f"{PLACE}/{memory_id}")

        assert (reply.status, reply.body) == (204, b"")
        expect_problem(await api.get(f"{PLACE}/{memory_id}"), MemoryNotFound)
        expect_problem(await api.delete(f"{PLACE}/{memory_id}"), MemoryNotFound)
        versions = (await api.get(f"{PLACE}/{memory_id}/versions")).json["versions"]
        assert [(one["version"], one["deleted"], one["memory_value"]) for one in versions] == [
            (2, True, None),
            (1, False, "secret"),
        ]

    async def test_a_purge_erases_every_version(self, api: Api) -> None:
        memory_id = await written(api, value="one")
        await written(api, value="two")

        assert (await api.delete(f"{PLACE}/{memory_id}?purge=true")).status == 204

        expect_problem(await api.get(f"{PLACE}/{memory_id}/versions"), MemoryNotFound)
        assert (await write(api)).json["version"] == 1

    async def test_a_deleted_memory_can_still_be_purged(self, api: Api) -> None:
        memory_id = await written(api)
        await api.delete(f"{PLACE}/{memory_id}")

        assert (await api.delete(f"{PLACE}/{memory_id}?purge=true")).status == 204

    @pytest.mark.parametrize(("query", "field"), [("purge=perhaps", "purge"), ("force=true", "force")])
    async def test_a_bad_query_is_refused_and_deletes_nothing(self, api: Api, query: str, field: str) -> None:
        memory_id = await written(api)

        expect_problem(await api.delete(f"{PLACE}/{memory_id}?{query}"), InvalidRequest, field)
        assert (await peek(api))["version"] == 1


class TestVersions:
    async def test_versions_are_listed_newest_first(self, api: Api, world: World, session: str) -> None:
        memory_id = await written(api, value="one", session_id=session)
        world.clock.advance(SECOND)
        await written(api, value="two", metadata={"a": 1})

        reply = await api.get(f"{PLACE}/{memory_id}/versions")

        assert list(reply.json) == ["memory_id", "versions", "count"]
        assert (reply.json["memory_id"], reply.json["count"]) == (memory_id, 2)
        assert [list(one) for one in reply.json["versions"]] == [VERSION, VERSION]
        assert reply.json["versions"] == [
            {
                "version": 2,
                "memory_value": "two",
                "metadata": {"a": 1},
                "created_at": "2026-03-01T12:00:01.000Z",
                "session_id": None,
                "deleted": False,
                "expired": False,
                "files": [],
                "expires_at": None,
            },
            {
                "version": 1,
                "memory_value": "one",
                "metadata": {},
                "created_at": "2026-03-01T12:00:00.000Z",
                "session_id": session,
                "deleted": False,
                "expired": False,
                "files": [],
                "expires_at": None,
            },
        ]

    async def test_an_earlier_version_is_restored_as_a_new_one(self, api: Api) -> None:
        memory_id = await written(api, value="one", metadata={"a": 1}, files=["a.py"])
        await written(api, value="two")

        reply = await api.post(f"{PLACE}/{memory_id}/restore", {"version": 1})

        assert reply.status == 200
        assert reply.json == await peek(api)
        assert (reply.json["version"], reply.json["memory_value"]) == (3, "one")
        assert (reply.json["metadata"], reply.json["files"]) == ({"a": 1}, ["a.py"])

    async def test_the_current_version_is_restored_as_a_new_one_too(self, api: Api) -> None:
        memory_id = await written(api)

        assert (await api.post(f"{PLACE}/{memory_id}/restore", {"version": 1})).json["version"] == 2

    async def test_a_deleted_memory_lives_again_when_restored(self, api: Api) -> None:
        memory_id = await written(api)
        await api.delete(f"{PLACE}/{memory_id}")

        reply = await api.post(f"{PLACE}/{memory_id}/restore", {"version": 1})

        assert (reply.json["version"], reply.json["memory_value"]) == (3, "v")
        assert await keys(api) == ["k"]

    async def test_an_expired_memory_lives_again_when_restored(self, api: Api, world: World) -> None:
        memory_id = await written(api, ttl_seconds=1)
        world.clock.advance(SECOND)

        reply = await api.post(f"{PLACE}/{memory_id}/restore", {"version": 1})

        assert (reply.json["version"], reply.json["expires_at"]) == (2, None)

    @pytest.mark.parametrize("version", [2, 3, 2**53])
    async def test_a_version_that_is_not_there_or_says_deleted_is_not_found(self, api: Api, version: int) -> None:
        memory_id = await written(api)
        await api.delete(f"{PLACE}/{memory_id}")

        reply = await api.post(f"{PLACE}/{memory_id}/restore", {"version": version})

        expect_problem(reply, VersionNotFound)

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "version"), ({"version": 0}, "version"), ({"version": "1"}, "version"), ({"version": 2**64}, "version")],
    )
    async def test_a_bad_version_is_refused(self, api: Api, body: object, field: str) -> None:
        memory_id = await written(api)

        expect_problem(await api.post(f"{PLACE}/{memory_id}/restore", body), InvalidRequest, field)

    async def test_a_memory_can_be_confirmed(self, api: Api, world: World) -> None:
        memory_id = await written(api)
        before = await peek(api)

        reply = await api.post(f"{PLACE}/{memory_id}/confirm")

        now = rfc3339(world.clock.now())
        assert (reply.status, reply.json) == (200, before | {"confirmed_at": now})
        assert (await peek(api))["confirmed_at"] == now

    async def test_what_was_deleted_cannot_be_confirmed(self, api: Api) -> None:
        memory_id = await written(api)
        await api.delete(f"{PLACE}/{memory_id}")

        expect_problem(await api.post(f"{PLACE}/{memory_id}/confirm"), MemoryNotFound)


class TestStale:
    async def test_a_memory_whose_files_are_what_they_were_is_not(self, api: Api) -> None:
        await written(api, value="a.py")

        memory = await peek(api)

        assert (memory["stale"], memory["changed_files"], memory["stale_since"]) == (False, [], None)

    async def test_one_of_which_a_file_changed_says_which_and_since_when_wherever_it_is_shown(
        self, api: Api, session: str, workspace: Path, world: World
    ) -> None:
        (workspace / "a.py").write_text("one")
        memory_id = await written(api, value="a.py", session_id=session)
        await written(api, "other", value="a.py is not there without a session")
        await api.post("/flush")
        world.clock.advance(SECOND)
        (workspace / "a.py").write_text("two")
        await api.post("/flush")

        by_id = (await api.get(f"{PLACE}/{memory_id}")).json
        (listed,) = (await api.get(f"{PLACE}?stale=true")).json["memories"]
        (hit,) = [
            one["memory"]
            for one in (await api.get(f"{PLACE}/search?q=a.py")).json["results"]
            if one["memory"]["memory_id"] == memory_id
        ]

        for shown in (by_id, listed, hit):
            assert (shown["stale"], shown["changed_files"]) == (True, [str(workspace / "a.py")])
            assert shown["stale_since"] == rfc3339(world.clock.now())
        assert by_id["files"] == [str(workspace / "a.py")]
        assert await keys(api) == ["k", "other"]

    async def test_a_confirmation_is_answered_with_it_fresh(self, api: Api, session: str, workspace: Path) -> None:
        (workspace / "a.py").write_text("one")
        memory_id = await written(api, value="a.py", session_id=session)
        await api.post("/flush")
        (workspace / "a.py").unlink()
        assert (await api.get(f"{PLACE}/{memory_id}")).json["stale"] is True

        reply = await api.post(f"{PLACE}/{memory_id}/confirm")

        assert (reply.json["stale"], reply.json["changed_files"]) == (False, [])
        assert await keys(api, "?stale=true") == []

    @pytest.mark.parametrize("other", ["key=k", "deleted=true", "as_of=2026-01-01T00:00:00Z"])
    async def test_the_list_of_them_takes_no_other_choice(self, api: Api, other: str) -> None:
        expect_problem(await api.get(f"{PLACE}?stale=true&{other}"), InvalidRequest)
