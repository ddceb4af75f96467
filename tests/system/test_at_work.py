"""Which real processes work in a folder, by each way to look."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from omnimemd.domain.identity import program
from omnimemd.system.processes import SystemProcesses, open_deaths
from omnimemd.system.processes.at_work import by_proc, by_psutil

_TOOL = f"""\
#!{sys.executable}
import os
held = open(os.environ["HOLDS"]) if "HOLDS" in os.environ else None
print("began", flush=True)
input()
"""
#: Gives the pids of the processes of a user that run one of the programs and are at work in the folder.
Look = Callable[..., list[int]]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app" / "src").mkdir(parents=True)
    (tmp_path / "app" / "src" / "a.py").touch()
    return tmp_path / "app"


@pytest.fixture(params=[pytest.param(by_proc, marks=pytest.mark.needs("linux")), by_psutil])
def look(request: pytest.FixtureRequest, app: Path) -> Look:
    def looked(*programs: str, uid: int | None = None) -> list[int]:
        return list(request.param(str(app), programs, uid=os.getuid() if uid is None else uid))

    return looked


@contextmanager
def a_tool(
    folder: Path, *arguments: str, name: str = "claude", holds: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program of this *name* in *folder*."""
    script = folder.parent / "bin" / name
    script.parent.mkdir(exist_ok=True)
    script.write_text(_TOOL)
    script.chmod(0o700)
    environ = {name: value for name, value in os.environ.items() if name != "HOLDS"}
    if holds is not None:
        environ["HOLDS"] = str(holds)
    with subprocess.Popen(
        [script, *arguments], cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("below", [".", "src"])
def test_who_has_a_working_directory_there(look: Look, app: Path, below: str) -> None:
    with a_tool(app / below) as tool:
        assert look("claude", "nvim") == [tool.pid]


def test_who_has_a_file_open_there(look: Look, app: Path) -> None:
    with a_tool(app.parent, holds=app / "src" / "a.py") as tool:
        assert look("claude") == [tool.pid]


@pytest.mark.parametrize("argument", ["app/src/a.py", "./app", "bin/../app/new.py"])
def test_who_was_begun_with_a_path_there(look: Look, app: Path, argument: str) -> None:
    with a_tool(app.parent, "-w", argument, name="nano") as tool:
        assert look("nano") == [tool.pid]


@pytest.mark.parametrize("argument", ["-f=app", "app2/a.py", "explain app/src", "", "../app"])
def test_who_was_begun_with_something_else_is_not(look: Look, app: Path, argument: str) -> None:
    with a_tool(app.parent, argument):
        assert look("claude") == []


def test_a_script_of_a_shell_around_it(look: Look, app: Path) -> None:
    with a_tool(app, name="engine"):
        script = app.parent / "bin" / "claude"
        script.write_text(f'#!/bin/sh\n"{script.with_name("engine")}"\nexit 0\n')
        script.chmod(0o700)
        with subprocess.Popen(
            [script], cwd=app, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as wrapper:
            assert wrapper.stdout is not None
            assert wrapper.stdout.readline() == "began\n"
            try:
                assert look("claude") == [wrapper.pid]
            finally:
                os.killpg(wrapper.pid, signal.SIGKILL)


def test_a_name_longer_than_the_kernel_keeps(look: Look, app: Path) -> None:
    with a_tool(app, name="an-agent-of-a-very-long-name") as tool:
        assert look("an-agent-of-a-very-long-name") == [tool.pid]


def test_not_who_is_elsewhere_or_is_not_asked_for(look: Look, app: Path) -> None:
    beside = app.parent / "application"
    beside.mkdir()
    with a_tool(beside), a_tool(app, name="other"):
        assert look("claude") == []


def test_not_who_is_another_users(look: Look, app: Path) -> None:
    with a_tool(app):
        assert look("claude", uid=os.getuid() + 1) == []


def test_not_who_is_gone(look: Look, app: Path) -> None:
    with a_tool(app):
        pass

    assert look("claude") == []


async def test_the_table_gives_the_oldest_first_but_never_itself(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(app)
    processes = SystemProcesses(open_deaths())
    itself = processes.find(os.getpid())
    assert itself is not None
    try:
        with a_tool(app) as first, a_tool(app, name="nvim") as second:
            found = processes.at_work_in(str(app), {"claude", "nvim", program(itself)})
    finally:
        processes.close()

    assert [one.identity.pid for one in found] == [first.pid, second.pid]
