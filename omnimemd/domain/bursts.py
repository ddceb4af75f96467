"""Tell a burst (grep -r, a checkout, a build, a linter, an indexer) from work on files.

Theory of operation. Of each set of workspaces the latest distinct files are kept, a few dozen. Work touches up to some
twenty files at a time; what walks a tree touches more, and goes on. So a burst begins when many distinct files follow
each other fast, or fairly many at a pace that work does not keep up; sooner while git changes the working tree, and
sooner when it follows closely upon another burst. It ends when no further file comes for a while. Its reads are
counted, not told; its changes are counted and told. What is counted is given out in parts of at most two seconds.

To tell, a burst's first reads must not be told yet: reads that come fast are held until it is clear what they are. All
is decided by the times of the events; nothing here looks at a clock.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import msgspec

from omnimemd.domain.clock import Millis

#: Distinct files of a burst, and the time in which they come. Work stays under 20, what scans starts at some 200:
#: docs/ARCHITECTURE.md, "Bursts", has what programs do.
MANY: Final = 65
_MANY: Final = (MANY, 250)
#: While git changes the working tree, and how long after.
_MANY_TO_GIT: Final = (8, 250)
_AFTER_LOCK_MS: Final = 500
#: A lock left behind by a git that crashed counts no longer than this.
_LOCK_MS: Final = 10_000
#: Shortly after a burst, of whose going on they are a sign.
_MANY_AGAIN: Final = (24, 250)
_AGAIN_MS: Final = 2_000
#: Distinct files read by what walks slowly.
_WALKED: Final = (36, 800)
#: While nothing is changed: fewer, in the order of a walk, though not so many at once; more, in any order.
_WALKED_IN_ORDER: Final = (24, 2_700)
_NOT_AT_ONCE_MS: Final = 500
_READ_ONLY: Final = (48, 6_000)
#: A slow walk that goes on after a break: so many files, spread over so many milliseconds; many at once are none.
_WALKED_AGAIN: Final = (8, 16)
_SPREAD_MS: Final = (300, 900)
#: Distinct files that make reads worth holding, how long they are held then, and how long since the last such sign.
_SUSPECT: Final = (8, 250)
_SUSPECT_IN_ORDER: Final = (8, 900)
_HELD_MS: Final = 850
_SIGN_MS: Final = 200
#: A pause that separates what came before it from the burst that follows.
_APART_MS: Final = 250
#: How long after its last new file a burst, and a slow walk, is over.
_QUIET_MS: Final = 500
_QUIET_SLOW_MS: Final = 1_000
#: Distinct files changed that make a burst one that changes files; below, what is changed meanwhile is somebody's work.
_CHANGING: Final = (8, 1_000)
#: By how much the times of events may go back: what is found by looking has its own. More, and the clock was set back.
_ASIDE_MS: Final = 1_000
#: What one part may span, with room for the steps in which parts are given out, and how many files it may hold.
_PART_MS: Final = 1_800
_PART_FILES: Final = 32_768
#: How many directories are named.
_TOP: Final = 5
#: After which silence a scope is forgotten.
_FORGOTTEN_MS: Final = 30_000


class BurstPart(msgspec.Struct, frozen=True):
    """Up to two seconds of a burst."""

    workspaces: tuple[str, ...]
    burst_id: str
    started_at: Millis
    ended_at: Millis
    files: int  #: distinct
    directories: int
    reads: int
    writes: int  #: accesses that changed files: each has a row of its own, too
    top: tuple[str, ...]  #: the directories with the most files, most first


class Bursts:
    """Every scope there is, and the locks of git. One thread's."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Begin with no burst; *new_id* makes the ids of those to come."""
        self._new_id = new_id
        self._scopes: dict[tuple[str, ...], Scope] = {}
        self._locked: dict[str, Millis] = {}  # root → until when

    def scope(self, workspaces: tuple[str, ...]) -> "Scope":
        """Return what is known of the files that exactly *workspaces* contain."""
        scope = self._scopes.get(workspaces)
        if scope is None:
            scope = self._scopes[workspaces] = Scope(workspaces, self._new_id, self._locked)
        return scope

    def find(self, workspaces: tuple[str, ...]) -> "Scope | None":
        """Return the scope of exactly *workspaces*, None when nothing is known of it."""
        return self._scopes.get(workspaces)

    def locked(self, workspaces: Iterable[str], at: Millis) -> "list[Scope]":
        """Note that git locks its index; return the scopes in which that makes a burst of what was seen just before."""
        for root in workspaces:
            self._locked[root] = Millis(at + _LOCK_MS)
        touched = frozenset(workspaces)
        return [
            one for one in self._scopes.values() if not touched.isdisjoint(one.workspaces) and one.begins_by_lock(at)
        ]

    def unlocked(self, workspaces: Iterable[str], at: Millis) -> None:
        """Note that the lock is gone."""
        for root in workspaces:
            self._locked[root] = Millis(at + _AFTER_LOCK_MS)

    def under_way(self) -> "list[Scope]":
        """Return the scopes in which a burst is under way, or a part of one waits to be given out."""
        return [one for one in self._scopes.values() if one.tally is not None or one.parts]

    def forget(self, now: Millis) -> None:
        """Forget the scopes in which nothing has happened for long."""
        for key in [key for key, one in self._scopes.items() if one.is_forgettable(now)]:
            del self._scopes[key]


