"""Processes that tests start and kill without starting or killing any."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from omnimemd.domain.clock import Millis
from omnimemd.domain.identity import Process, ProcessIdentity, program
from omnimemd.domain.paths import is_within
from omnimemd.domain.ports import Cancel
from tests.support.clock import NOON


class FakeProcesses:
    """The port `Processes`: a process table that does what the test says, deaths included."""

    def __init__(self, *, boot: str = "boot-1") -> None:
        self._boot = boot
        self._live: dict[int, Process] = {}
        self._parents: dict[int, int] = {}
        self._waiting: dict[int, dict[object, Callable[[], None]]] = {}
        self._doomed: set[int] = set()
        self._places: dict[int, str] = {}
        self._starts = 100
        self.looks = 0  #: how often somebody asked who is at work

    @property
    def boot(self) -> str:
        return self._boot

    def find(self, pid: int) -> Process | None:
        return self._live.get(pid)

    def ancestry(self, pid: int) -> Iterator[Process]:
        while pid in self._live:
            yield self._live[pid]
            pid = self._parents.get(pid, 0)

    def at_work_in(self, directory: str, programs: Collection[str]) -> list[Process]:
        self.looks += 1
        return [
            process
            for pid, process in self._live.items()
            if program(process) in programs and is_within(self._places.get(pid, "/"), directory)
        ]

    def on_death(self, identity: ProcessIdentity, callback: Callable[[], None]) -> Cancel | None:
        if identity.pid in self._doomed:
            self.die(identity.pid)
        live = self._live.get(identity.pid)
        if live is None or live.identity != identity:
            return None
        token = object()
        waiting = self._waiting.setdefault(identity.pid, {})
        waiting[token] = callback

        def cancel() -> None:
            waiting.pop(token, None)

        return cancel

    def begin(
        self,
        pid: int,
        *,
        name: str = "claude",
        arguments: tuple[str, ...] = (),
        parent: int = 1,
        at_work_in: Path | None = None,
    ) -> Process:
        """Start a process; a *pid* that is free again may be taken anew, by another process."""
        assert pid not in self._live
        self._starts += 1
        process = Process(ProcessIdentity(pid, self._starts, self._boot), Millis(NOON - 60_000), name, arguments)
        self._live[pid] = process
        self._parents[pid] = parent
        self._places[pid] = str(at_work_in or "/")
        return process

    def die(self, pid: int) -> None:
        """Have the process die, and tell whoever waits for that."""
        del self._live[pid]
        self._doomed.discard(pid)
        for callback in list(self._waiting.pop(pid, {}).values()):
            callback()

    def doom(self, pid: int) -> None:
        """Have the process die at the very moment somebody asks to be told of its death."""
        self._doomed.add(pid)

    def reboot(self) -> None:
        """Restart the machine: every process is gone and nobody is told."""
        self._live.clear()
        self._waiting.clear()
        self._boot += "'"

    def waited_for(self, pid: int) -> bool:
        """Return whether somebody would be told of the death of *pid*."""
        return bool(self._waiting.get(pid))
