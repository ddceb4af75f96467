"""How one root is watched, in words for a person."""

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import WatchReport
from omnimemd.system.watcher.budget import WatchBudget
from omnimemd.system.watcher.directories import Root


def report_of(root: Root, budget: WatchBudget) -> WatchReport:
    """Return the report of *root* as it is now."""
    state, problem = root.state, None
    if state is WorkspaceState.GONE:
        return gone_report(root.path, reads_observed=True)
    if root.no_room:
        state = WorkspaceState.DEGRADED
        problem = (
            f"{_directories(root.no_room)} without an inotify watch (this user may have {budget.limit}, half of which"
            " are taken at most): looked through every few seconds, so writes there are found, reads are not."
            f" Raise the limit: {budget.advice(root.watched + root.no_room)}."
        )
    elif root.unreadable:
        state = WorkspaceState.DEGRADED
        problem = unreadable_problem(root.unreadable)
    return WatchReport(
        root.path,
        state,
        root.watched,
        reads_observed=True,
        problem=problem,
        rule_changes=root.rule_changes,
        rules_read=root.rules_read,
    )


def gone_report(path: str, *, reads_observed: bool) -> WatchReport:
    """Return the report of a root that is not there."""
    problem = f"There is no directory {path} now (deleted, moved or unmounted?); add it again when it is back."
    return WatchReport(path, WorkspaceState.GONE, 0, reads_observed, problem)


def unreadable_problem(count: int) -> str:
    """Say that *count* directories cannot be read."""
    return (
        f"{_directories(count)} not seen: reading is not permitted (grant it, or ignore them), or the path is too long"
        " for the system."
    )


def _directories(count: int) -> str:
    return "1 directory is" if count == 1 else f"{count} directories are"