class Scope:
    """What happens to the files that one set of workspaces contains."""

    def __init__(self, workspaces: tuple[str, ...], new_id: Callable[[], str], locked: dict[str, Millis]) -> None:
        """Begin calm."""
        self.workspaces = workspaces
        self.tally: Tally | None = None  #: of the burst under way
        self.began_at = Millis(0)  #: the first event of the latest burst
        self.parts: list[BurstPart] = []  #: complete, not given out yet
        self._new_id = new_id
        self._locked = locked
        self._files = _Latest(_MANY[0])
        self._read = _Latest(_READ_ONLY[0])
        self._changed = _Latest(_CHANGING[0])
        self._changed_at: Millis | None = None
        self._seen_at = Millis(0)
        self._suspected_at: Millis | None = None
        self._burst_id = ""
        self._ended_at: Millis | None = None
        self._new_file_at = Millis(0)
        self._slow = False  # whether the latest burst was a walk
        self._changing = False

    def begins(self, path: str, at: Millis, *, read: bool) -> bool:
        """Take note of one more file while there is no burst; return whether one begins by it."""
        self._note(path, at, read=read)
        self._files.add(path, at)
        if read:
            self._read.add(path, at)
        if self._files.holds(_SUSPECT):
            self._suspected_at = at
            if self._is_many(at):
                self._begin(at)
                return True
        if read and self._is_walk(at):
            self._begin(at)
            return True
        if read and self._is_orderly(_SUSPECT_IN_ORDER, at):
            self._suspected_at = at
        return False

    def begins_by_lock(self, at: Millis) -> bool:
        """Return whether a burst begins as git takes its lock, by what was seen just before."""
        if self.tally is None and 0 <= at - self._seen_at < _MANY_TO_GIT[1] and self._files.holds(_MANY_TO_GIT):
            self._begin(at)
            return True
        return False

    def holds(self, at: Millis, now: Millis) -> bool:
        """Return whether a read at *at* may still turn out to be a burst's."""
        if self._suspected_at is None or self.tally is not None:
            return False
        return 0 <= now - self._suspected_at < _SIGN_MS and 0 <= now - at < _HELD_MS

    def read(self, paths: Collection[str], at: Millis) -> None:
        """Count reads of the burst under way."""
        tally = self.tally or Tally(at)
        if at - tally.started_at >= _PART_MS:
            tally = self._complete(tally, at)
        before = len(tally.files)
        tally.files.update(paths)
        tally.reads += len(paths)
        tally.ended_at = max(tally.ended_at, at)
        self._seen_at = at
        if len(tally.files) > before:
            self._new_file_at = at
            if len(tally.files) >= _PART_FILES:
                self._complete(tally, at)

    def change(self, path: str, at: Millis) -> None:
        """Take note that a file was changed during the burst under way; `claim` counts it, once it is clear how."""
        self._note(path, at, read=False)
        if self._changed.holds(_CHANGING):
            self._changing = True
            self._new_file_at = at

    def claim(self, path: str, at: Millis) -> str | None:
        """Count a change of *path* at *at* if it is of the burst under way; return the burst's id, or None."""
        tally = self.tally
        if tally is None or not self._changing or at < self.began_at:
            return None
        tally.files.add(path)
        tally.writes += 1
        tally.ended_at = max(tally.ended_at, at)
        if len(tally.files) >= _PART_FILES:
            self._complete(tally, tally.ended_at)
        return self._burst_id

    def catch_up(self, now: Millis) -> None:
        """End the burst that has come to its end by *now*, or the part of it that is full."""
        tally = self.tally
        if tally is None:
            return
        quiet = now - self._new_file_at
        if not -_ASIDE_MS < quiet < (_QUIET_SLOW_MS if self._slow else _QUIET_MS):
            self.cut()
        elif now - tally.started_at >= _PART_MS:
            self._complete(tally, now)

    def cut(self) -> None:
        """End the burst under way; what comes next has to prove anew that it goes on."""
        tally, self.tally = self.tally, None
        if tally is not None:
            self._give(tally)
            self._ended_at = max(self._new_file_at, tally.ended_at)
            self._files.clear()
            self._read.clear()
            self._suspected_at = None

    def is_forgettable(self, now: Millis) -> bool:
        """Return whether nothing that is known here matters any more."""
        return self.tally is None and not self.parts and not 0 <= now - self._seen_at < _FORGOTTEN_MS

    def _note(self, path: str, at: Millis, *, read: bool) -> None:
        self._seen_at = at
        if not read:
            self._changed_at = at
            self._changed.add(path, at)

    def _begin(self, at: Millis) -> None:
        if not self._is_soon_after(at):
            self._burst_id, self._changing = self._new_id(), False
        if self._is_changed_within(_CHANGING[1], at) and self._changed.holds(_CHANGING):
            self._changing = True
        self.began_at = self._files.unbroken(_APART_MS)
        self.tally = Tally(self.began_at)
        self._slow, self._new_file_at = at - self.began_at > _MANY[1], at

    def _is_many(self, at: Millis) -> bool:
        if self._files.holds(_MANY):
            return True
        if any(at < self._locked.get(root, 0) for root in self.workspaces) and self._files.holds(_MANY_TO_GIT):
            return True
        return self._is_soon_after(at) and self._files.holds(_MANY_AGAIN)

    def _is_walk(self, at: Millis) -> bool:
        if self._read.holds(_WALKED):
            return True
        if self._slow and self._is_soon_after(at):
            least, most = _SPREAD_MS
            if any(least <= self._read.span(count) <= most for count in _WALKED_AGAIN):
                return True
        if self._is_orderly(_WALKED_IN_ORDER, at) and self._read.span(_WALKED_IN_ORDER[0]) >= _NOT_AT_ONCE_MS:
            return True
        return self._read.holds(_READ_ONLY) and not self._is_changed_within(_READ_ONLY[1], at)

    def _is_orderly(self, rule: tuple[int, int], at: Millis) -> bool:
        count, within = rule
        if not self._read.holds(rule) or self._is_changed_within(within, at):
            return False
        return is_walked(self._read.paths(count))

    def _is_soon_after(self, at: Millis) -> bool:
        return self._ended_at is not None and 0 <= at - self._ended_at < _AGAIN_MS

    def _is_changed_within(self, span: int, at: Millis) -> bool:
        return self._changed_at is not None and 0 <= at - self._changed_at < span

    def _complete(self, tally: "Tally", at: Millis) -> "Tally":
        """Give out *tally* and go on with an empty one."""
        self._give(tally)
        self.tally = Tally(at)
        return self.tally

    def _give(self, tally: "Tally") -> None:
        if tally.files:
            self.parts.append(tally.part(self.workspaces, self._burst_id))


