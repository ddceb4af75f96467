"""`scripts/dev.py` as a person meets it: its verbs, its help, its complaints."""

import re
import subprocess

import pytest

from scripts.dev import VERBS
from tests.contracts.checkout import ROOT
from tests.contracts.small_checkout import PYTHON, SmallCheckout

#: What only making the environment needs.
HEAVY = {"argparse", "asyncio", "subprocess", "tempfile", "tomllib", "venv"}


def test_without_a_verb_it_says_how_it_is_used(checkout: SmallCheckout) -> None:
    done = checkout.dev()

    assert (done.returncode, done.stdout) == (2, "")
    assert "scripts/dev.py VERB" in done.stderr


def test_help_names_every_verb(checkout: SmallCheckout) -> None:
    done = checkout.dev("--help")

    assert done.returncode == 0
    assert set(re.findall(r"^    ([a-z]+) [ \[]", done.stdout, re.MULTILINE)) == VERBS.keys()


@pytest.mark.parametrize("arguments", [["tset"], ["check", "tests"], ["env", "now"]])
def test_what_it_does_not_understand_is_a_usage_error(checkout: SmallCheckout, arguments: list[str]) -> None:
    done = checkout.dev(*arguments)

    assert done.returncode == 2
    assert re.search(r"^error: .*\nhint: .*", done.stderr)
    assert not checkout.venv.exists()


def test_a_start_with_everything_in_place_loads_little() -> None:
    code = "import sys; sys.path.append(sys.argv[1]); import dev; print(*sys.modules)"

    loaded = subprocess.run(
        [PYTHON, "-I", "-S", "-c", code, ROOT / "scripts"], check=True, capture_output=True, text=True
    )

    assert HEAVY.isdisjoint(loaded.stdout.split())
