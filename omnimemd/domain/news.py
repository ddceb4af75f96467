"""What was told of files since their facts were last looked at."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent, FileFacts

_ABSENT: Final = frozenset((Change.DELETED, Change.MOVED_FROM))
_NO_NEWS: Final = frozenset((Change.READ, Change.LOCKED, Change.UNLOCKED))


class Told(msgspec.Struct, frozen=True, gc=False):
    """What was told last of one path."""

    at: Millis
    present: bool  #: whether a file was there then
    seen: bool = True  #: False: a tool said so; there may never have been such a file
    facts: FileFacts | None = None  #: of the file, from a first look since then; it may have changed again before


#: A storm tells of more files than can be looked at soon; they are looked at once it is over.
_FRESH: Final = 2_000
_NOTHING: Final[Mapping[str, Told]] = {}


class News:
    """Remembers what was told last of each path. One thread's."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: dict[str, dict[str, Told]] = {}  # by directory and name
        self._fresh: deque[tuple[str, str]] = deque(maxlen=_FRESH)  # the latest that were told of

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._told)

    @property
    def fresh(self) -> bool:
        """Whether something was told since `take_fresh`."""
        return bool(self._fresh)

    def note(self, events: Sequence[FileEvent]) -> None:
        """Remember what *events* tell; each event of a storm comes by here."""
        told, fresh = self._told, self._fresh
        for event in events:
            if event.change not in _NO_NEWS:
                directory, _, name = event.path.rpartition("/")
                names = told.get(directory)
                if names is None:
                    names = told[directory] = {}
                names[name] = Told(event.at, event.change not in _ABSENT)
                fresh.append((directory, name))

    def take_fresh(self) -> list[tuple[str, str, Told]]:
        """Return directory, name and what was told of the files that nobody looked at since; each time others."""
        names = dict.fromkeys(self._fresh)
        self._fresh.clear()
        return [(one, name, told) for one, name in names if (told := self.of(one).get(name)) and told.present]

    def saw(self, directory: str, name: str, told: Told, facts: FileFacts) -> None:
        """Remember how a file is of which *told* was told, unless something was told since."""
        names = self._told.get(directory)
        if names is not None and names.get(name) is told:
            names[name] = msgspec.structs.replace(told, facts=facts)

    def recall(self, path: str, told: Told) -> None:
        """Take *told*, of an earlier run, unless something younger is known."""
        directory, _, name = path.rpartition("/")
        names = self._told.setdefault(directory, {})
        if name not in names or names[name].at <= told.at:
            names[name] = told

    def of(self, directory: str) -> Mapping[str, Told]:
        """Return what was told of the files of *directory*, by name."""
        return self._told.get(directory, _NOTHING)

    def directories(self) -> Iterable[str]:
        """Return every directory of whose files something was told."""
        return self._told.keys()

    def tells_of_end(self, directory: str) -> bool:
        """Return whether it was told that *directory*, or one above it, is gone."""
        path = directory
        while path:
            path, _, name = path.rpartition("/")
            told = self.of(path).get(name)
            if told is not None and not told.present:
                return True
        return False

    def settled(self, *, before: Millis, now: Millis) -> Iterator[tuple[str, str, Told]]:
        """Yield directory, name and what was told *before* that time, or, as the clock was set back, after *now*."""
        for directory, names in self._told.items():
            for name, told in names.items():
                if not before <= told.at <= now:
                    yield directory, name, told

    def forget(self, directory: str, name: str, told: Told) -> None:
        """Forget *told*, unless something was told since."""
        names = self._told.get(directory)
        if names is not None and names.get(name) is told:
            del names[name]
            if not names:
                del self._told[directory]

    def forget_of(self, directory: str, *, before: Millis | None) -> None:
        """Forget what was told of the files of *directory* before that time; None: all of it."""
        for name, told in list(self.of(directory).items()):
            if before is None or told.at < before:
                self.forget(directory, name, told)
