"""The marker `needs`, tried on runs of pytest of their own."""

from pathlib import Path

import pytest

from tests.contracts.checkout import ROOT

NEEDS_GIT = """
    import pytest

    @pytest.mark.needs("git")
    def test_history():
        pass
"""
NEEDS_ANOTHER_SYSTEM = """
    import sys
    import pytest

    @pytest.mark.needs("linux" if sys.platform == "darwin" else "macos")
    def test_elsewhere():
        pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder in which pytest runs with the plugin, OMNIMEM_REQUIRE_ALL not set."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("OMNIMEM_REQUIRE_ALL", raising=False)
    pytester.makeconftest('pytest_plugins = ["tests.support.requirements"]')
    pytester.makeini("[pytest]\nmarkers = needs(*names): what the test needs")
    return pytester


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which no command is installed."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.needs("git")
def test_a_test_whose_needs_are_met_is_run(run: pytest.Pytester) -> None:
    run.makepyfile(NEEDS_GIT)

    result = run.runpytest_subprocess()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*not run, and why*")


@pytest.mark.usefixtures("bare_machine")
def test_a_run_ends_with_what_was_not_run_and_why(run: pytest.Pytester) -> None:
    run.makepyfile(test_it=NEEDS_GIT)

    result = run.runpytest_subprocess()

    result.assert_outcomes(skipped=1)
    assert result.ret == 0
    the_list = ["*not run, and why*", "there is no `git` on PATH:", "    test_it.py::test_history"]
    result.stdout.fnmatch_lines([*the_list, "", "*1 skipped*"], consecutive=True)


@pytest.mark.usefixtures("bare_machine")
def test_what_must_be_there_and_is_not_fails(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIMEM_REQUIRE_ALL", "1")
    run.makepyfile(NEEDS_GIT)

    result = run.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*there is no `git` on PATH (and OMNIMEM_REQUIRE_ALL=1 demands it)*"])


def test_no_machine_has_to_be_two_systems(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIMEM_REQUIRE_ALL", "1")
    run.makepyfile(NEEDS_ANOTHER_SYSTEM)

    result = run.runpytest_subprocess()

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*not run, and why*"])


def test_a_need_nobody_knows_is_refused(run: pytest.Pytester) -> None:
    run.makepyfile(NEEDS_GIT.replace('"git"', '"gti"'))

    result = run.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_history needs gti; known are *git*"])
