"""Failures that cannot be had otherwise: a disk that takes no more, an fsync that waits or fails."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Have the kernel refuse to write past *size* bytes of any file, as a full disk does (setrlimit(2), EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Disk:
    """Stands between the database and fsync(2): counts, and holds up or fails when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.syncs = 0
        self.threads: set[str] = set()
        self.fails = False
        self._free = threading.Event()
        self._free.set()
        monkeypatch.setattr("omnimemd.storage.database.os.fsync", self._sync)

    def hold_up(self) -> None:
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    def _sync(self, descriptor: int) -> None:
        assert os.fstat(descriptor)
        self.threads.add(threading.current_thread().name)
        assert self._free.wait(5)
        self.syncs += 1
        if self.fails:
            raise OSError(5, "Input/output error")
