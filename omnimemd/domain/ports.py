"""What the rules and services need from the world; the operating system answers through these.

`omnimemd.system` implements them and `daemon/build.py` hands them in, so services never import `system`.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from typing import Protocol

import msgspec

from omnimem.model import LogLevel
from omnimemd.domain.activity import Look, LookOrder
from omnimemd.domain.explaining import Sight
from omnimemd.domain.file_events import Content, FileEvent, FileFacts, Listing, Loss, WatchCounts, WatchReport
from omnimemd.domain.identity import Process, ProcessIdentity
from omnimemd.domain.projects import Place

#: Takes a request back; calling it again does nothing.
Cancel = Callable[[], None]


class WatchListener(Protocol):
    """Hears what the watcher saw. Every method is called on the event loop's thread, in kernel order."""

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Take one batch, oldest first, never empty."""
        ...

    def events_lost(self, loss: Loss) -> None:
        """Take note that events of an interval are lost."""
        ...

    def watch_changed(self, report: WatchReport) -> None:
        """Take note that a root's state, directory count or problem changed."""
        ...


class WatchFailed(Exception):
    """File events are not heard of, now or any more; the text says why."""


class SurveyFailed(Exception):
    """A survey ended before it saw everything: its root is not watched, or is gone."""


class Watcher(Protocol):
    """Sees which files below its roots are read and written."""

    @property
    def reads_observed(self) -> bool:
        """Whether reads are seen at present, and not writes only."""
        ...

    async def start(self, listener: WatchListener) -> None:
        """Open the kernel's queue and begin to hand events to *listener*; once, before any other call.

        Raises:
            WatchUnavailable: the platform gives no way to watch (say, no inotify instance is left).
        """
        ...

    async def watch(self, root: str) -> WatchReport:
        """Watch *root* (absolute, real path of a directory) and all of it that is not ignored.

        Returns once the whole of it is live; what happens below it from then on is reported. A root that is watched
        already is answered at once. A root that cannot be watched answers a report that says why: it does not raise.
        """
        ...

    async def unwatch(self, root: str) -> None:
        """Stop watching *root*; an unknown one is ignored. Directories that other roots need stay watched."""
        ...

    async def barrier(self) -> None:
        """Return once every event that happened before the call has been handed to the listener.

        Raises:
            WatchFailed: that cannot be told now.
        """
        ...

    async def pulse(self) -> None:
        """Prove that the watcher is at work: return once something it did itself has come back to it.

        Costs next to nothing, however much is watched; for ever where a part of it is stuck.

        Raises:
            WatchFailed: a part of it is at its end, or cannot do that.
        """
        ...

    def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List every directory below the watched *root* that has files which no rule ignores, with those files.

        Each batch is some hundred files; who is slow to take them slows the survey, not the events. What happens
        meanwhile is told as ever, and may or may not be in a listing. Nothing that is to be told is lost by it.

        Raises:
            SurveyFailed: *root* is not watched, or went while it was listed.
        """
        ...

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        """Return what is at each of *paths* now; causes no event.

        Returns:
            As many as *paths*: None where no file is (a directory is none), UNSEEN where that cannot be told.
        """
        ...

    async def contents(
        self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Return what is in each of *paths* now; that they are read is nobody's access, and told to nobody.

        Args:
            root: the absolute real path of a directory. What links lead to outside of it is not looked at; when it
                is not there, nothing can be told of what is below.
            paths: absolute; links are followed.
            wanted: says by the path that was given, and its facts, whether a file has to be read; called on any thread.

        Returns:
            As many as *paths*: None where no regular file is, with UNSEEN for facts where that cannot be told.
        """
        ...

    def report(self, root: str) -> WatchReport | None:
        """Return how *root* is watched, None when it is not."""
        ...

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        """Return whether the watched *root* sees *path*, which is it or lies below it; None when it is not watched.

        It is answered from what the watcher goes by, without a look at the disk: *path* need not exist.
        """
        ...

    def throttle(self, held: bool) -> None:
        """Hand over no more than is under way while *held*: the listener is behind.

        What happens meanwhile is lost once the kernel holds no more of it, and told as that.
        """
        ...

    def counts(self) -> WatchCounts:
        """Return the counters."""
        ...

    async def close(self) -> None:
        """Hand over what was read, then stop every thread and close every descriptor."""
        ...


class Processes(Protocol):
    """Knows the processes of this machine, and tells when one dies."""

    @property
    def boot(self) -> str:
        """The boot the machine is in; another string after each restart."""
        ...

    def find(self, pid: int) -> Process | None:
        """Return the live process of this user with *pid*, None when there is none (a zombie is dead)."""
        ...

    def ancestry(self, pid: int) -> Iterator[Process]:
        """Yield the process with *pid*, its parent and so on upwards, as long as they are this user's."""
        ...

    def at_work_in(self, directory: str, programs: Collection[str]) -> list[Process]:
        """Return the processes of this user that run one of *programs* and are at work in *directory*, oldest first.

        At work is what has its working directory or an open file there, or was begun with the path of something there
        among its arguments. The daemon itself never is. Blocks for some milliseconds; any thread may call.
        """
        ...

    def on_death(self, identity: ProcessIdentity, callback: Callable[[], None]) -> Cancel | None:
        """Have *callback* called on the loop, once, when the process dies.

        Returns:
            What takes the request back; None when the process is dead already: then *callback* is never called.
        """
        ...


