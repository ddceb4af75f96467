"""Why the command itself cannot go on; what the daemon refuses is an OmnimemError."""

from collections.abc import Sequence
from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_RUNNING: Final = 3
INTERRUPTED: Final = 130  #: as a shell says it of a program that SIGINT ended
NOBODY_READS: Final = 141  #: as a shell says it of a program that SIGPIPE ended


class CannotGoOn(Exception):
    """The command stops here: what is wrong, what to do next, and the exit status."""

    def __init__(self, detail: str, *, hint: str, status: int = FAILED, quoted: Sequence[str] = ()) -> None:
        """Say *detail* and *hint*, and between them the lines *quoted* of what another program said."""
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.status = status
        self.quoted = tuple(quoted)


class Declined(CannotGoOn):
    """A person was asked, and said no: nothing is wrong, and nothing was done."""
