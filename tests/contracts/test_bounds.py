"""The table of what is bounded in docs/ARCHITECTURE.md: every bound it names is there, and is what it says."""

import importlib
import re

import pytest

from omnimemd.api.load import Limits
from tests.contracts.checkout import ROOT

_, _, SECTION = (ROOT / "docs" / "ARCHITECTURE.md").read_text().partition("## What is bounded")
TABLE = SECTION.partition("\n## ")[0]
NAMED = re.findall(r"`([a-z_/]+)\.py` `(\w+)` = (\d+)", TABLE)


def test_the_table_names_the_bounds() -> None:
    assert len(NAMED) >= 15
    assert len(NAMED) == TABLE.count(".py` `")


@pytest.mark.parametrize(("module", "name", "value"), NAMED)
def test_a_bound_is_what_the_table_says(module: str, name: str, value: str) -> None:
    found = getattr(importlib.import_module("omnimemd." + module.replace("/", ".")), name)

    assert found == int(value)


def test_the_limits_for_callers_are_what_the_tables_say() -> None:
    api = (ROOT / "docs" / "API.md").read_text()
    limits = Limits()

    assert f"`Limits`: {limits.requests}, {limits.listeners}, {limits.exports} |" in TABLE
    for text in (api, TABLE):
        assert f"{limits.arriving_bytes >> 20} MiB" in text
        assert f"{limits.unread_bytes >> 20} MiB" in text
        for seconds in (limits.arrival_seconds, limits.answer_seconds, limits.standstill_seconds):
            assert f"{seconds:.0f} s" in text
    assert f"| connections | {limits.connections:,};" in api
