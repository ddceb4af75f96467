"""The level of the log is changed while the daemon runs, and `/status` says which it is."""

import logging
from collections.abc import Iterator

import pytest

from tests.support.http import Api


@pytest.fixture(autouse=True)
def level_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("omnimemd")
    before = root.level, ours.level
    ours.setLevel(logging.INFO)
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])


async def test_the_level_is_changed_and_told(api: Api) -> None:
    before = (await api.get("/log")).json
    changed = await api.patch("/log", {"level": "debug"})

    assert before == {"level": "info", "configured": "info"}
    assert (changed.status, changed.json) == (200, {"level": "debug", "configured": "info"})
    assert (await api.get("/status")).json["log_level"] == "debug"
    assert logging.getLogger("omnimemd.api").isEnabledFor(logging.DEBUG)


async def test_a_level_there_is_not_is_refused(api: Api) -> None:
    refused = await api.patch("/log", {"level": "loud"})

    assert refused.status == 422
    assert (await api.get("/log")).json["level"] == "info"