def is_walked(paths: Sequence[str]) -> bool:
    """Return whether files come in the order of a walk: sorted, or no directory is come back to, and few have one."""
    directories = [path[: path.rfind("/")] for path in paths]
    runs = 1 + sum(one != other for one, other in itertools.pairwise(directories))
    different = len(set(directories))
    return (runs == different and 2 * different <= len(paths)) or list(paths) == sorted(paths)


class Tally:
    """What has been counted of the present part of a burst."""

    __slots__ = ("ended_at", "files", "reads", "started_at", "writes")

    def __init__(self, started_at: Millis) -> None:
        """Begin empty."""
        self.started_at = started_at
        self.ended_at = started_at
        self.files: set[str] = set()
        self.reads = 0
        self.writes = 0

    def part(self, workspaces: tuple[str, ...], burst_id: str) -> BurstPart:
        """Return what a scan says of this."""
        directories = Counter([path[: path.rfind("/")] for path in self.files])
        return BurstPart(
            workspaces=workspaces,
            burst_id=burst_id,
            started_at=self.started_at,
            ended_at=self.ended_at,
            files=len(self.files),
            directories=len(directories),
            reads=self.reads,
            writes=self.writes,
            top=tuple(path for path, _ in sorted(directories.most_common(_TOP), key=lambda one: (-one[1], one[0]))),
        )


class _Latest:
    """The latest so many distinct files, each with the time of its latest event."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at: dict[str, Millis] = {}  # the latest last

    def add(self, path: str, at: Millis) -> None:
        self._at.pop(path, None)
        self._at[path] = at
        if len(self._at) > self._most:
            del self._at[next(iter(self._at))]

    def span(self, count: int) -> float:
        """Return over how many milliseconds the latest *count* files are spread; infinite when they are fewer."""
        times = list(self._at.values())
        return abs(times[-1] - times[-count]) if len(times) >= count else float("inf")

    def paths(self, count: int) -> list[str]:
        """Return the latest *count* files, in the order of their latest events."""
        return list(self._at)[-count:]

    def holds(self, rule: tuple[int, int]) -> bool:
        """Return whether the latest files are as many, in as little time, as *rule* says."""
        count, within = rule
        return self.span(count) <= within

    def unbroken(self, pause: int) -> Millis:
        """Return since when the files follow each other without a *pause*; there is one at least."""
        since, *earlier = reversed(self._at.values())
        for at in earlier:
            if abs(since - at) > pause:
                break
            since = at
        return since

    def clear(self) -> None:
        self._at.clear()
