"""How long things are kept, over HTTP: the rules, what is due, letting it go."""

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from omnimemd.domain.retention import Rule
from tests.support.clock import DAY
from tests.support.house import World, a_house
from tests.support.http import Api


async def test_the_rules_are_shown_tried_and_applied(data: Path, workspace: Path, world: World) -> None:
    async with (
        a_house(data, world=world, retention={Rule.SESSIONS: "2w"}) as house,
        TestClient(TestServer(house.app)) as client,
    ):
        api = Api(client)
        await api.post("/sessions", {"tool_id": "t", "workspace_path": str(workspace), "session_id": "s"})
        await api.post("/sessions/s/end")
        world.clock.advance(15 * DAY)

        shown = (await api.get("/retention")).json
        tried = (await api.post("/retention", {"dry_run": True})).json
        kept = (await api.get("/sessions/s")).status
        applied = (await api.post("/retention")).json
        gone = (await api.get("/sessions/s")).status
        after = (await api.get("/retention")).json
        status = (await api.get("/status")).json["retention"]

        assert shown["rules"][0] == {"name": "sessions", "kept": "2w", "due": 1}
        assert [one["name"] for one in shown["rules"]] == [str(rule) for rule in Rule]
        assert (tried["dry_run"], tried["removed"]["sessions"], kept) == (True, 1, 200)
        assert (applied["dry_run"], applied["removed"]["sessions"], gone) == (False, 1, 404)
        assert after["rules"][0]["due"] == 0
        assert after["last_run"] == applied
        assert status == {"last_run": applied["at"], "removed": 1}
        assert b"omnimemd_retention_removed_total 1\n" in (await api.get("/metrics")).body
