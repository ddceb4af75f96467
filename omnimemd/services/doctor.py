"""Look the whole daemon over, and mend what can be mended without loss."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from omnimem.errors import StoreUnavailable
from omnimem.model import Verdict


class Finding(msgspec.Struct, frozen=True):
    """What a check found."""

    verdict: Verdict
    detail: str
    hint: str | None = None


class Check(Protocol):
    """One thing to look at. A long look is off the loop."""

    @property
    def name(self) -> str:
        """One or two words."""
        ...

    async def look(self) -> Finding:
        """Return how it is; change nothing."""
        ...

    async def mend(self) -> str | None:
        """Mend what can be without losing anything; return what was done, None when there is nothing one can do."""
        ...


class Examined(msgspec.Struct, frozen=True):
    """What became of a check."""

    name: str
    finding: Finding
    repaired: str | None = None


class Doctor:
    """Goes through the checks, in their order."""

    def __init__(self, checks: Sequence[Check]) -> None:
        """Go through *checks*."""
        self._checks = checks

    async def examine(self, *, repair: bool) -> list[Examined]:
        """Return what each check finds; with *repair*, mend what is not well, and look again."""
        return [await _examined(check, repair=repair) for check in self._checks]


async def _examined(check: Check, *, repair: bool) -> Examined:
    try:
        finding = await check.look()
        if repair and finding.verdict is not Verdict.OK and (done := await check.mend()) is not None:
            return Examined(check.name, await check.look(), done)
    except StoreUnavailable as error:
        return Examined(check.name, Finding(Verdict.FAIL, error.detail, error.hint))
    return Examined(check.name, finding)
