"""`/metrics`: figures as Prometheus reads them, of everything that matters, and of nobody's."""

import math
import re
from pathlib import Path

import msgspec
import pytest

from omnimem import __version__
from omnimem.calls import ALL
from omnimem.errors import BackupFailed
from omnimemd.domain.file_events import Change
from omnimemd.storage import backups, losses
from omnimemd.storage.losses import Loss, LossReason
from tests.contracts.checkout import ROOT
from tests.support.clock import NOON
from tests.support.house import House
from tests.support.http import Api
from tests.support.prometheus import Family, read

#: What of a good state of yesterday, and of what is gone, is told.
OF_SAFETY = (
    *("backups", "backup_age_seconds", "backup_failures_total"),
    *("losses", "losses_unseen", "loss_age_seconds", "set_aside_bytes"),
)


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


async def test_backups_and_losses_are_told(api: Api, house: House, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await metrics(api)
    await house.services.backups.create()
    house.clock.advance(90_000)
    loss = Loss(started_at=None, ended_at=NOON, found_at=NOON, reason=LossReason.LOG)
    await house.database.write(lambda db: losses.add(db, loss))
    await house.database.write(lambda db: losses.add(db, msgspec.structs.replace(loss, reason=LossReason.RESTORED)))
    (data / "quarantine" / "one").mkdir(parents=True)
    (data / "quarantine" / "one" / "omnimem.db").write_bytes(b"x" * 700)
    monkeypatch.setattr(backups, "check_room", no_room)
    await house.services.backups.look()

    found = await metrics(api)

    assert {name: [one[f"omnimemd_{name}"].only() for one in (before, found)] for name in OF_SAFETY} == {
        "backups": [0, 1],
        "backup_age_seconds": [math.inf, 90],
        "backup_failures_total": [0, 1],
        "losses": [0, 1],
        "losses_unseen": [0, 1],
        "loss_age_seconds": [math.inf, 90],
        "set_aside_bytes": [0, 700],
    }


async def test_backups_are_told_of_without_a_store_too(api: Api, house: House) -> None:
    await house.services.backups.create()
    house.lose_the_store()

    assert (await metrics(api))["omnimemd_backups"].only() == 1


def no_room(*_: object) -> None:
    raise BackupFailed("There is no room.")
