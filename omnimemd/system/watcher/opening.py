"""Picks the implementation of the port for the platform at hand."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from watchdog.observers.api import BaseObserver

from omnimemd.domain.clock import Clock
from omnimemd.domain.ports import Watcher
from omnimemd.system.watcher.watcher import InotifyWatcher


def open_watcher(*, clock: Clock, private: Path, environ: Mapping[str, str], blind: Collection[Path] = ()) -> Watcher:
    """Return a watcher that is not started yet; the arguments are those of `InotifyWatcher`."""
    if sys.platform == "linux":
        return InotifyWatcher(clock=clock, private=private, environ=environ, blind=blind)
    from omnimemd.system.watcher.portable import PortableWatcher

    return PortableWatcher(clock=clock, private=private, environ=environ, blind=blind, make_observer=_platform_observer)


def _platform_observer() -> BaseObserver:
    from watchdog.observers import Observer

    return Observer()
