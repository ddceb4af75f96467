"""What memories were: as of a moment, those that are no more, and going back to a moment."""

from typing import Any

import pytest

from omnimem.errors import InvalidRequest, MemoryNotFound
from omnimemd.domain.clock import Millis, rfc3339
from tests.support.clock import HOUR, MINUTE, NOON, SECOND
from tests.support.house import House, World
from tests.support.http import Api, Reply, expect_problem

PLACE = "/projects/p/memories"


def shown(at: int) -> str:
    """Return *at* as the API writes it."""
    return rfc3339(Millis(at))


async def written(api: Api, key: str = "k", value: str = "v", **more: Any) -> str:
    """Write a memory; return its id."""
    reply = await api.post(PLACE, {"key": key, "value": value, **more})
    assert reply.status in (200, 201), reply.body
    return str(reply.json["memory_id"])


async def as_of(api: Api, at: int, key: str = "k") -> Any:
    """Return the memory of *key* as it was at *at*, None when it was not."""
    reply = await api.get(f"{PLACE}?key={key}&as_of={shown(at)}")
    if reply.status == 200:
        return reply.json["memory"]
    expect_problem(reply, MemoryNotFound)
    return None


async def live(api: Api) -> dict[str, str]:
    """Return the value of every live memory by its key."""
    found = (await api.get(f"{PLACE}?limit=100&touch=false")).json["memories"]
    return {one["memory_key"]: one["memory_value"] for one in found}


async def then(api: Api, at: int) -> dict[str, str]:
    """Return the value of every memory that was live at *at*, by its key."""
    found = (await api.get(f"{PLACE}?limit=100&as_of={shown(at)}")).json["memories"]
    return {one["memory_key"]: one["memory_value"] for one in found}


async def rewind(api: Api, to: int, **more: Any) -> dict[str, Any]:
    reply = await api.post(f"{PLACE}/rewind", {"to": shown(to), **more})
    assert reply.status == 200, reply.body
    return dict(reply.json)


def changes(done: dict[str, Any]) -> dict[str, tuple[str, int, int | None, int]]:
    """Return by key what a rewind did: the change, the versions before, of then, and after."""
    return {
        one["memory_key"]: (one["change"], one["from_version"], one["to_version"], one["version"])
        for one in done["memories"]
    }


