"""`/health`, `/status`, `/flush`: the daemon itself."""

import os
from pathlib import Path

import apsw

from omnimem import __version__
from omnimemd.domain.file_events import Change
from tests.support.house import House
from tests.support.http import Api


class TestHealth:
    async def test_a_daemon_that_stores_is_ok(self, api: Api) -> None:
        reply = await api.get("/health")

        assert (reply.status, reply.json) == (200, {"status": "ok", "problems": []})
        assert reply.headers["Content-Type"] == "application/json"

    async def test_a_daemon_that_cannot_store_is_degraded(self, api: Api, house: House) -> None:
        house.lose_the_store()

        reply = await api.get("/health")

        assert reply.status == 503
        assert reply.headers["Content-Type"] == "application/json"
        assert list(reply.json) == ["status", "problems"]
        assert reply.json["status"] == "degraded"
        assert reply.json["problems"]

    async def test_a_limit_that_is_met_is_told_and_leaves_it_ok(self, api: Api, house: House, workspace: Path) -> None:
        house.watcher.will_degrade(str(workspace), "no more watches: raise the sysctl")
        await api.post("/workspaces", {"path": str(workspace)})

        reply = await api.get("/health")

        assert (reply.status, reply.json["status"]) == (200, "ok")
        (problem,) = reply.json["problems"]
        assert "no more watches: raise the sysctl" in problem

    async def test_health_is_looked_at_each_time(self, api: Api, house: House) -> None:
        house.fill_the_disk()
        await api.get("/health")
        house.make_room()

        assert (await api.get("/health")).status == 200


class TestStatus:
    async def test_it_has_at_least_what_was_promised(self, api: Api, house: House, session: str) -> None:
        reply = await api.get("/status")

        status = reply.json
        assert reply.status == 200
        promised = {"version", "pid", "uptime_s", "rss_bytes", "database", "sessions", "watch"}
        assert set(status) >= promised
        assert (status["version"], status["pid"]) == (__version__, os.getpid())
        assert status["uptime_s"] >= 0
        assert status["rss_bytes"] > 0
        assert status["socket"].endswith("omnimemd.sock")
        database = status["database"]
        assert set(database) >= {"path", "bytes", "sqlite_version", "schema_version"}
        assert database["path"] == str(house.database.path)
        assert database["bytes"] > 0
        assert database["sqlite_version"] == apsw.sqlite_lib_version()
        assert database["schema_version"] == house.database.schema_version
        assert status["sessions"] == {"active": 1, "ended": 0}
        assert set(status["watch"]) >= {
            "workspaces",
            "directories",
            "events_seen",
            "events_recorded",
            "events_coalesced",
            "scans",
            "events_ignored",
            "overflows",
            "resyncs",
            "gaps",
            "degraded",
        }

    async def test_it_counts(self, api: Api, house: House, workspace: Path, session: str) -> None:
        root = str(workspace)
        for _ in range(3):
            house.watcher.happens(f"{root}/a", Change.READ, roots=[root])
        house.watcher.loses(root)
        await api.post("/flush")
        await api.post(f"/sessions/{session}/end")

        status = (await api.get("/status")).json

        assert status["sessions"] == {"active": 0, "ended": 1}
        watch = status["watch"]
        assert (watch["events_seen"], watch["events_recorded"], watch["events_coalesced"]) == (3, 1, 2)
        assert (watch["gaps"], watch["degraded"]) == (1, [])

    async def test_a_folder_badly_seen_is_named(self, api: Api, house: House, workspace: Path) -> None:
        house.watcher.will_degrade(str(workspace), "no more watches")
        await api.post("/workspaces", {"path": str(workspace)})

        watch = (await api.get("/status")).json["watch"]

        assert (watch["workspaces"], watch["directories"]) == (1, 1)
        (reason,) = watch["degraded"]
        assert "no more watches" in reason


class TestFlush:
    async def test_everything_that_happened_before_is_recorded(
        self, api: Api, house: House, workspace: Path, session: str
    ) -> None:
        root = str(workspace)
        house.watcher.happens(f"{root}/a", Change.READ, roots=[root])
        house.watcher.happens(f"{root}/b", Change.CREATED, roots=[root])

        reply = await api.post("/flush")

        assert reply.status == 200
        entries = (await api.get(f"/sessions/{session}/entries")).json["entries"]
        assert [(one["path"], one["access"]) for one in entries] == [(f"{root}/a", "read"), (f"{root}/b", "create")]
        assert {(one["source"], one["attribution"]) for one in entries} == {("watch", "probable")}
