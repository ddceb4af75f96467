"""The table of directories: which kernel watch is which directory, and which roots see it.

A node knows its name and its parent, so that renaming a directory of any size is one assignment and a path is
found by climbing. Everything here belongs to the dispatcher's thread.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from omnimem.model import WorkspaceState
from omnimemd.domain.ignore import Base, IgnoreRules, Layer

if TYPE_CHECKING:
    from omnimemd.domain.file_events import WatchReport
    from omnimemd.system.watcher.walked import Walked

#: In place of a watch descriptor: the kernel had no watch left, the directory may not be read, the node is
#: out of use.
NO_ROOM: Final = -1
UNREADABLE: Final = -2
REMOVED: Final = -3


class Root:
    """One workspace: what somebody asked to watch."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.state = WorkspaceState.STARTING
        self.node: Directory | None = None
        self.identity: tuple[int, int] | None = None  # device and inode: another directory may take the path later
        self.watched = 0  # directories with a watch
        self.no_room = 0  # directories the kernel has no watch for
        self.unreadable = 0
        self.rules_read = 0  # how often, since its start
        self.rules = IgnoreRules()  # what reaches into it from outside
        self.walked: Walked | None = None  # what its last walk came by, until a survey takes it
        self.rule_changes = 0  # how often what it ignores changed
        self.reported: WatchReport | None = None  # as it was told last
        self.waiting: list[Callable[[WatchReport], None]] = []  # to be told when it is live, or cannot be
        self.told_unseen = 0  # how many directories not seen a loss was told for


class Scope(msgspec.Struct, frozen=True):
    """A root and what it ignores inside one directory."""

    root: Root
    rules: IgnoreRules


class Coverage:
    """Who sees what is inside a directory; one object serves all directories below that have no rules of their own."""

    __slots__ = ("_rules", "roots", "scopes")

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        self.scopes = scopes
        self.roots = tuple(scope.root.path for scope in scopes)
        self._rules = scopes[0].rules if len(scopes) == 1 else None

    def __bool__(self) -> bool:
        return bool(self.scopes)

    def seen_by(self, directory: str, name: str) -> tuple[str, ...]:
        """Return the roots that see the file *name* of *directory*."""
        if self._rules is not None:
            return () if self._rules.ignores(directory, name, is_dir=False) else self.roots
        return tuple(scope.root.path for scope in self.scopes if not scope.rules.ignores(directory, name, is_dir=False))

    def entering(self, directory: str, name: str) -> "Coverage":
        """Return who sees the subdirectory *name*, before its own rules are read; itself when nothing differs."""
        if self._rules is not None:
            return NOBODY if self._rules.ignores(directory, name, is_dir=True) else self
        return self.only(lambda scope: not scope.rules.ignores(directory, name, is_dir=True))

    def only(self, keep: Callable[[Scope], bool]) -> "Coverage":
        """Return the scopes to *keep*; itself when those are all."""
        kept = tuple(scope for scope in self.scopes if keep(scope))
        return self if len(kept) == len(self.scopes) else Coverage(kept)


NOBODY: Final = Coverage(())