class TestAsOf:
    async def test_each_moment_has_the_version_that_was_current(self, api: Api, world: World) -> None:
        memory_id = await written(api, value="one", metadata={"n": 1}, session_id="a", files=["x.py"])
        world.clock.advance(SECOND)
        await written(api, value="two", session_id="b")
        world.clock.advance(SECOND)

        first, second = await as_of(api, NOON), await as_of(api, NOON + SECOND)
        by_id = (await api.get(f"{PLACE}/{memory_id}?as_of={shown(NOON)}")).json

        assert await as_of(api, NOON - 1) is None
        assert (first["memory_value"], first["version"], first["metadata"]) == ("one", 1, {"n": 1})
        assert (first["session_id"], first["files"], first["updated_at"]) == ("a", ["x.py"], shown(NOON))
        assert await as_of(api, NOON + SECOND - 1) == first == by_id
        assert (second["memory_value"], second["version"], second["session_id"]) == ("two", 2, "b")
        assert second["created_at"] == shown(NOON)
        assert await as_of(api, NOON + HOUR) == second

    async def test_of_versions_of_one_moment_it_is_the_last(self, api: Api) -> None:
        for value in ("one", "two", "three"):
            await written(api, value=value)

        assert (await as_of(api, NOON))["memory_value"] == "three"

    async def test_a_deletion_and_a_restoration_have_their_moments(self, api: Api, world: World) -> None:
        memory_id = await written(api)
        world.clock.advance(SECOND)
        await api.delete(f"{PLACE}/{memory_id}")
        world.clock.advance(SECOND)
        await api.post(f"{PLACE}/{memory_id}/restore", {"version": 1})

        found = [
            (await as_of(api, NOON + at)) is not None for at in (0, SECOND - 1, SECOND, 2 * SECOND - 1, 2 * SECOND)
        ]

        assert found == [True, True, False, False, True]

    @pytest.mark.parametrize("swept", [False, True], ids=["not swept", "swept"])
    async def test_a_memory_was_live_until_its_millisecond(
        self, api: Api, world: World, house: House, swept: bool
    ) -> None:
        memory_id = await written(api, ttl_seconds=1)
        world.clock.advance(MINUTE)
        if swept:
            await house.expiry.sweep()

        last, gone = NOON + SECOND - 1, NOON + SECOND

        assert (await as_of(api, last))["expires_at"] == shown(gone)
        assert await as_of(api, gone) is None
        assert (await then(api, last), await then(api, gone)) == ({"k": "v"}, {})
        assert (await api.get(f"{PLACE}/{memory_id}?as_of={shown(last)}")).status == 200
        expect_problem(await api.get(f"{PLACE}/{memory_id}?as_of={shown(gone)}"), MemoryNotFound)

    async def test_an_expiry_set_anew_holds_from_then_on(self, api: Api, world: World) -> None:
        """Which needs no new version: what held before must be known all the same."""
        memory_id = await written(api, ttl_seconds=60)
        world.clock.advance(30 * SECOND)
        await written(api, ttl_seconds=60)
        world.clock.advance(SECOND)
        await api.patch(f"{PLACE}/{memory_id}", {"ttl_seconds": None})
        world.clock.advance(HOUR)

        seen = [(await as_of(api, NOON + at * SECOND)) for at in (0, 29, 30, 31, 3000)]

        assert [one["version"] for one in seen] == [1] * 5
        assert [one["expires_at"] for one in seen] == [
            shown(NOON + 60 * SECOND),
            shown(NOON + 60 * SECOND),
            shown(NOON + 90 * SECOND),
            None,
            None,
        ]

    async def test_an_expiry_that_was_cut_short_does_not_reach_back(self, api: Api, world: World) -> None:
        memory_id = await written(api)
        world.clock.advance(10 * SECOND)
        await api.patch(f"{PLACE}/{memory_id}", {"ttl_seconds": 1})
        world.clock.advance(HOUR)

        assert [(await as_of(api, NOON + at * SECOND)) is not None for at in (0, 9, 10, 11)] == [
            True,
            True,
            True,
            False,
        ]

    async def test_files_and_confirmations_are_those_of_then(self, api: Api, world: World) -> None:
        memory_id = await written(api, files=["a.py"])
        world.clock.advance(SECOND)
        await api.patch(f"{PLACE}/{memory_id}", {"files": ["b.py"]})
        world.clock.advance(SECOND)
        await api.post(f"{PLACE}/{memory_id}/confirm")

        seen = [await as_of(api, NOON + at * SECOND) for at in range(3)]

        assert [one["files"] for one in seen] == [["a.py"], ["b.py"], ["b.py"]]
        assert [one["confirmed_at"] for one in seen] == [None, None, shown(NOON + 2 * SECOND)]

    async def test_a_list_has_what_was_live_then_written_last_first(self, api: Api, world: World) -> None:
        for key in ("a", "b", "c"):
            await written(api, key)
            world.clock.advance(SECOND)
        await written(api, "a", "again")
        world.clock.advance(SECOND)
        await api.delete(f"{PLACE}/{(await as_of(api, NOON + HOUR, 'b'))['memory_id']}")

        reply = await api.get(f"{PLACE}?as_of={shown(NOON + 3 * SECOND)}")

        assert list(reply.json) == ["project_id", "memories", "count"]
        assert [one["memory_key"] for one in reply.json["memories"]] == ["a", "c", "b"]
        assert list(await then(api, NOON + 4 * SECOND)) == ["a", "c"]
        assert list(await then(api, NOON + SECOND)) == ["b", "a"]
        assert await then(api, NOON - 1) == {}

    async def test_it_never_counts_as_an_access(self, api: Api) -> None:
        memory_id = await written(api)

        for query in (
            f"?key=k&as_of={shown(NOON)}",
            f"?as_of={shown(NOON)}",
            f"/{memory_id}?as_of={shown(NOON)}",
        ):
            assert (await api.get(f"{PLACE}{query}")).status == 200

        assert (await api.get(f"{PLACE}?key=k&touch=false")).json["memory"]["accessed_count"] == 0

    async def test_now_is_what_is_current(self, api: Api, world: World) -> None:
        await written(api, metadata={"a": 1}, ttl_seconds=60, files=["x"])
        await written(api, metadata={"a": 1}, ttl_seconds=90, files=["y"])

        assert await as_of(api, world.clock.now()) == (await api.get(f"{PLACE}?key=k&touch=false")).json["memory"]

    async def test_what_was_purged_never_was(self, api: Api, world: World) -> None:
        memory_id = await written(api)
        world.clock.advance(SECOND)
        await api.delete(f"{PLACE}/{memory_id}?purge=true")

        assert await as_of(api, NOON) is None
        assert await then(api, NOON) == {}

    async def test_a_version_that_is_not_kept_any_more_is_not_guessed(
        self, api: Api, world: World, house: House
    ) -> None:
        memory_id = await written(api, value="one")
        for value in ("two", "three"):
            world.clock.advance(SECOND)
            await written(api, value=value)
        await house.database.write(
            lambda db: db.execute("DELETE FROM memory_versions WHERE memory_id = ? AND version = 2", (memory_id,))
        )

        assert await then(api, NOON) == {}  # until when it held is not known
        assert await then(api, NOON + SECOND) == {}
        assert await then(api, NOON + 2 * SECOND) == {"k": "three"}
        assert changes(await rewind(api, NOON + SECOND)) == {"k": ("unknown", 3, None, 3)}
        assert await live(api) == {"k": "three"}

    @pytest.mark.parametrize(
        "when", ["yesterday", "2026-03-01", "2026-03-01T12:00:00", "", "0001-01-01T00:00:00Z", "253402300800"]
    )
    @pytest.mark.parametrize("path", ["?", "?key=k&", "/mem_000000000000?"])
    async def test_what_is_no_moment_is_refused(self, api: Api, path: str, when: str) -> None:
        expect_problem(await api.get(f"{PLACE}{path}as_of={when}"), InvalidRequest, "as_of")

    async def test_any_zone_says_a_moment(self, api: Api) -> None:
        await written(api)

        reply = await api.get(f"{PLACE}?key=k&as_of=2026-03-01T13:00:00%2B01:00")

        assert reply.status == 200


