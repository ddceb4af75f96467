"""Watching files: the port `domain.ports.Watcher` for the platform at hand."""

from omnimemd.system.watcher.errors import WatchUnavailable
from omnimemd.system.watcher.opening import open_watcher
from omnimemd.system.watcher.watcher import InotifyWatcher

__all__ = ["InotifyWatcher", "WatchUnavailable", "open_watcher"]
