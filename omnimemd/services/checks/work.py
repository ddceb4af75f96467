"""What goes on in the daemon: its tasks, and the processes its sessions are bound to."""

from omnimem.model import Verdict
from omnimemd.domain.ports import Processes
from omnimemd.services.background import Background
from omnimemd.services.checks.wording import named
from omnimemd.services.doctor import Finding
from omnimemd.services.liveness import Liveness
from omnimemd.storage import sessions as rows
from omnimemd.storage.database import Database


class TasksCheck:
    """Whether the daemon's own tasks run."""

    name = "tasks"

    def __init__(self, background: Background) -> None:
        """Look at those of *background*."""
        self._background = background

    async def look(self) -> Finding:
        """Return which of them fail."""
        failing = sorted(self._background.failing)
        if not failing:
            return Finding(Verdict.OK, "All background tasks run.")
        return Finding(Verdict.FAIL, f"It failed, and is tried again: {named(failing)}.", "The log says why.")

    async def mend(self) -> str | None:
        """Do nothing: each is started again by itself."""
        return None


class ProcessesCheck:
    """Whether each session that is bound to a process is heard of when that ends."""

    name = "processes"

    def __init__(self, *, database: Database, liveness: Liveness, processes: Processes) -> None:
        """Hold the sessions in *database* against what *liveness* watches, and that against *processes*."""
        self._database = database
        self._liveness = liveness
        self._processes = processes

    async def look(self) -> Finding:
        """Return which sessions would not end with their processes."""
        watched = self._liveness.watched()
        bound = {
            one.session.session_id: one.session.process.identity
            for one in self._database.read_now(rows.open_sessions)
            if one.session.process is not None
        }
        deaf = [name for name, identity in bound.items() if watched.get(name) != identity]
        dead = [
            name
            for name, identity in bound.items()
            if name not in deaf and not self._lives(identity.pid, identity.start)
        ]
        if not deaf and not dead:
            return Finding(Verdict.OK, f"The process of each of {len(bound)} bound sessions lives, and is watched.")
        told = [f"Nobody watches the process of {named(deaf)}."] if deaf else []
        told += [f"The process of {named(dead)} is gone, and its end was not heard of."] if dead else []
        return Finding(Verdict.FAIL, " ".join(told), "Restart the daemon: it takes up each session anew, or ends it.")

    async def mend(self) -> str | None:
        """Do nothing: a session that ends wrongly is worse than one that ends late."""
        return None

    def _lives(self, pid: int, start: int) -> bool:
        found = self._processes.find(pid)
        return found is not None and found.identity.start == start
