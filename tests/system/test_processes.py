"""Real processes: who they are, who began them, and when they die."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from omnimemd.domain.identity import ProcessIdentity, choose_caller
from omnimemd.system.processes import SystemProcesses, open_deaths, polled
from omnimemd.system.processes.deaths import Deaths
from omnimemd.system.processes.facts import boot_id, start_of
from omnimemd.system.processes.polled import PolledDeaths
from tests.support.waiting import rounds, until


@contextmanager
def a_child(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that does nothing until it is killed, and reap it at the end."""
    child = subprocess.Popen(
        command or ("sleep", "60"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        yield child
    finally:
        os.killpg(child.pid, signal.SIGKILL)  # with what it began itself
        child.communicate()


def kill(child: subprocess.Popen[bytes]) -> None:
    """Kill *child* without reaping it: it is a zombie then."""
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def with_few_descriptors() -> Deaths:
    """Return what hears of deaths once there are descriptors for one process only."""
    if sys.platform != "linux":
        return open_deaths()
    from omnimemd.system.processes.pidfd import PidfdDeaths

    return PidfdDeaths(asyncio.get_running_loop(), most=1)


@pytest.fixture(params=["best", "few descriptors", "polled"])
async def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SystemProcesses]:
    """The processes of this machine, with what this platform has best to hear of deaths, and with what all have."""
    monkeypatch.setattr(polled, "_POLL_SECONDS", 0.005)
    made: dict[str, Callable[[], Deaths]] = {
        "best": open_deaths,
        "few descriptors": with_few_descriptors,
        "polled": lambda: PolledDeaths(asyncio.get_running_loop()),
    }
    processes = SystemProcesses(made[request.param]())
    yield processes
    processes.close()


def identity_of(processes: SystemProcesses, pid: int) -> ProcessIdentity:
    found = processes.find(pid)
    assert found is not None
    return found.identity


def arguments_of(processes: SystemProcesses, pid: int) -> tuple[str, ...]:
    found = processes.find(pid)
    return found.arguments if found else ()


class TestFinding:
    async def test_a_live_process_is_found(self, processes: SystemProcesses) -> None:
        with a_child() as child:
            await until(lambda: arguments_of(processes, child.pid))  # execve(2) sets them behind the name
            found = processes.find(child.pid)

        assert found is not None
        assert (found.name, found.arguments) == ("sleep", ("sleep", "60"))
        assert found.identity == ProcessIdentity(child.pid, found.identity.start, boot_id())
        assert abs(found.started_at - _now_ms()) < 60_000

    async def test_a_zombie_is_dead(self, processes: SystemProcesses) -> None:
        with a_child() as child:
            kill(child)

            assert processes.find(child.pid) is None
            assert start_of(child.pid) is None

    async def test_what_is_no_process_is_not_found(self, processes: SystemProcesses) -> None:
        with a_child() as child:
            pid = child.pid

        assert [processes.find(one) for one in (pid, 0, -1, 2**31 - 1, 2**40)] == [None] * 5

    async def test_a_process_is_the_same_each_time_and_no_other(self, processes: SystemProcesses) -> None:
        with a_child() as one, a_child() as other:
            identities = [identity_of(processes, child.pid) for child in (one, one, other)]

        assert identities[0] == identities[1] != identities[2]

    async def test_a_name_may_hold_anything(self, processes: SystemProcesses) -> None:
        rename = "import ctypes; ctypes.CDLL(None).prctl(15, b') R 1 ('); print(flush=True); input()"
        with a_child(sys.executable, "-c", rename) as child:
            assert child.stdout is not None
            child.stdout.readline()

            found = processes.find(child.pid)

        assert found is not None
        assert found.name == ") R 1 ("

    async def test_ancestry_goes_up_to_this_process(self, processes: SystemProcesses) -> None:
        with a_child("sh", "-c", "sleep 60; :") as shell:
            ancestry = list(processes.ancestry(shell.pid))

        assert [one.identity.pid for one in ancestry[:2]] == [shell.pid, os.getpid()]

    async def test_a_script_in_a_shell_is_of_what_began_the_shell(
        self, processes: SystemProcesses, tmp_path: Path
    ) -> None:
        script = tmp_path / "hook.sh"
        script.write_text("#!/bin/sh\necho; sleep 60; :\n")
        script.chmod(0o700)
        with a_child(str(script)) as child:
            assert child.stdout is not None
            child.stdout.readline()

            chosen = choose_caller(processes.ancestry(child.pid))

        assert chosen is None or chosen.identity.pid != child.pid


class TestDeath:
    async def test_a_death_is_told_once_whether_or_not_anybody_reaps(self, processes: SystemProcesses) -> None:
        told: list[str] = []
        with a_child() as child:
            processes.on_death(identity_of(processes, child.pid), lambda: told.append("a"))
            processes.on_death(identity_of(processes, child.pid), lambda: told.append("b"))

            kill(child)
            await until(lambda: len(told) == 2)

        await rounds()
        assert sorted(told) == ["a", "b"]

    async def test_who_takes_the_request_back_is_told_nothing(self, processes: SystemProcesses) -> None:
        told: list[str] = []
        with a_child() as child:
            identity = identity_of(processes, child.pid)
            cancel = processes.on_death(identity, lambda: told.append("a"))
            processes.on_death(identity, lambda: told.append("b"))
            assert cancel is not None
            cancel()
            cancel()

            kill(child)
            await until(lambda: told)

        assert told == ["b"]

    async def test_nobody_is_told_of_the_dead(self, processes: SystemProcesses) -> None:
        with a_child() as child:
            identity = identity_of(processes, child.pid)
            kill(child)

            assert processes.on_death(identity, _never) is None
        assert processes.on_death(identity, _never) is None

    async def test_nobody_is_told_of_another_with_the_same_pid(self, processes: SystemProcesses) -> None:
        with a_child() as child:
            now = identity_of(processes, child.pid)
            before = ProcessIdentity(now.pid, now.start - 1, now.boot)
            elsewhere = ProcessIdentity(now.pid, now.start, "another boot")

            assert processes.on_death(before, _never) is None
            assert processes.on_death(elsewhere, _never) is None
            assert processes.on_death(now, lambda: None) is not None

    async def test_many_deaths_at_once_are_all_told(self, processes: SystemProcesses) -> None:
        told: set[int] = set()
        with ExitStack() as stack:
            children = [stack.enter_context(a_child()) for _ in range(20)]
            for child in children:
                processes.on_death(identity_of(processes, child.pid), _adding(told, child.pid))

            for child in children:
                child.kill()
            await until(lambda: len(told) == 20)

        assert told == {child.pid for child in children}

    @pytest.mark.needs("pidfd")
    @pytest.mark.skipif(sys.platform != "linux", reason="there is no pidfd_open(2) elsewhere")
    async def test_a_death_is_told_though_no_descriptor_is_left(
        self, processes: SystemProcesses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(pid: int) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        monkeypatch.setattr(os, "pidfd_open", refused)
        told: list[int] = []
        with a_child() as child:
            assert processes.on_death(identity_of(processes, child.pid), lambda: told.append(child.pid)) is not None
            kill(child)
            await until(lambda: told)

    async def test_no_descriptor_stays_open(self) -> None:
        before = open_descriptors()
        processes = SystemProcesses(open_deaths())
        with a_child() as one, a_child() as other:
            cancel = processes.on_death(identity_of(processes, one.pid), _never)
            processes.on_death(identity_of(processes, other.pid), lambda: None)
            assert cancel is not None
            cancel()
            kill(other)
            await rounds()
            processes.close()
            pipes = 4  # of the two children

            assert open_descriptors() == before + pipes

    @pytest.mark.needs("linux")
    async def test_a_thread_is_no_process(self, processes: SystemProcesses) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        await until(lambda: thread.native_id)
        number = thread.native_id or 0
        identity = ProcessIdentity(number, start_of(number) or 0, processes.boot)

        found = processes.on_death(identity, _never)

        stop.set()
        thread.join()
        assert found is None or processes.find(number) is None


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _never() -> None:
    raise AssertionError("nobody should be told")


def _adding(told: set[int], pid: int) -> Callable[[], None]:
    return lambda: told.add(pid)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
