"""A real watcher on real directories, and a listener that writes down what it hears."""

import errno
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from omnimem.model import WorkspaceState
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.file_events import Change, FileEvent, Loss, WatchReport
from omnimemd.system.project_files import ProjectFiles
from omnimemd.system.watcher import InotifyWatcher
from omnimemd.system.watcher.inotify import IN_IGNORED, RECORD, Inotify


class WallClock:
    """The port `Clock`, as the daemon has it."""

    def now(self) -> Millis:
        return Millis(time.time_ns() // 1_000_000)


class Recorder:
    """The port `WatchListener`: writes down everything, in order."""

    def __init__(self) -> None:
        self.events: list[FileEvent] = []
        self.losses: list[Loss] = []
        self.reports: list[WatchReport] = []

    def file_events(self, events: Sequence[FileEvent]) -> None:
        assert events
        self.events.extend(events)

    def events_lost(self, loss: Loss) -> None:
        self.losses.append(loss)

    def watch_changed(self, report: WatchReport) -> None:
        self.reports.append(report)


class HeldInotify(Inotify):
    """A real one whose reader can be made to pause, as a machine under load does."""

    def __init__(self) -> None:
        super().__init__()
        self._go = threading.Event()
        self._go.set()

    def read(self) -> bytes:
        self._go.wait()
        return super().read()

    @contextmanager
    def held(self) -> Iterator[None]:
        self._go.clear()
        try:
            yield
        finally:
            self._go.set()


class ShortInotify(HeldInotify):
    """One that has so many watches and no more."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self._taken: set[int] = set()
        self._lock = threading.Lock()

    def add(self, path: str, mask: int) -> int:
        with self._lock:
            wd = super().add(path, mask)
            if wd not in self._taken and len(self._taken) >= self.limit:
                super().remove(wd)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            self._taken.add(wd)
            return wd

    def remove(self, wd: int) -> None:
        with self._lock:
            self._taken.discard(wd)
            super().remove(wd)

    def read(self) -> bytes:
        records = super().read()
        at = 0
        with self._lock:
            while at < len(records):
                wd, mask, _, length = RECORD.unpack_from(records, at)
                if mask & IN_IGNORED:
                    self._taken.discard(wd)
                at += RECORD.size + length
        return records


def short(limit: int) -> Callable[[], Inotify]:
    """Return what opens one."""
    return lambda: ShortInotify(limit)


class Watching:
    """A watcher at work, and short ways to ask what it said."""

    def __init__(self, watcher: InotifyWatcher, recorder: Recorder, base: Path) -> None:
        self.watcher = watcher
        self.recorder = recorder
        self.base = base

    async def events(self) -> list[FileEvent]:
        """Return what was reported since the last question, and everything that happened before this one."""
        await self.watcher.barrier()
        events = self.recorder.events.copy()
        self.recorder.events.clear()
        return events

    async def seen(self) -> list[tuple[Change, str]]:
        """Return `events`, each as its change and its path below the base."""
        return [(event.change, os.path.relpath(event.path, self.base)) for event in await self.events()]

    async def paths(self, change: Change) -> list[str]:
        """Return the paths, below the base, of the events of one kind."""
        return [path for each, path in await self.seen() if each is change]

    def rules_read(self, root: Path) -> int:
        """Return how often the rule files of *root* were read again."""
        report = self.watcher.report(str(root))
        return 0 if report is None else report.rules_read

    def state(self, root: Path) -> WorkspaceState | None:
        report = self.watcher.report(str(root))
        return None if report is None else report.state


def read(path: Path) -> None:
    """Read a file as a program does."""
    path.read_bytes()


def run(*command: str | Path) -> None:
    """Run a program to its end; it must succeed, or find nothing (grep)."""
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode in (0, 1), done.stderr


def tree(base: Path, *paths: str) -> Path:
    """Make files (and, with a trailing slash, directories) below *base*."""
    for path in paths:
        place = base / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{path}\n")
    return base


@asynccontextmanager
async def watching(
    tmp_path: Path,
    *roots: Path,
    open_inotify: Callable[[], Inotify] = Inotify,
    home: Path | None = None,
    blind: Sequence[Path] = (),
    project_files: ProjectFiles | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Watching]:
    """Watch *roots*; the user's git configuration is that of *home*, by default an empty one."""
    recorder = Recorder()
    watcher = InotifyWatcher(
        clock=clock or WallClock(),
        private=tmp_path / "private",
        environ={"HOME": str(home or tmp_path / "home")},
        blind={os.path.realpath(each) for each in blind},
        open_inotify=open_inotify,
        project_files=project_files,
    )
    await watcher.start(recorder)
    try:
        for root in roots:
            await watcher.watch(str(root))
        yield Watching(watcher, recorder, roots[0] if roots else tmp_path)
    finally:
        await watcher.close()
