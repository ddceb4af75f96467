"""Every promise of docs/SECURITY.md names tests that hold it, and those tests are there and run."""

import re
import subprocess
import sys

import pytest

from tests.contracts.checkout import ROOT

TEXT = (ROOT / "docs/SECURITY.md").read_text()
PROMISES = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(tests/[\w/]+\.py[\w:]*)`")


def named(promise: str) -> list[str]:
    """The tests that a promise names."""
    return TEST.findall(promise)


def test_the_promises_are_numbered_through() -> None:
    assert [int(number) for number, _ in PROMISES] == list(range(1, len(PROMISES) + 1))
    assert len(PROMISES) > 20


@pytest.mark.parametrize(("number", "promise"), PROMISES, ids=[number for number, _ in PROMISES])
def test_a_promise_names_what_holds_it(number: str, promise: str) -> None:
    assert named(promise), f"promise {number} names no test"


def test_all_of_them_are_collected() -> None:
    """One run collects them all: pytest fails if one is not there."""
    every = sorted({test for _, promise in PROMISES for test in named(promise)})

    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *every]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert collected.returncode == 0, collected.stdout[-3000:] + collected.stderr[-3000:]
