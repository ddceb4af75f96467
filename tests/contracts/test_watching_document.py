"""docs/WATCHING.md and the words the API uses: none is missing, none is made up."""

import re

from omnimem.model import ExplainReason
from tests.contracts.checkout import ROOT

WATCHING = (ROOT / "docs" / "WATCHING.md").read_text()


def test_every_reason_of_an_explanation_is_in_the_table() -> None:
    _, _, section = WATCHING.partition("## What is not\n")
    named = re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)

    assert sorted(named) == sorted(ExplainReason)
