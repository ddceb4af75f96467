"""How the files of each watched root were: kept in the database, made after a root's start, kept fresh as it changes.

What events tell of a file is remembered until the file's facts were looked at again, some seconds after it settled.
Facts are stored only when everything that they show has been told and is stored itself. So at any moment, also that of
a `kill -9`, what differs from the baseline and was not told since is what was missed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from itertools import compress, islice
from typing import Final

import msgspec

from omnimem.model import Access, Source
from omnimemd.domain.baseline import Look, Missed, missed
from omnimemd.domain.clock import Clock, Millis
from omnimemd.domain.entries import FileAccess
from omnimemd.domain.file_events import UNSEEN, FileFacts, Listing
from omnimemd.domain.news import News, Told
from omnimemd.domain.paths import is_within
from omnimemd.domain.ports import Watcher
from omnimemd.storage import baselines as rows
from omnimemd.storage.baselines import Baseline
from omnimemd.storage.database import Connection, Database

#: How long a file has to be left alone before it is looked at again.
SETTLED_MS: Final = 2_000
#: Files looked at again in one go, and directories written in one transaction: a millisecond of the loop.
_FILES: Final = 2_000
_DIRECTORIES: Final = 100
#: An entry carries the time of the first event that was folded into it; this much later the last may have been.
_FOLDED_MS: Final = 1_100


class Interrupted(Exception):
    """A survey was given up, because it would have to be made again."""


class Surveyed(msgspec.Struct, frozen=True):
    """What a survey of one root found; paths are absolute."""

    root: str
    began: Millis
    listed: dict[str, Millis]  #: every directory that holds files → when it was looked at
    looks: list[Look]  #: directories that differ from the baseline, or of which something was told
    changed: dict[str, bytes | None]  #: rows that are to be written, by directory


class Baselines:
    """See the module. Belongs to the event loop's thread."""

    def __init__(
        self, *, database: Database, watcher: Watcher, clock: Clock, release_memory: Callable[[], None]
    ) -> None:
        """Keep the baselines in *database*; *release_memory* gives the system what a survey took, and has freed."""
        self.news = News()  #: what was told and is not in the baselines yet
        self._database = database
        self._watcher = watcher
        self._clock = clock
        self._release_memory = release_memory
        self._kept: dict[str, Baseline] = {}  # by root
        self._forgotten: list[int] = []  # keys of baselines whose rows are to be deleted

    def incomplete(self, root: str) -> bool:
        """Return whether not every file of *root* was looked at yet."""
        return root not in self._kept or not self._kept[root].complete

    async def take_up(self, wanted: frozenset[str], *, without: frozenset[str], at: Millis) -> list[Baseline]:
        """Take up the baselines of an earlier run, and forget those whose root is not *wanted*; return the former.

        Each has its gap from then on, since that run ended; it is kept, so that a run that ends before it has looked
        into the gap leaves it to the next as it was. A root that was watched *without* a baseline gets one of which
        nothing is known yet.

        Args:
            wanted: roots that are watched now.
            without: those of them that were watched before, with or without a baseline.
            at: when the earlier run ended, unless it said so itself.
        """
        stored = self._database.read_now(rows.every)
        kept = [
            msgspec.structs.replace(
                one, lost_since=_earliest(one.lost_since, at if one.left_at is None else one.left_at)
            )
            for one in stored
            if one.root in wanted
        ]

        def work(db: Connection) -> list[int]:
            for one in stored:
                if one.root not in wanted:
                    rows.disown(db, one.key)
            for one in kept:
                rows.losing(db, [one.key], since=one.lost_since)
            rows.left(db, at=None)
            return rows.abandoned(db)

        self._forgotten = await self._database.write(work)
        self._kept = {one.root: one for one in kept}
        begun = [await self._begin(root, at=at) for root in sorted(without - self._kept.keys())]
        await self.losing([one.root for one in begun], since=at)
        return kept + [msgspec.structs.replace(one, lost_since=at) for one in begun]

    def recall(self, changes: Iterable[FileAccess], *, lost_at: Millis, until: Millis) -> None:
        """Take *changes* for told: earlier runs recorded them; oldest first.

        Args:
            changes: what they recorded.
            lost_at: when the gap that is open now began: what was recorded before told nothing of it.
            until: when the last of those runs ended.
        """
        for one in changes:
            at = Millis(min(one.at + _FOLDED_MS, lost_at if one.at <= lost_at else until))
            seen = one.source is Source.WATCH
            told = Told(at, one.access is not Access.DELETE, seen)
            if one.old_path is not None and self._roots_above(one.old_path):
                self.news.recall(one.old_path, Told(at, present=False, seen=seen))
            if self._roots_above(one.path):
                self.news.recall(one.path, told)

    async def forget(self, root: str) -> None:
        """Forget the baseline of *root*: it is watched no more."""
        baseline = self._kept.pop(root, None)
        for directory in [one for one in self.news.directories() if is_within(one, root)]:
            if not self._roots_above(directory):
                self.news.forget_of(directory, before=None)
        if baseline is not None:
            self._forgotten.append(baseline.key)
            await self._database.write(lambda db: rows.disown(db, baseline.key))

    async def delete_some(self) -> bool:
        """Delete a little of what is forgotten; return whether there was any."""
        if not self._forgotten:
            return False
        key = self._forgotten[0]
        if await self._database.write(lambda db: rows.forget_some(db, key, limit=_DIRECTORIES)):
            self._forgotten.remove(key)
        return True

    async def losing(self, roots: Iterable[str], *, since: Millis | None) -> None:
        """Keep since when there is a gap in *roots* that is not recorded yet; None: there is none."""
        keys = [self._kept[root].key for root in roots if root in self._kept]
        if keys:
            await self._database.write(lambda db: rows.losing(db, keys, since=since))

    async def leave(self, roots: frozenset[str]) -> None:
        """Note that all that was told of *roots* is recorded, and that nobody tells anything from now on."""
        now = self._clock.now()
        for root in sorted(roots - self._kept.keys()):
            await self._begin(root, at=now)
        await self._database.write(lambda db: rows.left(db, at=now))

    # ---- surveys

    async def survey(self, root: str, *, since: Millis | None, interrupted: Callable[[], bool]) -> Surveyed:
        """Look at every file of the watched *root*.

        Args:
            root: its path.
            since: since when something was missed; None: nothing was.
            interrupted: says whether to give up.

        Raises:
            SurveyFailed: the root is not watched, or went meanwhile.
            Interrupted: *interrupted* said so.
            StoreUnavailable: the baseline cannot be read or written.
        """
        baseline = self._kept.get(root) or await self._begin(root, at=self._clock.now())
        found = Surveyed(root, self._clock.now(), {}, [], {})
        async with aclosing(self._watcher.survey(root)) as batches:
            async for batch in batches:
                if interrupted():
                    raise Interrupted
                await self._compare(baseline, batch, found, since=since)
        await self._add_missing(baseline, found, since=since)
        known, now = {look.path for look in found.looks}, self._clock.now()
        for path in self.news.directories():  # events told of files there, and there are none now
            if path not in found.listed and path not in known and is_within(path, root):
                found.looks.append(Look(path, self._roots_above(path), {}, (), now))
        return found

    async def missed(self, found: Surveyed, *, since: Millis) -> list[Missed]:
        """Return every change that was not told; what happened before the survey's end must have been told by now.

        A deletion is claimed only of what is not there.
        """
        changes: list[Missed] = []
        for number, look in enumerate(found.looks, 1):
            if look.files or not self.news.tells_of_end(look.path):
                changes += missed(look, self.news.of(look.path), since=since)
            if not number % _DIRECTORIES:
                await asyncio.sleep(0)
        deleted = [one for one in changes if one.access is Access.DELETE]
        seen = await self._watcher.look([one.path for one in deleted])
        standing = {one.path: one.look for one, now in zip(deleted, seen, strict=True) if now is not None}
        for path, look in standing.items():  # ignored by a new rule, or nobody may look into it now
            if look.path not in found.listed and look.before and path[len(look.path) + 1 :] in look.before:
                found.changed.pop(look.path, None)
        return [one for one in changes if one.path not in standing]

    async def commit(self, found: Surveyed) -> None:
        """Make what was *found* the baseline; all that it shows must have been told, and be stored."""
        baseline = self._kept.get(found.root)
        if baseline is None:
            return
        await self._put(baseline, found.changed)
        through = min(found.listed.values(), default=found.began)
        await self._database.write(lambda db: rows.completed(db, baseline.key, through=through))
        self._kept[found.root] = msgspec.structs.replace(baseline, complete=True)
        for directory in [one for one in self.news.directories() if one in found.listed]:
            if self._roots_above(directory) == (found.root,):
                self.news.forget_of(directory, before=found.listed[directory])
        self._database.read_now(rows.release_memory)
        self._release_memory()

    async def _begin(self, root: str, *, at: Millis) -> Baseline:
        key = await self._database.write(lambda db: rows.begin(db, root, at=at))
        baseline = Baseline(key=key, root=root, complete=False, through=at, lost_since=None, left_at=None)
        self._kept[root] = baseline
        return baseline

    async def _compare(
        self, baseline: Baseline, batch: Sequence[Listing], found: Surveyed, *, since: Millis | None
    ) -> None:
        """Add to *found* what is different in *batch*; store it at once where there was no complete baseline."""
        told = {each.path for each in batch if self.news.of(each.path)}

        def work(db: Connection) -> tuple[list[Look], dict[str, bytes | None]]:
            looks: list[Look] = []
            changed: dict[str, bytes | None] = {}
            below = [_below(baseline.root, each.path) for each in batch]
            known = rows.rows(db, baseline.key, below) if baseline.complete else {}
            for directory, each in zip(below, batch, strict=True):
                before, now = known.get(directory), rows.packed(each.files)
                if now != before:
                    changed[each.path] = now
                if since is None:
                    continue
                if not baseline.complete:
                    if each.path in told or _younger(each.files, since):
                        looks.append(Look(each.path, each.workspaces, None, each.files, each.at))
                elif now != before or each.path in told:
                    was = {} if before is None else rows.unpacked(before)
                    looks.append(Look(each.path, each.workspaces, was, each.files, each.at))
            return looks, changed

        looks, changed = await self._database.read(work)
        found.listed.update((each.path, each.at) for each in batch)
        found.looks.extend(looks)
        if baseline.complete:
            found.changed.update(changed)
        else:
            await self._put(baseline, changed)

    async def _add_missing(self, baseline: Baseline, found: Surveyed, *, since: Millis | None) -> None:
        """Add to *found* the directories that held files and hold none now."""
        root, at = baseline.root, self._clock.now()

        def work(db: Connection) -> dict[str, bytes]:
            had = rows.directories(db, baseline.key)
            return rows.rows(db, baseline.key, [one for one in had if _path(root, one) not in found.listed])

        for directory, row in (await self._database.read(work)).items():
            path = _path(root, directory)
            found.changed[path] = None
            if baseline.complete and since is not None:
                found.looks.append(Look(path, self._roots_above(path), rows.unpacked(row), (), at))

    # ---- staying fresh

    def has_news(self, *, but: Collection[str]) -> bool:
        """Return whether anything was told that `renew` has to look at, were it settled."""
        return any(not self._below_any(directory, but) for directory in self.news.directories())

    async def look_first(self) -> None:
        """Look at what was told of just now: should it move while events are lost, its inode tells where to."""
        fresh = self.news.take_fresh()
        facts = await self._watcher.look([f"{directory}/{name}" for directory, name, _ in fresh])
        for (directory, name, told), one in zip(fresh, facts, strict=True):
            if one is not None and one is not UNSEEN:
                self.news.saw(directory, name, told, one)

    async def renew(
        self, *, keep: Callable[[], Awaitable[None]], but: Callable[[], Collection[str]], everything: bool = False
    ) -> bool:
        """Look again at files that were told of and have settled; return whether there are more of them.

        Args:
            keep: returns when all that happened before the call has been told, and what was told long ago is stored.
            but: says of which roots the files are not to be looked at: what was told of them is still needed. Asked
                again when *keep* is done, as a loss may have been told meanwhile: then what was seen may be of the gap.
            everything: whether to look at what has not settled, too.
        """
        now = self._clock.now()
        settled = Millis(now + 1 if everything else now - SETTLED_MS)
        held = but()
        news = (one for one in self.news.settled(before=settled, now=now) if not self._below_any(one[0], held))
        due = list(islice(news, _FILES))
        facts = await self._watcher.look([f"{directory}/{name}" for directory, name, _ in due])
        await keep()
        more, held = len(due) == _FILES, but()
        kept = [not self._below_any(directory, held) for directory, _, _ in due]
        due, facts = list(compress(due, kept)), list(compress(facts, kept))
        seen: dict[str, dict[str, FileFacts | None]] = defaultdict(dict)
        for (directory, name, told), one in zip(due, facts, strict=True):
            # What was told of anew meanwhile may not be stored yet; its turn comes again.
            if one is not UNSEEN and self.news.of(directory).get(name) is told:
                seen[directory][name] = one
        for baseline in list(self._kept.values()):
            await self._renew(baseline, {path: names for path, names in seen.items() if is_within(path, baseline.root)})
        for directory, name, told in due:
            self.news.forget(directory, name, told)
        if more:
            return True
        keys = [one.key for one in self._kept.values() if one.complete and one.root not in held]
        await self._database.write(lambda db: rows.renewed(db, keys, through=Millis(min(settled, now))))
        return False

    def _below_any(self, directory: str, roots: Collection[str]) -> bool:
        return any(is_within(directory, root) for root in roots)

    async def _renew(self, baseline: Baseline, seen: Mapping[str, Mapping[str, FileFacts | None]]) -> None:
        def work(db: Connection) -> tuple[dict[str, bytes | None], dict[str, str]]:
            changed: dict[str, bytes | None] = {}
            left: dict[str, str] = {}
            known = rows.rows(db, baseline.key, [_below(baseline.root, path) for path in seen])
            for path, names in seen.items():
                before = known.get(_below(baseline.root, path))
                files = {} if before is None else rows.unpacked(before)
                for name, facts in names.items():
                    if facts is None:
                        files.pop(name, None)
                        left.update(_below_of_a_file(db, baseline, f"{path}/{name}"))
                    else:
                        files[name] = facts
                now = rows.packed(files.values()) if files else None
                if now != before:
                    changed[path] = now
            return changed, left

        changed, left = await self._database.read(work)
        # Only a directory that moved out of sight leaves rows below; that there is another now in its place is rare.
        there = await self._watcher.look(list(left.values()))
        changed.update((path, None) for path, one in zip(left, there, strict=True) if one is None)
        await self._put(baseline, changed)

    def _roots_above(self, path: str) -> tuple[str, ...]:
        return tuple(root for root in self._kept if is_within(path, root))

    async def _put(self, baseline: Baseline, changed: Mapping[str, bytes | None]) -> None:
        """Write rows, few at a time: requests are served in between."""
        todo = [(_below(baseline.root, path), row) for path, row in changed.items()]
        for start in range(0, len(todo), _DIRECTORIES):
            some = dict(todo[start : start + _DIRECTORIES])
            await self._database.write(lambda db, some=some: rows.put(db, baseline.key, some))  # type: ignore[misc]
            await asyncio.sleep(0)


def _below_of_a_file(db: Connection, baseline: Baseline, path: str) -> dict[str, str]:
    """Return the directories at or below *path* that have rows, each with the path of one of its files."""
    found = rows.below(db, baseline.key, _below(baseline.root, path))
    return {
        _path(baseline.root, directory): f"{_path(baseline.root, directory)}/{next(iter(rows.unpacked(row)))}"
        for directory, row in rows.rows(db, baseline.key, found).items()
    }


def _earliest(one: Millis | None, other: Millis) -> Millis:
    return other if one is None else min(one, other)


def _younger(files: Sequence[FileFacts], since: Millis) -> bool:
    return any(one.ctime_ns >= since * 1_000_000 for one in files)


def _below(root: str, directory: str) -> str:
    return directory[len(root) + 1 :]


def _path(root: str, below: str) -> str:
    return f"{root}/{below}" if below else root
