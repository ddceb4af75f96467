"""Say what a root sees of a path and what hides it, from the table and the rules that records are judged by."""

from collections.abc import Container

from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.ignore import IgnoreRules, Rule
from omnimemd.system.watcher import directories
from omnimemd.system.watcher.directories import Directory, DirectoryTable, Root


def sight(table: DirectoryTable, root: Root, path: str, *, is_dir: bool, blind: Container[str]) -> Sight | None:
    """Return what *root* sees of *path*, which is it or lies below it; None when the root is not there."""
    if root.node is None:
        return None
    node: Directory | None = root.node
    directory = root.path.rstrip("/")
    rules = _inside(root.node, root) or root.rules
    below = path[len(directory) + 1 :]
    names = below.split("/") if below else []
    rule: Rule | None = None
    hidden = _hidden(root.node, root.path)  # by the nearest directory: one without a watch hides none below it
    for place, name in enumerate(names, start=1):
        here = f"{directory}/{name}"
        enters = place < len(names) or is_dir
        if enters and here in blind:
            return Sight(here, Obstacle.OWN_DATA)
        verdict = rules.verdict(directory, name, is_dir=enters)
        if verdict.ignored:
            return Sight(here, Obstacle.RULE, verdict.rule)
        rule = verdict.rule
        if enters:
            node = None if node is None else table.child(node, name)
            if node is not None:
                hidden = _hidden(node, here)
                rules = _inside(node, root) or rules
        directory = here
    return hidden or Sight(path, rule=rule)


def _hidden(node: Directory, path: str) -> Sight | None:
    match node.wd:
        case directories.NO_ROOM:
            return Sight(path, Obstacle.NO_WATCH_LEFT)
        case directories.UNREADABLE:
            return Sight(path, Obstacle.UNREADABLE)
        case _:
            return None


def _inside(node: Directory, root: Root) -> IgnoreRules | None:
    return next((scope.rules for scope in node.coverage.scopes if scope.root is root), None)
