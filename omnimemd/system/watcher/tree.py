"""What the files below one root were at the last look, and what a look finds to have changed.

Serves the watchers that are not told what happened, only that or where something may have. Knows the visible
files alone: each directory is judged by the rules inside it before it is entered, and rules that change take
effect at the next look. What they bring into view, or out of it, was neither created nor deleted.
"""

import os
import sys
import time
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Final

from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.file_events import FileFacts
from omnimemd.domain.ignore import IgnoreRules
from omnimemd.system.watcher.facts import facts_of
from omnimemd.system.watcher.findings import Findings
from omnimemd.system.watcher.rule_files import TELLING, RuleFiles

_EXCLUDE: Final = "/.git/info/exclude"


#: The clock that files get their times from. On Linux it is CLOCK_REALTIME_COARSE (linux/time.h; Python has no name for
#: it), up to a tick, some milliseconds, behind the one that time.time_ns() reads.
_CLOCK: Final = 5 if sys.platform == "linux" else time.CLOCK_REALTIME


def file_time_ns() -> int:
    """Return the time that a file changed now would have, in nanoseconds."""
    return time.clock_gettime_ns(_CLOCK)


class _Folder:
    """One visible directory."""

    __slots__ = ("files", "folders", "rules")

    def __init__(self, files: dict[str, FileFacts], folders: set[str], rules: IgnoreRules) -> None:
        self.files = files
        self.folders = folders  # names of those that are visible
        self.rules = rules  # inside it


class _Place:
    """A directory to list."""

    __slots__ = ("above", "path", "silent")

    def __init__(self, path: str, above: IgnoreRules, *, silent: bool) -> None:
        self.path = path
        self.above = above  # the rules inside the directory above it
        self.silent = silent  # rules changed: what is new to us in it may be old


