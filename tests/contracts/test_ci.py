"""What CI runs is what the README tells a person to run, on a machine that has all the tests need."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


#: In the place of `scripts/dev.py`: its verb `test`, in the environment that runs this, without further processes.
_DEV = f"""
import os, sys
os.execv({sys.executable!r}, [{sys.executable!r}, "-m", "pytest", *sys.argv[2:], "-n", "0"])
"""
#: Tests that fail in the first so many runs.
_FAILS_AT_FIRST = """
import pathlib, pytest

@pytest.mark.parametrize("name", [f"{number} of it" for number in range(COUNT)])
def test_that_fails_at_first(name):
    runs = pathlib.Path(__file__).with_name(name)
    runs.write_text("x" * (len(runs.read_text()) + 1 if runs.exists() else 1))
    assert len(runs.read_text()) > RUNS

def test_that_passes():
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "failing_runs", "status", "runs"),
    [(1, 0, 0, 1), (2, 1, 0, 4), (1, 2, 1, 2), (4, 1, 1, 1)],
    ids=["passes", "passes alone", "fails alone too", "too many fail"],
)
def test_what_failed_beside_others_must_pass_three_times_alone(
    tmp_path: Path, count: int, failing_runs: int, status: int, runs: int
) -> None:
    for folder in (".ci", "scripts"):
        (tmp_path / folder).mkdir()
    script = tmp_path / ".ci" / "run"
    script.write_text(SCRIPT.read_text())
    script.chmod(0o755)
    (tmp_path / "scripts" / "dev.py").write_text(_DEV)
    code = _FAILS_AT_FIRST.replace("COUNT", str(count)).replace("RUNS", str(failing_runs))
    (tmp_path / "test_small.py").write_text(code)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    done = subprocess.run([script, "tests"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == status, done.stdout + done.stderr
    assert len((tmp_path / "0 of it").read_text()) == runs
    passed = re.findall(r"^failed beside others, passed three times of three alone: (.*)$", done.stdout, re.MULTILINE)
    assert len(passed) == (count if runs == 4 else 0)
    assert all(name.startswith("test_small.py::test_that_fails_at_first[") for name in passed)
