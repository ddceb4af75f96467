"""Watches on the few directories outside the table in which something is waited for, under one name each.

They tell of git's lock, of rules that lie outside what is watched, and of a root that went away or came back.
The mask is narrow, so that whatever else happens in those directories wakes nobody more than it must. What is
not there yet is waited for: the nearest directory above it that exists is watched for the next name on the way.

A directory may be in the table too. The kernel has one watch for both: its mask is never made narrower than the
table needs it (IN_MASK_ADD), and it is removed only when neither wants it any more.
"""

import functools
import logging
import operator
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from omnimemd.domain.clock import Millis
from omnimemd.system.watcher.directories import Directory, DirectoryTable
from omnimemd.system.watcher.inotify import (
    CHANGING,
    COMING,
    IN_IGNORED,
    IN_MASK_ADD,
    IN_MOVE_SELF,
    LIVE,
    NARROW,
    PLACE,
    Inotify,
)
from omnimemd.system.watcher.rule_files import TELLING

log = logging.getLogger(__name__)

#: What a sentinel hears in place of a mask when the way to its name changed: look again.
WAY_CHANGED: Final = 0

#: How often a way that grows while it is looked at is followed.
_TRIES: Final = 3

#: Told the mask of what happened, or WAY_CHANGED, and when.
Heard = Callable[[int, Millis], None]


class Sentinel:
    """One name that is waited for."""

    __slots__ = ("heard", "mask", "name", "path", "wants", "wd")

    def __init__(self, path: str, heard: Heard, wants: int) -> None:
        self.path = path
        self.heard = heard
        self.wants = wants  # the mask for the directory of its path
        self.mask = 0  # that of the directory where it stands
        self.wd = -1  # of the directory that is watched; -1 while none is
        self.name = ""  # waited for in there, the directory itself when it is empty


class Sentinels:
    """Sets sentinels, and wakes them. Belongs to the dispatcher's thread."""

    def __init__(self, *, inotify: Inotify, table: DirectoryTable) -> None:
        self.names = set(TELLING)  #: what is worth a look in a directory of the table, sentinels' names among them
        self._inotify = inotify
        self._table = table
        self._by_wd: dict[int, list[Sentinel]] = {}
        self._paths: dict[int, str] = {}  # of the directories, to narrow their masks again

    def set(self, path: str, heard: Heard, *, wants: int = CHANGING) -> Sentinel:
        """Have *heard* called when what the mask *wants* happens to what is at *path* (absolute)."""
        sentinel = Sentinel(path, heard, wants)
        self._settle(sentinel)
        return sentinel

    def set_at(self, directory: str, heard: Heard) -> Sentinel:
        """Have *heard* called when the *directory* itself is moved, deleted or unmounted; no more than once."""
        sentinel = Sentinel(directory, heard, PLACE)
        self._stand(sentinel, directory, "")
        return sentinel

    def release(self, sentinel: Sentinel) -> None:
        """Take a sentinel back."""
        wd, sentinel.wd = sentinel.wd, -1
        others = self._by_wd.get(wd)
        if others is None:
            return
        others.remove(sentinel)
        if not others:
            del self._by_wd[wd], self._paths[wd]
            if wd not in self._table.by_wd:
                self._inotify.remove(wd)

    def at(self, wd: int) -> bool:
        """Return whether a sentinel needs the watch *wd*."""
        return wd in self._by_wd

    def keep(self, wd: int) -> bool:
        """Return whether the watch *wd*, which the table needs no more, is needed here; its mask is narrow then."""
        if wd not in self._by_wd:
            return False
        mask = self._mask_of(wd)
        with suppress(OSError):  # its path is nobody's now
            if (found := self._inotify.add(self._paths[wd], mask)) == wd:
                return True
            self._as_before(found, self._paths[wd])  # another directory's
        self._all_changed(wd, at=Millis(0))
        return False

    def _as_before(self, wd: int, path: str) -> None:
        """Give the watch *wd* of the directory at *path* the mask that it had before another took its place."""
        if wd in self._table.by_wd:
            self._inotify.add(path, LIVE)
        elif wd in self._by_wd:
            self._inotify.add(path, self._mask_of(wd))
        else:
            self._inotify.remove(wd)

    def _mask_of(self, wd: int) -> int:
        return functools.reduce(operator.or_, (one.mask for one in self._by_wd[wd]))

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Read files of these directories meanwhile without seeing it, where the table has them too."""
        shared = [node for wd in self._by_wd if (node := self._table.by_wd.get(wd)) is not None]
        self._mask(shared, NARROW)
        try:
            yield
        finally:
            self._mask(shared, LIVE)

    def hear(self, wd: int, mask: int, name: str, at: Millis) -> None:
        """Take a record of the kernel, of any watch."""
        standing = self._by_wd.get(wd)
        if standing is None:
            return
        if mask & (IN_IGNORED | IN_MOVE_SELF):
            self._all_changed(wd, at=at)
            return
        for sentinel in [one for one in standing if one.name == name]:
            if sentinel.wd != wd:  # who heard of one took this one back
                continue
            if sentinel.path == f"{self._paths[wd]}/{name}":
                sentinel.heard(mask, at)
            else:
                self.release(sentinel)
                self._settle(sentinel)
                sentinel.heard(WAY_CHANGED, at)

    def _mask(self, nodes: list[Directory], mask: int) -> None:
        for node in nodes:
            with suppress(OSError):
                wd = self._inotify.add(node.path, mask)
                if wd != node.wd and wd not in self._table.by_wd and wd not in self._by_wd:
                    self._inotify.remove(wd)  # another directory has its path now

    def _all_changed(self, wd: int, *, at: Millis) -> None:
        """Place anew whoever stands in a directory that is not where it was."""
        for sentinel in list(self._by_wd.get(wd, ())):
            if sentinel.wd != wd:  # who heard of one took this one back
                continue
            self.release(sentinel)
            if sentinel.name:
                self._settle(sentinel)
            sentinel.heard(WAY_CHANGED, at)

    def _settle(self, sentinel: Sentinel) -> None:
        """Stand in the nearest directory of the way that is there."""
        for _ in range(_TRIES):
            directory, name = os.path.split(sentinel.path)
            while name and not self._stand(sentinel, directory.rstrip("/"), name):
                directory, name = os.path.split(directory)
            below = f"{directory.rstrip('/')}/{name}"
            if below == sentinel.path or not os.path.isdir(below):
                break
            self.release(sentinel)  # the next of the way came into being meanwhile

    def _stand(self, sentinel: Sentinel, directory: str, name: str) -> bool:
        """Watch *directory* for *name*; return whether it is there."""
        mask = sentinel.wants if not name or f"{directory}/{name}" == sentinel.path else COMING
        try:
            wd = self._inotify.add(directory, mask | IN_MASK_ADD)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:  # not permitted, or no watch left: nobody will tell
            log.debug("no sentinel", extra={"path": directory, "problem": str(error)})
            return False
        sentinel.wd, sentinel.name, sentinel.mask = wd, name, mask
        self._by_wd.setdefault(wd, []).append(sentinel)
        self._paths.setdefault(wd, directory)
        if name:
            self.names.add(name)
        return True
