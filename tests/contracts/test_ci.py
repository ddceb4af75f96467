"""What CI runs is what the README tells a person to run, on a machine that has all the tests need."""

import os
import re

from tests.contracts.checkout import ROOT
from tests.support.requirements import REQUIREMENTS

SCRIPT = ROOT / ".ci" / "run"


def test_ci_can_be_run() -> None:
    assert os.access(SCRIPT, os.X_OK)


def test_ci_runs_the_tests_as_the_readme_does() -> None:
    assert re.search(r"\bpython3 scripts/dev\.py test( -|$)", SCRIPT.read_text(), re.MULTILINE)


def test_ci_installs_every_command_a_test_may_need() -> None:
    commands = {name for name, requirement in REQUIREMENTS.items() if "on PATH" in requirement.absence}
    installed = set(re.findall(r'^    "([\w-]+): [\w -]+"', SCRIPT.read_text(), re.MULTILINE))

    assert commands
    assert commands <= installed


def test_ci_lets_no_test_go_unrun() -> None:
    assert "\nexport OMNIMEM_REQUIRE_ALL=1\n" in SCRIPT.read_text()
