"""What real processes do, as /proc and their clocks tell it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from omnimemd.domain.activity import Look, LookOrder, Moved, Span
from omnimemd.domain.identity import ProcessIdentity
from omnimemd.system.processes import activity as activity_module
from omnimemd.system.processes.activity import NoActivity, ProcActivity, open_activity
from omnimemd.system.processes.facts import boot_id, start_of
from tests.support.watching import WallClock

pytestmark = pytest.mark.needs("linux")

#: A program that runs each line of its stdin as Python and answers a line.
_OBEDIENT = "import os, subprocess, sys\nfor line in sys.stdin: exec(line); print('done', flush=True)"


class Program:
    """A process that does as it is told."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OBEDIENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.does("pass")
        self.identity = identity_of(self._process.pid)

    def does(self, line: str) -> str:
        """Have it run *line*; return the first line it prints, "done" when that prints nothing.

        It does nothing more by then: it has gone back to waiting for its next line.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        heard = first = self._process.stdout.readline().strip()
        while heard != "done":
            heard = self._process.stdout.readline().strip()
        while state_of(self._process.pid) != "S":  # it uses the processor until it sleeps (proc(5))
            os.sched_yield()
        return first

    def begins(self) -> int:
        """Have it start a child that does nothing; return the child's pid."""
        return int(self.does("child = subprocess.Popen(['sleep', '60']); print(child.pid)"))

    def end(self) -> None:
        """End it with all that it began, and take note of its end."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


class Looking:
    """The port, and a short way to use it."""

    def __init__(self) -> None:
        self.activity = ProcActivity(WallClock())

    async def look(self, *bound: ProcessIdentity, folder: Path | None = None, paths: tuple[str, ...] = ()) -> Look:
        folders = () if folder is None else (str(folder),)
        seen: asyncio.Future[Look] = asyncio.get_running_loop().create_future()
        self.activity.look(LookOrder(frozenset(bound), folders, paths), seen.set_result)
        async with asyncio.timeout(10):
            return await seen


def identity_of(pid: int) -> ProcessIdentity:
    start = start_of(pid)
    assert start is not None
    return ProcessIdentity(pid, start, boot_id())


def state_of(pid: int) -> str:
    """Return the letter of a process's state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def descriptors() -> int:
    """Return how many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program()
    yield program
    program.end()


@pytest.fixture
async def looking() -> AsyncIterator[Looking]:
    looking = Looking()
    yield looking
    looking.activity.close()


async def moved(looking: Looking, program: Program, line: str) -> Moved:
    """Return what *program* did while it ran *line*."""
    before = await looking.look(program.identity)
    program.does(line)
    found = Span(before, await looking.look(program.identity)).moved(program.identity)
    assert found is not None
    return found


class TestFigures:
    async def test_what_is_read_and_written_is_counted_to_the_byte(
        self, looking: Looking, program: Program, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_text("x" * 30_000)

        read = await moved(looking, program, f"open({str(tmp_path / 'a')!r}).read()")
        written = await moved(looking, program, f"open({str(tmp_path / 'b')!r}, 'w').write('x' * 20_000)")

        assert 30_000 <= read.read < 30_256
        assert read.written < 256
        assert 20_000 <= written.written < 20_256
        assert written.read < 256

    async def test_a_name_that_changes_takes_time_and_no_bytes(
        self, looking: Looking, program: Program, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_text("x" * 30_000)

        found = await moved(looking, program, f"os.unlink({str(tmp_path / 'a')!r})")

        assert found.cpu_ns > 0
        assert max(found.read, found.written) < 256

    async def test_what_a_child_did_is_counted_with_its_parent(
        self, looking: Looking, program: Program, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_text("x" * 30_000)

        found = await moved(
            looking, program, f"subprocess.run(['cp', {str(tmp_path / 'a')!r}, {str(tmp_path / 'b')!r}])"
        )

        assert found.read >= 30_000
        assert found.written >= 30_000

    async def test_one_that_waits_does_nothing_at_all(self, looking: Looking, program: Program) -> None:
        before, after = await looking.look(program.identity), await looking.look(program.identity)

        assert Span(before, after).moved(program.identity) == Moved()

    async def test_one_that_has_ended_and_one_of_its_pid_are_not_there(
        self, looking: Looking, program: Program
    ) -> None:
        other = ProcessIdentity(program.identity.pid, program.identity.start - 1, boot_id())

        present = await looking.look(program.identity, other)
        program.end()
        absent = await looking.look(program.identity)

        assert list(present.trees) == [program.identity]
        assert absent.trees == {}

    async def test_one_that_may_not_be_asked_is_not_measured(self, looking: Looking, program: Program) -> None:
        child = program.begins()
        before = await looking.look(program.identity)

        looking.activity._meters[child].close()
        looking.activity._meters[child] = _Forbidden()  # type: ignore[assignment]
        after = await looking.look(program.identity)

        assert child in before.trees[program.identity]
        assert after.trees == {}

    async def test_a_tree_too_large_is_not_measured(
        self, looking: Looking, program: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program.begins()
        monkeypatch.setattr(activity_module, "_PROCESSES", 1)

        assert (await looking.look(program.identity)).trees == {}


class _Forbidden:
    """A meter of a process that has become another user's."""

    usage = None

    def read(self) -> None:
        raise PermissionError

    def close(self) -> None:
        pass