class Activity(Protocol):
    """Looks at what processes have used and have open."""

    def look(self, order: LookOrder, seen: Callable[[Look], None]) -> None:
        """Look, on another thread; *seen* is called on the loop. Looks are taken, and told, in the order of the calls.

        A look that fails tells that nothing was seen; one that is not done when this is closed tells nothing.
        """
        ...

    def close(self) -> None:
        """Look no more."""
        ...


class EmbeddingUnavailable(Exception):
    """No vectors can be made at present; the text says why, and what to do."""


class Embedder(Protocol):
    """Makes vectors of texts; those of texts that mean alike point the same way.

    A vector is as many signed bytes as there are dimensions; its direction is what counts.
    """

    @property
    def model(self) -> str:
        """What made the vectors: those of two models cannot be compared."""
        ...

    @property
    def at_hand(self) -> bool:
        """Whether a few texts can be embedded without much being loaded first."""
        ...

    async def learn(self, texts: Sequence[str]) -> bytes:
        """Return what `embed` is to be told of the texts there are, such as how often each word occurs.

        Raises:
            EmbeddingUnavailable: it cannot be done.
        """
        ...

    async def embed(self, texts: Sequence[str], learned: bytes) -> list[bytes]:
        """Return the vector of each of *texts*, all zeros where one says nothing.

        Vectors that were made with something else *learned* can be compared with these, if not quite as well.

        Raises:
            EmbeddingUnavailable: it cannot be done.
        """
        ...

    async def rest(self) -> None:
        """Give back what can be had again; the next call has it loaded anew."""
        ...


class VectorIndex(Protocol):
    """Holds vectors of documents in memory, in groups, and finds those nearest to another.

    A group is a range of documents: the lowest and the highest number that one of it can have.
    """

    def groups(self) -> Sequence[tuple[int, int]]:
        """Return the groups that are in memory."""
        ...

    async def add(self, group: tuple[int, int], vectors: Sequence[tuple[int, bytes]]) -> None:
        """Add documents to *group*, which begins with the first call; one that it knows is replaced."""
        ...

    async def nearest(
        self,
        group: tuple[int, int],
        vector: bytes,
        *,
        most: int,
        within: tuple[int, int],
        among: Sequence[int] | None,
        also: Sequence[int],
    ) -> list[tuple[int, float]]:
        """Return the documents of *group* that are nearest to *vector*, with their cosines.

        Args:
            group: one that is in memory.
            vector: of the question.
            most: how many at most, besides those in *also*.
            within: the lowest and the highest number that one may have.
            among: the only ones that come into question; None: all do.
            also: those that are to be told of however far they are.

        Returns:
            Each once: the nearest, nearest first and equals by number, then the others of *also*. Those that *vector*
            cannot be compared with are left out, which may be all of them.
        """
        ...

    def forget(self) -> None:
        """Hold none of the groups any more."""
        ...


class OwnFiles(Protocol):
    """Looks after the daemon's own files. Every method blocks for some stat calls."""

    def loose(self) -> list[str]:
        """Return the paths that other users may read, enter or write."""
        ...

    def tighten(self) -> list[str]:
        """Take them from other users; return those that were."""
        ...

    def free_bytes(self) -> int:
        """Return how much room there is for them."""
        ...


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon's process holds of the machine."""

    descriptors: int  #: open files, sockets and processes
    most_descriptors: int  #: how many it may open
    threads: int


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """How much of something this user may have is used, by all of their programs."""

    what: str  #: in words, several
    used: int
    most: int
    setting: str  #: what has to be raised for more


class FileSystem(msgspec.Struct, frozen=True, kw_only=True):
    """What files lie on."""

    kind: str  #: as the system calls it
    network: bool
    volatile: bool  #: gone with a restart of the machine


class Machine(Protocol):
    """Tells what the daemon takes of the machine."""

    def limits(self) -> list[Limit]:
        """Return the limits that watching and connections meet; milliseconds for each process there is."""
        ...

    def file_system(self, path: str) -> FileSystem | None:
        """Return what *path* lies on, None where that is not told."""
        ...

    def taken(self) -> Taken:
        """Return what the daemon's process holds; some hundred microseconds."""
        ...


class Log(Protocol):
    """The daemon's log."""

    @property
    def configured(self) -> LogLevel:
        """The level that the daemon starts with."""
        ...

    @property
    def level(self) -> LogLevel:
        """The level in force."""
        ...

    def change(self, level: LogLevel) -> None:
        """Log from *level* on, until the daemon stops."""
        ...


class Places(Protocol):
    """Looks at the file system to tell which project a path belongs to. Blocks: a few stat calls and small files."""

    def look(self, path: str) -> Place:
        """Return what is found at *path* and above it.

        Raises:
            WorkspaceInvalid: *path* is not absolute, does not exist, or is not valid Unicode.
        """
        ...

    def directory(self, path: str) -> str:
        """Return the real path of the directory *path*.

        Raises:
            WorkspaceInvalid: *path* is not an absolute path of an existing directory, or is not valid Unicode.
        """
        ...

    def real(self, path: str) -> str:
        """Return *path* absolute, normal and without links, as far as it exists."""
        ...

    def is_directory(self, path: str) -> bool | None:
        """Return whether *path* is a directory, or a link to one; None when nothing can be seen there."""
        ...
