"""What matters to the roots and lies outside the directories that are watched for them.

For each repository: the lock that git holds while it changes the working tree, and its info/exclude. For each root: the
same of the repository around it, and the rule files between that one's top and the root. For the user: git's
configuration and what it names. `.git` itself is never watched for anything else.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.domain.ignore import IgnoreRules
from omnimemd.system.watcher.directories import REMOVED, Directory, Root
from omnimemd.system.watcher.inotify import CHANGING, COMING, IN_CREATE, IN_DELETE, IN_MOVED_FROM, LOCKING
from omnimemd.system.watcher.rule_files import DOT_GIT, TELLING, GitDirectory, RuleFiles, git_directory
from omnimemd.system.watcher.sentinels import Heard, Sentinel, Sentinels

_LOCK: Final = "index.lock"
_LOCKS: Final = {IN_CREATE: Change.LOCKED, IN_DELETE: Change.UNLOCKED, IN_MOVED_FROM: Change.UNLOCKED}


class Lookouts:
    """Sets sentinels for whoever needs them. Belongs to the dispatcher's thread."""

    def __init__(
        self,
        *,
        sentinels: Sentinels,
        rule_files: RuleFiles,
        tell: Callable[[FileEvent], None],
        change_rules: Callable[[Directory], None],
        change_outer_rules: Callable[[Root | None], None],
        moved_above: Callable[[Root], None],
        appeared: Callable[[Root], None],
    ) -> None:
        """Begin with nothing.

        Args:
            change_rules: is told of a directory whose repository has other rules now.
            change_outer_rules: is told of a root around which rules changed; of None when the user's changed.
            moved_above: is told of a root above which a directory went somewhere else.
            appeared: is told of a root that was gone and whose place is taken again.
        """
        self._sentinels = sentinels
        self._rule_files = rule_files
        self._tell = tell
        self._change_rules = change_rules
        self._change_outer_rules = change_outer_rules
        self._moved_above = moved_above
        self._appeared = appeared
        self._places: dict[Root, list[Sentinel]] = {}
        self._set: dict[Directory | Root | None, dict[str, Sentinel]] = {}  # by who needs them and path

    def of_repository(self, node: Directory, path: str) -> None:
        """Look out for the repository that begins in *node*, which is found at *path*."""

        def changed(_mask: int, _at: Millis) -> None:
            self._change_rules(node)

        git = git_directory(path)
        if git is None:  # not yet
            self._look(node, {f"{path}/{DOT_GIT}/HEAD": changed})
        else:
            self._look(node, {**self._lock(git, lambda: node.coverage.roots), git.excludes: changed})

    def of_root(self, root: Root) -> IgnoreRules:
        """Look out for what lies above *root*; return the rules that reach into it from there."""

        def changed(_mask: int, _at: Millis) -> None:
            self._change_outer_rules(root)

        above = self._rule_files.directories_above(root.path)
        wanted: dict[str, Heard] = {f"{each}/{name}": changed for each in above for name in TELLING}
        git = git_directory(above[0]) if above else None
        if git is not None:
            wanted |= {**self._lock(git, lambda: (root.path,)), git.excludes: changed}
        self._look(root, wanted)
        self._stand_above(root)
        with self._sentinels.silence():
            return self._rule_files.above(root.path)

    def of_user(self) -> None:
        """Look out for what the user ignores everywhere, and read it."""

        def changed(_mask: int, _at: Millis) -> None:
            self._change_outer_rules(None)

        self._look(None, dict.fromkeys(self._rule_files.configs, changed))
        with self._sentinels.silence():
            files = self._rule_files.users_files()
        self._look(None, dict.fromkeys(files, changed))
        with self._sentinels.silence():
            self._rule_files.read_users()

    def of_gone(self, root: Root) -> None:
        """Look out for *root* itself, which is gone, and for nothing else of it."""

        def appeared(_mask: int, _at: Millis) -> None:
            if os.path.isdir(root.path):
                self._appeared(root)

        self.let_go(root)
        self._look(root, {root.path: appeared}, wants=COMING)

    def let_go(self, owner: Directory | Root) -> None:
        """Look out for nothing of *owner* any more."""
        if isinstance(owner, Root):
            for sentinel in self._places.pop(owner, []):
                self._sentinels.release(sentinel)
        self._look(owner, {})

    def forget_removed(self) -> None:
        """Let go of every directory that is out of the table."""
        for owner in [each for each in self._set if isinstance(each, Directory) and each.wd == REMOVED]:
            self.let_go(owner)

    def _stand_above(self, root: Root) -> None:
        def moved(_mask: int, _at: Millis) -> None:
            self._moved_above(root)

        for sentinel in self._places.pop(root, []):
            self._sentinels.release(sentinel)
        above = [str(parent).rstrip("/") for parent in Path(root.path).parents]
        self._places[root] = [self._sentinels.set_at(each, moved) for each in above]

    def _lock(self, git: GitDirectory, roots: Callable[[], tuple[str, ...]]) -> dict[str, Heard]:
        path = f"{git.own}/{_LOCK}"

        def heard(mask: int, at: Millis) -> None:
            change = _LOCKS.get(mask)
            if change is not None and roots():
                self._tell(FileEvent(roots(), path, change, at))

        return {path: heard}

    def _look(self, owner: Directory | Root | None, wanted: dict[str, Heard], *, wants: int = CHANGING) -> None:
        had = self._set.pop(owner, {})
        for path in had.keys() - wanted.keys():
            self._sentinels.release(had.pop(path))
        for path in wanted.keys() - had.keys():
            had[path] = self._sentinels.set(path, wanted[path], wants=LOCKING if path.endswith(_LOCK) else wants)
        if had:
            self._set[owner] = had
