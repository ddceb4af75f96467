"""What is wrong with an open database, and who is told of it: what `Database` knows of itself."""

import logging
from collections.abc import Callable
from typing import Final

from omnimem.errors import StoreUnavailable
from omnimemd.storage.errors import is_damage
from omnimemd.storage.presence import Presence, Trouble

log = logging.getLogger(__name__)

#: What is said once an fsync failed.
SYNC_FAILED: Final = (
    "The disk did not confirm a write: what was said since may be lost in a power cut. Restart omnimemd."
)


class Troubles:
    """Of one database that is open. On the loop's thread, where nothing else is said."""

    def __init__(self, presence: Presence) -> None:
        """Begin with none; *presence* knows the files."""
        #: Whether an fsync failed: from then on no promise of durability holds until a restart (fsync(2), EIO).
        self.sync_failed = False
        self.damaged = False  #: whether somebody stumbled over what is in the file
        self._presence = presence
        self._displaced: Trouble | None = None
        self._on_lost: list[Callable[[], None]] = []
        self._on_trouble: list[Callable[[], None]] = []

    def on_lost_commit(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when writes that had run were not committed: what was derived from them is wrong."""
        self._on_lost.append(callback)

    def on_trouble(self, callback: Callable[[], None]) -> None:
        """Have *callback* called, on the loop, whenever the store failed somebody."""
        self._on_trouble.append(callback)

    def displaced(self) -> Trouble | None:
        """Return why what is written now would not be found by the next start, None where it would; looks anew."""
        found = self._presence.trouble()
        if found != self._displaced:
            self._displaced = found
            if found is None:
                log.warning("the database is back in its place")
            else:
                log.error("the database is not in its place", extra={"reason": str(found)})
                self._report_trouble()
        return found

    def check_in_place(self) -> None:
        """See that the database is found at its path: who opens it there would meet another one, or make one.

        Raises:
            StoreUnavailable: it is not.
        """
        if (found := self.displaced()) is not None:
            raise StoreUnavailable(str(found))

    def distrust(self) -> None:
        """Take note that the file is damaged: the next start looks all of it over, and makes it good."""
        if not self.damaged:
            self.damaged = True
            log.error("the database is damaged: the next start of omnimemd makes it good")

    def refuse_durable(self) -> None:
        """See that what is durable can be, as far as is known, whoever found out that it cannot.

        Raises:
            StoreUnavailable: it cannot.
        """
        if self.sync_failed:
            raise StoreUnavailable(SYNC_FAILED)
        if self._displaced is not None:
            self.check_in_place()

    def _note_failure(self, error: BaseException) -> None:
        if is_damage(error):
            self.distrust()
        self._report_trouble()

    def _report_trouble(self) -> None:
        for callback in self._on_trouble:
            callback()

    def _report_lost(self) -> None:
        for callback in self._on_lost:
            callback()
