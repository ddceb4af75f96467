"""Pass on what the watcher says to everybody who wants to hear it."""

from collections.abc import Sequence

from omnimemd.domain.file_events import FileEvent, Loss, WatchReport
from omnimemd.domain.ports import WatchListener


class Hearing:
    """A `WatchListener` for several, which hear everything in turn."""

    def __init__(self, *listeners: WatchListener) -> None:
        """Pass on to *listeners*, in their order."""
        self._listeners = listeners

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Pass *events* on."""
        for one in self._listeners:
            one.file_events(events)

    def events_lost(self, loss: Loss) -> None:
        """Pass *loss* on."""
        for one in self._listeners:
            one.events_lost(loss)

    def watch_changed(self, report: WatchReport) -> None:
        """Pass *report* on."""
        for one in self._listeners:
            one.watch_changed(report)