class TestGone:
    async def test_those_that_went_are_listed_without_their_values(self, api: Api, world: World) -> None:
        deleted = await written(api, "deleted", metadata={"a": 1})
        await written(api, "expired", ttl_seconds=2)
        await written(api, "live")
        world.clock.advance(SECOND)
        await api.delete(f"{PLACE}/{deleted}")
        world.clock.advance(SECOND)

        found = (await api.get(f"{PLACE}?deleted=true")).json["memories"]

        assert [(one["memory_key"], one["deleted"], one["expired"]) for one in found] == [
            ("expired", True, True),
            ("deleted", True, False),
        ]
        assert all((one["memory_value"], one["metadata"], one["files"]) == ("", {}, []) for one in found)

    async def test_one_is_found_by_its_key(self, api: Api) -> None:
        memory_id = await written(api)
        expect_problem(await api.get(f"{PLACE}?key=k&deleted=true"), MemoryNotFound)
        expect_problem(await api.get(f"{PLACE}?key=never&deleted=true"), MemoryNotFound)

        await api.delete(f"{PLACE}/{memory_id}")

        assert (await api.get(f"{PLACE}?key=k&deleted=true")).json["memory"]["memory_id"] == memory_id

    async def test_a_moment_does_not_go_with_it(self, api: Api) -> None:
        expect_problem(await api.get(f"{PLACE}?deleted=true&as_of={shown(NOON)}"), InvalidRequest, "deleted")


