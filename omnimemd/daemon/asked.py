"""What the daemon was asked to do instead of going on to serve."""

import asyncio
from typing import Final

#: The exit status of a daemon that ends so that the program that is installed now is started in its place.
REPLACED: Final = 4


class Asked:
    """What was asked last; to stop is for good. Used on the loop's thread alone."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.to_stop = False
        self.status = 0  #: the exit status, once it is to stop
        self._event = asyncio.Event()

    def stop(self) -> None:
        """Ask it to end."""
        self.to_stop = True
        self._event.set()

    def give_way(self) -> None:
        """Ask it to end, and whoever started it to start what is installed now."""
        if not self.to_stop:
            self.status = REPLACED
        self.stop()

    def begin_again(self) -> None:
        """Ask it to stop every service, and to begin anew in the same process."""
        self._event.set()

    def begun(self) -> None:
        """Note that it begins, as was asked."""
        if not self.to_stop:
            self._event.clear()

    @property
    def is_set(self) -> bool:
        """Whether something is asked for."""
        return self._event.is_set()

    async def anything(self) -> None:
        """Return once something is asked for."""
        await self._event.wait()
