"""`/metrics`: figures as Prometheus reads them, of everything that matters, and of nobody's."""

import re
from pathlib import Path

from omnimem import __version__
from omnimem.calls import ALL
from omnimemd.domain.file_events import Change
from tests.contracts.checkout import ROOT
from tests.support.house import House
from tests.support.http import Api
from tests.support.prometheus import Family, read


async def metrics(api: Api) -> dict[str, Family]:
    return read((await api.get("/metrics")).body)


async def test_they_are_in_prometheus_format_and_of_now(api: Api, session: str) -> None:
    reply = await api.get("/metrics")
    before = read(reply.body)
    await api.post(f"/sessions/{session}/end")
    after = await metrics(api)

    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert all(name.startswith("omnimemd_") for name in before)
    assert before["omnimemd_sessions_active"].only() - after["omnimemd_sessions_active"].only() == 1
    ((_, labels),) = before["omnimemd_build_info"].samples
    assert dict(labels)["version"] == __version__


async def test_requests_are_counted_by_route_and_status_and_by_nothing_a_caller_chose(api: Api, session: str) -> None:
    for number in range(20):
        await api.post(f"/sessions/{session}/context", {"decision": "x"})
        await api.get(f"/sessions/nobody-{number}")
        await api.get(f"/elsewhere/{number}")
        await api.call("PROPFIND", "/health", None)

    seconds = (await metrics(api))["omnimemd_request_seconds"]

    counts = {
        (label["method"], label["route"], label["status"]): value
        for (name, labels), value in seconds.samples.items()
        if name.endswith("_count") and (label := dict(labels))
    }
    assert counts["POST", "/sessions/{session_id}/context", "2xx"] == 20
    assert counts["GET", "/sessions/{session_id}", "4xx"] == 20
    assert counts["unmatched", "unmatched", "4xx"] == 40
    known = {(one.method, one.path) for one in ALL} | {("unmatched", "unmatched")}
    assert {(method, route) for method, route, _ in counts} <= known


async def test_what_was_seen_stored_and_ended_is_counted(api: Api, house: House, workspace: Path, session: str) -> None:
    root = str(workspace)
    before = await metrics(api)
    house.watcher.happens(f"{root}/a", Change.READ, roots=[root])
    house.clock.advance(700)
    await api.post("/flush")
    await api.post(f"/sessions/{session}/context", {"decision": "x"})
    await api.post(f"/sessions/{session}/end")

    found = await metrics(api)

    def more(name: str, sample: str = "_count", **labels: str) -> float:
        key = (f"omnimemd_{name}{sample}", tuple(labels.items()))
        return found[f"omnimemd_{name}"].samples[key] - before[f"omnimemd_{name}"].samples[key]

    assert more("record_delay_seconds") == 1
    assert more("record_delay_seconds", "_sum") >= 0.7
    assert more("sync_seconds") >= 1
    assert more("commit_writes", "_sum") >= more("commit_writes") >= 2
    assert more("session_ends_total", "", reason="client") == 1
    assert more("loop_lag_seconds") >= 1
    for name in ("tasks", "threads", "open_descriptors", "most_descriptors"):
        assert found[f"omnimemd_{name}"].only() > 0
    assert found["omnimemd_tasks_failing"].only() == 0


async def test_without_a_store_the_rest_is_told(api: Api, house: House) -> None:
    house.lose_the_store()

    reply = await api.get("/metrics")

    found = read(reply.body)
    assert reply.status == 200
    assert found["omnimemd_store_readable"].only() == 0
    assert "omnimemd_open_descriptors" in found


async def test_the_document_has_each_of_them_and_no_other(api: Api) -> None:
    text = (ROOT / "docs" / "OBSERVING.md").read_text("utf-8")
    rows = re.findall(r"^\| `omnimemd_(\w+)` \| (\w+) \| (.*) \|$", text, re.MULTILINE)

    found = await metrics(api)

    assert [(f"omnimemd_{name}", kind) for name, kind, _ in rows] == [(one.name, one.kind) for one in found.values()]