class TestTrees:
    async def test_children_and_their_children_belong_to_it(self, looking: Looking, program: Program) -> None:
        program.does("child = subprocess.Popen(['sh', '-c', 'sleep 60 & echo $!; wait'], stdout=-1)")
        grandchild = int(program.does("print(child.stdout.readline().decode().strip())"))

        look = await looking.look(program.identity)

        assert {program.identity.pid, grandchild} < look.trees[program.identity].keys()

    async def test_what_outlives_its_parent_stays_where_it_was(self, looking: Looking, program: Program) -> None:
        program.does("child = subprocess.Popen(['sh', '-c', 'sleep 60 & echo $!; wait'], stdout=-1)")
        grandchild = int(program.does("print(child.stdout.readline().decode().strip())"))
        await looking.look(program.identity)

        program.does("child.kill(); child.wait()")
        look = await looking.look(program.identity)

        assert look.trees[program.identity].keys() == {program.identity.pid, grandchild}

    async def test_a_bound_process_below_another_has_a_tree_of_its_own(
        self, looking: Looking, program: Program
    ) -> None:
        inner = identity_of(program.begins())

        apart = await looking.look(program.identity, inner)
        together = await looking.look(program.identity)
        apart_again = await looking.look(program.identity, inner)

        for look in (apart, apart_again):
            assert {tree: set(usage) for tree, usage in look.trees.items()} == {
                program.identity: {program.identity.pid},
                inner: {inner.pid},
            }
            assert look.above == {inner: program.identity}
        assert together.trees[program.identity].keys() == {program.identity.pid, inner.pid}

    async def test_whoever_looks_is_in_nobodys_tree(self, looking: Looking) -> None:
        parent = identity_of(os.getppid())

        look = await looking.look(parent)

        assert os.getpid() not in look.trees.get(parent, {})


class TestFiles:
    async def test_files_that_are_open_are_told_and_how(
        self, looking: Looking, program: Program, tmp_path: Path
    ) -> None:
        (tmp_path / "read").write_text("x")
        await looking.look(program.identity)
        program.does(
            f"files = open({str(tmp_path / 'read')!r}), open({str(tmp_path / 'write')!r}, 'w'), open('/dev/null')"
        )

        look = await looking.look(program.identity, folder=tmp_path)

        assert {(one.path, one.tree, one.pid, one.writing) for one in look.open} == {
            (str(tmp_path / "read"), program.identity, program.identity.pid, False),
            (str(tmp_path / "write"), program.identity, program.identity.pid, True),
        }

    async def test_one_that_did_nothing_is_not_asked(self, looking: Looking, program: Program, tmp_path: Path) -> None:
        program.does(f"file = open({str(tmp_path / 'write')!r}, 'w')")
        await looking.look(program.identity, folder=tmp_path)

        assert (await looking.look(program.identity, folder=tmp_path)).open == []

    async def test_sizes_are_told_of_what_is_there(self, looking: Looking, tmp_path: Path) -> None:
        (here := tmp_path / "here").write_text("12345")

        look = await looking.look(paths=(str(here), str(tmp_path / "gone"), "/no\0path"))

        assert look.sizes == {str(here): 5}


class TestLife:
    async def test_looks_are_told_in_order(self, looking: Looking, program: Program) -> None:
        heard: list[Look] = []
        order = LookOrder(frozenset((program.identity,)))
        for _ in range(4):
            looking.activity.look(order, heard.append)

        last = await looking.look(program.identity)

        assert len(heard) == 4
        assert [one.at for one in [*heard, last]] == sorted(one.at for one in [*heard, last])

    async def test_closed_it_keeps_no_descriptor_and_looks_no_more(self, program: Program) -> None:
        looking = Looking()
        before = descriptors()
        await looking.look(program.identity)
        during = descriptors()

        looking.activity.close()
        looking.activity.look(LookOrder(frozenset()), lambda look: pytest.fail("it looked"))
        await asyncio.sleep(0)

        assert during > before
        assert descriptors() == before

    async def test_a_process_that_ends_gives_its_descriptor_back(self, looking: Looking) -> None:
        program = Program()
        await looking.look(program.identity)
        during = descriptors()

        program.end()
        await looking.look(program.identity)

        assert descriptors() < during

    async def test_without_proc_nothing_is_seen(
        self, looking: Looking, program: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str) -> None:
            raise FileNotFoundError(path)

        monkeypatch.setattr("omnimemd.system.processes.kin.os.scandir", refuse)

        look = await looking.look(program.identity)

        assert (look.trees, list(look.open)) == ({}, [])


async def test_elsewhere_nothing_is_seen_and_that_at_once() -> None:
    heard: list[Look] = []

    NoActivity(WallClock()).look(LookOrder(frozenset()), heard.append)

    assert [one.trees for one in heard] == [{}]


async def test_on_this_platform_it_is_the_one_that_sees() -> None:
    activity = open_activity(WallClock())

    assert isinstance(activity, ProcActivity)
    activity.close()