def with_own_rules(coverage: Coverage, before: Coverage, *, was: str, path: str) -> Coverage:
    """Return *coverage* with the rules that a directory has inside itself, as known *before* it moved here."""
    of_root = {scope.root: scope.rules for scope in before.scopes}
    of_any = next(iter(of_root.values()), IgnoreRules())  # a root that did not see it reads the same files

    def own(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        return tuple(Layer(Base(path), layer.patterns) for layer in layers if layer.base == was)

    scopes: list[Scope] = []
    for root, above in ((scope.root, scope.rules) for scope in coverage.scopes):
        rules = of_root.get(root, of_any)
        inside = IgnoreRules(git=(*own(rules.git), *above.git), ours=(*own(rules.ours), *above.ours))
        scopes.append(Scope(root, inside))
    return Coverage(tuple(scopes))


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a directory is, or was, and who saw it there."""

    path: str
    coverage: Coverage


class Arrival:
    """A directory's move of whose files not all is told yet; it may have moved more than once meanwhile."""

    __slots__ = ("known", "moves", "was")

    def __init__(self, was: Place) -> None:
        self.was = was  # before the first move
        self.known: dict[str, Place] = {}  # by a file's name: where it was told of since
        self.moves = 0


class Directory(msgspec.Struct, eq=False):
    """One directory of the table; 300 bytes with its share of the dictionaries."""

    wd: int
    parent: "Directory | None"
    name: str  #: the whole path when there is no parent
    coverage: Coverage
    children: "dict[str, Directory] | None" = None  #: most directories have none
    arrival: Arrival | None = None  #: of its last move, while that is not told

    @property
    def told(self) -> Place:
        """Where the listener knows its files to be, as far as nothing else was told of them."""
        return self.arrival.was if self.arrival is not None else Place(self.path, self.coverage)

    @property
    def path(self) -> str:
        """The absolute path as the kernel's events so far have it; "/" is the empty text."""
        names = [self.name]
        node = self.parent
        while node is not None:
            names.append(node.name)
            node = node.parent
        names.reverse()
        return "/".join(names)


class DirectoryTable:
    """All directories, by watch descriptor and as a tree."""

    def __init__(self) -> None:
        self.by_wd: dict[int, Directory] = {}
        self.moves = 0  #: counts on when a path that somebody computed may be outdated

    def child(self, parent: Directory, name: str) -> Directory | None:
        """Return the directory *name* of *parent*, None when it is not watched."""
        return parent.children.get(name) if parent.children is not None else None

    def is_below(self, node: Directory, top: Directory) -> bool:
        """Tell whether *node* is *top* or below it."""
        each: Directory | None = node
        while each is not None and each is not top:
            each = each.parent
        return each is top

    def find(self, path: str, tops: Iterable[Directory]) -> Directory | None:
        """Return the directory at *path* that hangs below one of *tops*, None when there is none."""
        for top in tops:
            start = top.path
            if path == start:
                return top
            if not path.startswith(f"{start}/"):
                continue
            node: Directory | None = top
            for name in path[len(start) + 1 :].split("/"):
                node = self.child(node, name) if node is not None else None
            if node is not None:
                return node
        return None

    def insert(self, wd: int, parent: Directory | None, name: str, coverage: Coverage) -> Directory:
        """Add a directory that is seen by *coverage*; *wd* is its watch descriptor or says why it has none."""
        node = Directory(wd, parent, name, coverage)
        self._attach(node, parent, name)
        if wd >= 0:
            self.by_wd[wd] = node
        _count(node, +1)
        return node

    def move(self, node: Directory, parent: Directory | None, name: str) -> None:
        """Give *node*, and with it all below, another place; it must not be below *node*, nor be taken."""
        self.moves += 1
        self._detach(node)
        self._attach(node, parent, name)

    def cover(self, node: Directory, coverage: Coverage) -> None:
        """Say who sees *node* from now on."""
        if coverage is not node.coverage:
            _count(node, -1)
            node.coverage = coverage
            _count(node, +1)

    def rewatch(self, node: Directory, wd: int) -> None:
        """Give *node* another watch descriptor, or what says why it has none."""
        _count(node, -1)
        self.by_wd.pop(node.wd, None)
        node.wd = wd
        if wd >= 0:
            self.by_wd[wd] = node
        _count(node, +1)

    def remove(self, node: Directory) -> list[int]:
        """Take *node* and all below out; return the watch descriptors that they had."""
        self._detach(node)
        wds: list[int] = []
        for each in below(node):
            _count(each, -1)
            if each.wd >= 0:
                del self.by_wd[each.wd]
                wds.append(each.wd)
            each.wd = REMOVED
        return wds

    def remove_one(self, node: Directory) -> int:
        """Take *node* out and leave the directories below it standing on their own; return its watch descriptor."""
        path, wd = node.path, node.wd
        for child in list(node.children.values()) if node.children else ():
            self.move(child, None, f"{path}/{child.name}")
        self._detach(node)
        _count(node, -1)
        if wd >= 0:
            del self.by_wd[wd]
        node.wd = REMOVED
        return wd

    def _attach(self, node: Directory, parent: Directory | None, name: str) -> None:
        node.parent, node.name = parent, name
        if parent is None:
            return
        if parent.children is None:
            parent.children = {}
        parent.children[name] = node

    def _detach(self, node: Directory) -> None:
        parent, node.parent = node.parent, None
        if parent is None or parent.children is None or parent.children.get(node.name) is not node:
            return
        del parent.children[node.name]
        if not parent.children:
            parent.children = None


def below(node: Directory) -> Iterator[Directory]:
    """Yield *node* and every directory below it, parents first; what is yielded may be changed."""
    stack = [node]
    while stack:
        each = stack.pop()
        if each.children is not None:
            stack.extend(each.children.values())
        yield each


def _count(node: Directory, step: int) -> None:
    for scope in node.coverage.scopes:
        if node.wd >= 0:
            scope.root.watched += step
        elif node.wd == NO_ROOM:
            scope.root.no_room += step
        elif node.wd == UNREADABLE:
            scope.root.unreadable += step