class Tree:
    """See the module. One thread's."""

    def __init__(self, root: str, *, rule_files: RuleFiles, blind: Container[str]) -> None:
        """Know nothing yet; directories whose path is in *blind*, now or later, are not entered."""
        self.root = root
        self.unreadable: set[str] = set()  #: directories that could not be listed at the last look
        self._rule_files = rule_files
        self._blind = blind
        self._above: IgnoreRules | None = None
        self._folders: dict[str, _Folder] = {}
        self._since_ns = 0  # when the last look began

    @property
    def directories(self) -> int:
        """How many directories are looked at."""
        return len(self._folders)

    def sees(self, directory: str) -> bool:
        """Tell whether *directory* is looked at."""
        return directory in self._folders

    def files(self) -> Iterator[tuple[str, tuple[FileFacts, ...]]]:
        """Yield every directory that has visible files, with those, as the last look found them."""
        for path, folder in self._folders.items():
            if folder.files:
                yield path, tuple(folder.files.values())

    def sight(self, path: str, *, is_dir: bool) -> Sight:
        """Return whether *path*, which is the root or lies below it, is seen, and what decides that."""
        directory, rules, rule = self.root, self._above or IgnoreRules(), None
        names = path[len(self.root) + 1 :].split("/") if path != self.root else []
        for place, name in enumerate(names, start=1):
            if directory in self.unreadable:
                return Sight(directory, Obstacle.UNREADABLE)
            folder = self._folders.get(directory)
            rules = rules if folder is None else folder.rules
            here, enters = f"{directory}/{name}", place < len(names) or is_dir
            if enters and here in self._blind:
                return Sight(here, Obstacle.OWN_DATA)
            verdict = rules.verdict(directory, name, is_dir=enters)
            if verdict.ignored:
                return Sight(here, Obstacle.RULE, verdict.rule)
            directory, rule = here, verdict.rule
        return Sight(path, rule=rule)

    def sweep(self, found: Findings | None) -> bool:
        """Look at every file, and add to *found* what changed since the last look.

        Args:
            found: None when everything is to be taken as it is, for the first time.

        Returns:
            Whether the root is there; if not, nothing is found, and nothing forgotten.
        """
        if not os.path.isdir(self.root):
            return False
        began = file_time_ns()
        self._rule_files.read_users()
        above, before = self._rule_files.above(self.root), self._above
        silent = before is not None and not _same(above, before)
        if before is None or silent:
            self._above = above
        self._walk([_Place(self.root, self._above or above, silent=silent)], found, deep=True)
        self._since_ns = began
        return True

    def look(self, hints: Mapping[str, bool], found: Findings) -> bool:
        """Look where something may have changed, and add to *found* what did.

        Args:
            hints: paths, of which those elsewhere are passed over; true for a path with all below.

        Returns:
            Whether the root is there.
        """
        if not os.path.isdir(self.root):
            return False
        began = file_time_ns()
        names: dict[str, set[str]] = {}
        for path, deep in hints.items():
            if self.root == path or self.root.startswith(f"{path}/"):
                if deep:
                    return self.sweep(found)
            elif path.startswith(f"{self.root}/"):
                self._note(path, names, deep=deep or path.endswith(_EXCLUDE), found=found)
        for directory, those in sorted(names.items()):  # from above, as rules reach down
            folder = self._folders.get(directory)
            if folder is not None:
                place = _Place(directory, self._rules_above(directory), silent=False)
                self._walk([place], found, deep=False, names=those)
        self._since_ns = began
        return True

    def _note(self, path: str, names: dict[str, set[str]], *, deep: bool, found: Findings) -> None:
        """Find out which known directory to list for *path*; with *deep*, look below it at once."""
        if path.endswith(_EXCLUDE):
            path = path.removesuffix(_EXCLUDE)
        directory, name = os.path.split(path)
        while directory not in self._folders and len(directory) > len(self.root):
            directory, name = os.path.split(directory)
        folder = self._folders.get(directory)
        if f"{directory}/{name}" != path and folder and folder.rules.ignores(directory, name, is_dir=True):
            return  # it is below something that is ignored
        if path in self._folders:
            if deep:
                self._walk([_Place(path, self._rules_above(path), silent=False)], found, deep=True)
            names.setdefault(path, set())
        if path != self.root:
            names.setdefault(directory, set()).add(name)

    def _rules_above(self, directory: str) -> IgnoreRules:
        if directory == self.root:
            return self._above or IgnoreRules()
        return self._folders[os.path.dirname(directory)].rules

    def _walk(
        self, todo: list[_Place], found: Findings | None, *, deep: bool, names: Collection[str] | None = None
    ) -> None:
        """List directories; those below that are new always, those that are known if *deep* or their rules changed."""
        while todo:
            place = todo.pop()
            todo += self._list(place, found, deep=deep, names=names)
            names = None

    def _list(
        self, place: _Place, found: Findings | None, *, deep: bool, names: Collection[str] | None
    ) -> Iterable[_Place]:
        """Bring one directory up to date and return which to list next.

        Args:
            names: the files to look at when others are known already; None for all.
        """
        path = place.path
        silent = place.silent or path in self.unreadable
        try:
            with os.scandir(path) as listing:
                entries = list(listing)
        except (FileNotFoundError, NotADirectoryError):
            self._forget(path, found)
            return ()
        except OSError:  # it may not be read now: what is known of it stays
            self.unreadable.add(path)
            return ()
        self.unreadable.discard(path)
        old = self._folders.get(path)
        rules = self._rules(place, [entry.name for entry in entries if entry.name in TELLING])
        if old is not None and rules is not old.rules:
            if _same(rules, old.rules):
                rules = old.rules
            else:
                silent = True
        known = old.files if old is not None else {}
        if names is not None and any(_may_be_spelled_otherwise(name, known, entries) for name in names):
            names, deep = None, True
        files: dict[str, FileFacts] = {}
        folders: set[str] = set()
        hidden: set[str] = set()
        for entry in entries:
            name = entry.name
            is_dir = _is_directory(entry)
            if rules.ignores(path, name, is_dir=is_dir) or (is_dir and f"{path}/{name}" in self._blind):
                hidden.add(name)
            elif is_dir:
                folders.add(name)
            elif names is not None and name in known and name not in names:
                files[name] = known[name]
            else:
                facts = _facts(entry)
                if facts is not None:
                    files[name] = facts
        if found is not None:
            self._compare(path, known, files, rules, found, silent=silent)
        for name in old.folders - folders if old is not None else ():
            self._forget(f"{path}/{name}", None if name in hidden else found)
        entered = folders if deep or silent or old is None else folders - old.folders
        self._folders[path] = _Folder(files, folders, rules)
        return [_Place(f"{path}/{name}", rules, silent=silent) for name in entered]

    def _rules(self, place: _Place, telling: list[str]) -> IgnoreRules:
        if not telling:
            return place.above
        top = place.path == self.root or ".git" in telling
        return self._rule_files.inside(place.above, place.path, telling, top=top)

    def _compare(
        self,
        path: str,
        known: Mapping[str, FileFacts],
        files: Mapping[str, FileFacts],
        rules: IgnoreRules,
        found: Findings,
        *,
        silent: bool,
    ) -> None:
        for name, facts in files.items():
            was = known.get(name)
            if was is facts:
                continue
            if was is None:
                if not silent or facts.ctime_ns >= self._since_ns:
                    found.born(self.root, path, facts)
            elif was.inode != facts.inode:
                found.gone(self.root, path, was)
                found.born(self.root, path, facts)
            elif (was.size, was.mtime_ns) != (facts.size, facts.mtime_ns):
                found.written(self.root, path, facts)
        for name, was in known.items():
            if name not in files and not rules.ignores(path, name, is_dir=False):
                found.gone(self.root, path, was)

    def _forget(self, top: str, found: Findings | None) -> None:
        """Forget a directory with all below; its files are gone unless there is nobody to tell."""
        todo = [top]
        while todo:
            path = todo.pop()
            self.unreadable.discard(path)
            folder = self._folders.pop(path, None)
            if folder is None:
                continue
            todo += [f"{path}/{name}" for name in folder.folders]
            if found is not None:
                for facts in folder.files.values():
                    found.gone(self.root, path, facts)


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # the listing does not say, and there is no asking
        return False


def _facts(entry: "os.DirEntry[str]") -> FileFacts | None:
    try:
        return facts_of(entry.name, entry.stat(follow_symlinks=False))
    except OSError:  # it vanished after it was listed
        return None


def _may_be_spelled_otherwise(name: str, known: Container[str], entries: Iterable["os.DirEntry[str]"]) -> bool:
    """Tell whether a hint's *name* may mean an entry that is listed as another text: macOS has é in two ways."""
    return not name.isascii() and name not in known and all(entry.name != name for entry in entries)


def _same(one: IgnoreRules, other: IgnoreRules) -> bool:
    """Tell whether the same patterns stand in both, read at different times."""
    if one is other:
        return True
    return all(
        len(left) == len(right)
        and all(a.base == b.base and a.patterns.rules == b.patterns.rules for a, b in zip(left, right, strict=True))
        for left, right in ((one.git, other.git), (one.ours, other.ours))
    )
