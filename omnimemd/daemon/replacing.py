"""Notice that another version of the program was installed over the one that runs."""

import re
from pathlib import Path
from typing import Final

from omnimem import _version

_VERSION: Final = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


class Installed:
    """The version of the program on the disk."""

    def __init__(self, file: Path = Path(_version.__file__), *, running: str = _version.__version__) -> None:
        """Look at *file*, where the version is told; *running* is that of this process."""
        self._file = file
        self._running = running
        self._seen: str | None = None

    def other(self) -> str | None:
        """Return the version that is installed, if it is another one and was found at the last look already.

        An installation takes a while; a program that is gone, or half there, could not be started.
        """
        found = self._found()
        settled = found == self._seen
        self._seen = found
        return found if settled and found != self._running else None

    def _found(self) -> str | None:
        try:
            told = _VERSION.search(self._file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            return None
        return told[1] if told else None
