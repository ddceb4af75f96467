"""Whether what happens in the folders is seen, and what the system allows for it."""

import asyncio
from typing import Final

from omnimem.model import Verdict
from omnimemd.domain.ports import Machine
from omnimemd.services.checks.wording import named
from omnimemd.services.doctor import Finding
from omnimemd.services.health import Health

#: The share of a limit from which on it should be raised, in hundredths.
_MUCH: Final = 80


class WatchingCheck:
    """Whether everything that is to be watched is."""

    name = "watching"

    def __init__(self, health: Health) -> None:
        """Ask *health*."""
        self._health = health

    async def look(self) -> Finding:
        """Return the problems there are."""
        problems = self._health.figures().problems
        if not problems:
            return Finding(Verdict.OK, "All folders that are to be watched are.")
        return Finding(Verdict.WARN, " ".join(problems), "`omnimem workspace list` shows each folder.")

    async def mend(self) -> str | None:
        """Do nothing: it is the system's limits, or folders that are gone."""
        return None


class LimitsCheck:
    """Whether the system has watches, and descriptors, left to give."""

    name = "limits"

    def __init__(self, machine: Machine) -> None:
        """Ask *machine*."""
        self._machine = machine

    async def look(self) -> Finding:
        """Return how much of each limit is used."""
        limits = await asyncio.to_thread(self._machine.limits)
        told = "; ".join(f"{one.used:,} of {one.most:,} {one.what}" for one in limits) + "."
        short = [one for one in limits if one.used * 100 >= one.most * _MUCH]
        if not short:
            return Finding(Verdict.OK, told)
        return Finding(Verdict.WARN, told, f"Raise {named([one.setting for one in short])}.")

    async def mend(self) -> str | None:
        """Do nothing: the system's limits are its owner's."""
        return None
