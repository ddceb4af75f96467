"""The processes of this user, as the rules need them."""

import os
from collections.abc import Callable, Collection, Iterator

from omnimemd.domain.identity import Process, ProcessIdentity
from omnimemd.domain.ports import Cancel
from omnimemd.system.processes.at_work import at_work_in
from omnimemd.system.processes.deaths import Deaths
from omnimemd.system.processes.facts import boot_id, process, start_of


class SystemProcesses:
    """Finds processes and tells of their deaths; several may ask about one. Belongs to the event loop's thread."""

    def __init__(self, deaths: Deaths) -> None:
        """Hear of deaths through *deaths*."""
        self._boot = boot_id()
        self._uid = os.getuid()
        self._deaths = deaths
        self._callbacks: dict[int, dict[object, Callable[[], None]]] = {}

    @property
    def boot(self) -> str:
        """The boot the machine is in."""
        return self._boot

    def find(self, pid: int) -> Process | None:
        """Return the live process of this user with *pid*."""
        found = process(pid, boot=self._boot, uid=self._uid)
        return found[0] if found else None

    def ancestry(self, pid: int) -> Iterator[Process]:
        """Yield the process with *pid*, its parent and so on upwards."""
        while pid > 0:
            found = process(pid, boot=self._boot, uid=self._uid)
            if found is None:
                return
            yield found[0]
            pid = found[1]

    def at_work_in(self, directory: str, programs: Collection[str]) -> list[Process]:
        """Return the processes that run one of *programs* and are at work in *directory*; any thread may call."""
        found = (process(pid, boot=self._boot, uid=self._uid) for pid in at_work_in(directory, programs, uid=self._uid))
        return sorted((one[0] for one in found if one is not None), key=lambda one: one.identity.start)

    def on_death(self, identity: ProcessIdentity, callback: Callable[[], None]) -> Cancel | None:
        """Have *callback* called when the process dies; None when it is dead already."""
        pid = identity.pid
        if identity.boot != self._boot:
            return None
        if pid not in self._callbacks:
            if not self._deaths.watch(pid, self._tell):
                return None
            self._callbacks[pid] = {}
        # Looked at after the watch is open: from here on the pid cannot pass to another process unnoticed.
        if start_of(pid) != identity.start:
            self._drop_if_unwanted(pid)
            return None
        token = object()
        self._callbacks[pid][token] = callback

        def cancel() -> None:
            if self._callbacks.get(pid, {}).pop(token, None) is not None:
                self._drop_if_unwanted(pid)

        return cancel

    def close(self) -> None:
        """Stop hearing of any death."""
        self._callbacks.clear()
        self._deaths.close()

    def _tell(self, pid: int) -> None:
        for callback in self._callbacks.pop(pid, {}).values():
            callback()

    def _drop_if_unwanted(self, pid: int) -> None:
        if not self._callbacks.get(pid):
            self._callbacks.pop(pid, None)
            self._deaths.unwatch(pid)
