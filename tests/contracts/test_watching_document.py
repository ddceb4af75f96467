"""docs/WATCHING.md and the words the API uses: none is missing, none is made up."""

import re

from omnimem.model import ExplainReason
from omnimemd.cli.lines import LOST
from tests.contracts.checkout import ROOT

WATCHING = (ROOT / "docs" / "WATCHING.md").read_text()
API = (ROOT / "docs" / "API.md").read_text()


def test_every_reason_of_an_explanation_is_in_the_table() -> None:
    _, _, section = WATCHING.partition("## What is not\n")
    named = re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)

    assert sorted(named) == sorted(ExplainReason)


def test_every_reason_of_a_gap_is_told_in_words() -> None:
    _, _, table = API.partition("| reason | what happened |\n")
    rows = re.findall(r"^ *\| (`[^|]+) \|", table.partition("\n\n")[0], re.MULTILINE)

    assert {word for row in rows for word in re.findall(r"`(\w+)`", row)} == set(LOST)