class TestRewinding:
    async def test_every_memory_says_again_what_it_said(self, api: Api, world: World) -> None:
        kept = await written(api, "kept")
        await written(api, "changed", "before", metadata={"n": 1}, files=["a.py"])
        deleted = await written(api, "deleted")
        world.clock.advance(MINUTE)
        to = world.clock.now()
        world.clock.advance(MINUTE)
        await written(api, "changed", "after")
        await written(api, "changed", "long after")
        await written(api, "new")
        await api.delete(f"{PLACE}/{deleted}")
        world.clock.advance(MINUTE)

        done = await rewind(api, to)

        assert done["count"] == 3
        assert (done["project_id"], done["to"], done["dry_run"]) == ("p", shown(to), False)
        assert changes(done) == {
            "changed": ("restored", 3, 1, 4),
            "deleted": ("revived", 2, 1, 3),
            "new": ("deleted", 1, None, 2),
        }
        assert await live(api) == await then(api, to) == {"kept": "v", "changed": "before", "deleted": "v"}
        changed = (await api.get(f"{PLACE}?key=changed&touch=false")).json["memory"]
        assert (changed["metadata"], changed["files"]) == ({"n": 1}, ["a.py"])
        assert (await api.get(f"{PLACE}/{kept}/versions")).json["count"] == 1

    async def test_nothing_is_lost_by_it(self, api: Api, world: World) -> None:
        await written(api, value="before")
        world.clock.advance(MINUTE)
        memory_id = await written(api, value="after")
        world.clock.advance(MINUTE)

        await rewind(api, NOON)

        versions = (await api.get(f"{PLACE}/{memory_id}/versions")).json["versions"]
        assert [one["memory_value"] for one in versions] == ["before", "after", "before"]
        assert await then(api, NOON + MINUTE) == {"k": "after"}
        world.clock.advance(MINUTE)
        await rewind(api, NOON + MINUTE)
        assert await live(api) == {"k": "after"}

    async def test_a_second_time_changes_nothing(self, api: Api, world: World) -> None:
        await written(api, "a", "before", ttl_seconds=3600)
        world.clock.advance(MINUTE)
        await written(api, "a", "after")
        await written(api, "b")
        world.clock.advance(MINUTE)
        await rewind(api, NOON)
        before = await live(api)

        world.clock.advance(MINUTE)

        assert (await rewind(api, NOON))["memories"] == []
        assert await live(api) == before == {"a": "before"}

    async def test_a_preview_says_what_would_be_done_and_does_nothing(self, api: Api, world: World) -> None:
        memory_id = await written(api, "a", "before")
        world.clock.advance(MINUTE)
        await written(api, "a", "after")
        await written(api, "b")

        preview = await rewind(api, NOON, dry_run=True)

        assert await live(api) == {"a": "after", "b": "v"}
        assert (await api.get(f"{PLACE}/{memory_id}/versions")).json["count"] == 2
        assert await rewind(api, NOON) == preview | {"dry_run": False}

    async def test_the_expiry_is_that_of_then(self, api: Api, world: World) -> None:
        await written(api, "soon", ttl_seconds=3600)
        await written(api, "forever")
        world.clock.advance(MINUTE)
        await written(api, "soon")
        await written(api, "forever", ttl_seconds=60)
        world.clock.advance(1)

        done = await rewind(api, NOON)

        assert changes(done) == {"soon": ("amended", 1, 1, 1), "forever": ("amended", 1, 1, 1)}
        expiries = {one["memory_key"]: one["expires_at"] for one in (await api.get(PLACE)).json["memories"]}
        assert expiries == {"soon": shown(NOON + HOUR), "forever": None}
        assert (await rewind(api, NOON))["memories"] == []

    async def test_what_would_have_expired_since_does_not_live_again(self, api: Api, world: World) -> None:
        await written(api, "renewed", "before", ttl_seconds=60)
        await written(api, "let-go", ttl_seconds=60)
        world.clock.advance(30 * SECOND)
        await written(api, "renewed", "after")
        world.clock.advance(HOUR)

        done = await rewind(api, NOON)

        assert changes(done) == {"renewed": ("expired", 2, None, 3)}
        assert await live(api) == {}
        assert (await rewind(api, NOON))["memories"] == []

    async def test_what_expired_by_a_later_write_lives_again(self, api: Api, world: World, house: House) -> None:
        await written(api)
        world.clock.advance(MINUTE)
        await written(api, ttl_seconds=1)
        world.clock.advance(MINUTE)
        await house.expiry.sweep()

        assert changes(await rewind(api, NOON)) == {"k": ("revived", 2, 1, 3)}
        assert await live(api) == {"k": "v"}

    async def test_the_versions_name_the_session_that_asked(self, api: Api, world: World) -> None:
        memory_id = await written(api, value="before")
        world.clock.advance(MINUTE)
        await written(api, value="after")
        world.clock.advance(1)

        await rewind(api, NOON, session_id="s-9")

        versions = (await api.get(f"{PLACE}/{memory_id}/versions")).json["versions"]
        assert [one["session_id"] for one in versions] == ["s-9", None, None]

    async def test_other_projects_are_left_alone(self, api: Api, world: World) -> None:
        world.clock.advance(MINUTE)
        await api.post("/projects/q/memories", {"key": "k", "value": "v"})

        assert (await rewind(api, NOON))["memories"] == []
        assert (await api.get("/projects/q/memories")).json["count"] == 1

    async def test_the_same_request_again_is_one_rewind(self, api: Api, world: World) -> None:
        await written(api, value="before")
        world.clock.advance(MINUTE)
        await written(api, value="after")
        body = {"to": shown(NOON)}

        first = await api.post(f"{PLACE}/rewind", body, Idempotency_Key="once")
        again = await api.post(f"{PLACE}/rewind", body, Idempotency_Key="once")

        assert first.json == again.json
        assert first.json["count"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"to": None},
            {"to": "now"},
            {"to": "2026-03-01T12:00:00"},
            {"to": shown(NOON + 1)},
            {"to": "1969-12-31T23:59:59Z"},
        ],
    )
    async def test_what_is_no_moment_of_the_past_is_refused(self, api: Api, body: object) -> None:
        await written(api)

        reply: Reply = await api.post(f"{PLACE}/rewind", body)

        expect_problem(reply, InvalidRequest, "to")
        assert await live(api) == {"k": "v"}
