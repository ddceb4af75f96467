"""Decide in which sessions what was observed is recorded."""

from collections.abc import Sequence

import msgspec

from omnimem.model import Attribution
from omnimemd.domain.attribution import Share, attribute
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Observed
from omnimemd.domain.file_events import FileEvent
from omnimemd.services.workspaces import AmbientPlace, Workspaces


class Verdict(msgspec.Struct, frozen=True):
    """Where something goes; nowhere when both are empty."""

    shares: tuple[Share, ...]
    ambient: AmbientPlace | None = None  #: whose ambient session has it, when nobody else does
    worker: int | None = None  #: pid of the process that did it, below a session's own; None: it, or nobody was seen

    def __bool__(self) -> bool:
        return bool(self.shares) or self.ambient is not None


class Attributor:
    """Knows whose an access is. Belongs to the event loop's thread."""

    def __init__(self, *, workspaces: Workspaces) -> None:
        """Choose among the sessions active in *workspaces*."""
        self._workspaces = workspaces
        self.folded = 0  #: accesses that are not recorded because a tool told of them itself

    def saw(self, events: Sequence[FileEvent]) -> None:
        """Take note of what is seen at this moment: the best time to look who is at work."""

    def verdicts(self, observed: Sequence[Observed]) -> list[Verdict]:
        """Return where each of *observed* goes, by who is active now."""
        known: dict[tuple[str, ...], Verdict] = {}
        verdicts = []
        for one in observed:
            verdict = known.get(one.workspaces)
            if verdict is None:
                shares = attribute(self._workspaces.members(one.workspaces))
                verdict = known[one.workspaces] = Verdict(shares, None if shares else self._ambient(one.workspaces))
            verdicts.append(verdict)
        return verdicts

    def of_burst(self, workspaces: tuple[str, ...], *, started_at: Millis, ended_at: Millis) -> Verdict:
        """Return where a scan goes: many accesses below *workspaces*, from *started_at* to *ended_at*."""
        shares = attribute(self._workspaces.members(workspaces))
        return Verdict(shares, None if shares else self._ambient(workspaces))

    def of_everybody(self, workspace: str) -> Verdict:
        """Return where something goes that all who are active in *workspace* should know."""
        shares = tuple(Share(one, Attribution.PROBABLE) for one in self._workspaces.members((workspace,)))
        return Verdict(shares, None if shares else self._ambient((workspace,)))

    def _ambient(self, workspaces: tuple[str, ...]) -> AmbientPlace | None:
        return self._workspaces.by_hand(workspaces)
