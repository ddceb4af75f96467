"""Say of a path whether what happens to it is recorded, why, and what would change it."""

import enum
import posixpath
import shlex
from collections.abc import Callable
from typing import Final

import msgspec

from omnimem.model import ExplainReason, Explanation, PathRule, WorkspaceState
from omnimemd.domain.ignore import Rule
from omnimemd.domain.paths import shown
from omnimemd.domain.projects import Place
from omnimemd.domain.temporary import is_dropping
from omnimemd.domain.workspaces import WatchedWorkspace

#: What `domain.ignore` calls the source of its own list.
_BUILT_IN: Final = "omnimem"
_OURS: Final = frozenset((".omnimemignore", ".omnimem.toml"))


class Obstacle(enum.Enum):
    """What keeps a watched root from seeing a path, or from seeing all of it."""

    RULE = enum.auto()
    OWN_DATA = enum.auto()  #: the daemon's own: to record it would never end
    UNREADABLE = enum.auto()
    NO_WATCH_LEFT = enum.auto()  #: writes are found by looking now and then, reads are not
    NETWORK = enum.auto()  #: it is mounted from a network, inside the root


class Sight(msgspec.Struct, frozen=True):
    """What a watched root sees of one path."""

    at: str  #: the path itself, or the directory above it that the obstacle is about
    obstacle: Obstacle | None = None  #: None: it is seen
    rule: Rule | None = None  #: the rule that hides it, or that has it seen though another would hide it


class Found(msgspec.Struct, frozen=True):
    """What a look at a path found."""

    path: str  #: as it was asked for, absolute
    real: str  #: without links
    is_directory: bool | None  #: None: nothing is there


class _Reason(msgspec.Struct, frozen=True):
    word: ExplainReason
    detail: str
    hint: str | None = None
    rule: PathRule | None = None


def own_data(found: Found, workspace: WatchedWorkspace | None) -> Explanation:
    """Explain a path of the daemon's own; *workspace* is the watched folder that holds it, if one does."""
    return _explanation(found, workspace, _own_data())


def outside(found: Found, place: Place | None, *, unwatchable: Callable[[str], str | None]) -> Explanation:
    """Explain a path that no watched folder holds.

    *place* is where it lies, as far as that exists; *unwatchable* says why a folder cannot be watched.
    """
    if place is not None and not place.track:
        return _explanation(found, None, _not_tracked())
    detail, hint = "It lies in no folder that is watched now.", None
    if place is not None:
        root = place.worktree or place.root
        reason = unwatchable(root)
        name = shlex.quote(shown(root))
        if reason is None:
            hint = f"Watch it with `omnimem workspace add {name}`, or while you work: `omnimem session start {name}`."
        else:
            detail = f"It lies in no folder that is watched now, and {shown(root)} cannot be one: {reason}."
    return _explanation(found, None, _Reason(ExplainReason.OUTSIDE, detail, hint))


def explain(found: Found, workspace: WatchedWorkspace, sight: Sight | None) -> Explanation:
    """Explain a path that the watched folder *workspace* holds; *sight* is None where nothing of it is seen."""
    if not workspace.track:
        reason = _not_tracked()
    elif workspace.state is WorkspaceState.GONE:
        reason = _Reason(ExplainReason.WORKSPACE_GONE, workspace.problem or "The watched folder is not there.")
    elif sight is None:
        reason = _Reason(ExplainReason.NOT_WATCHED, workspace.problem or "The folder is not watched yet.")
    elif sight.obstacle not in (None, Obstacle.NO_WATCH_LEFT):
        reason = _hidden(sight, found)
    elif is_dropping(posixpath.basename(found.real)) and not found.is_directory:
        detail = "Editors make files of such a name beside the one that is worked on: saves of that one are recorded."
        reason = _Reason(ExplainReason.EDITOR_FILE, detail)
    else:
        reason = _seen(sight, found, workspace)
    return _explanation(found, workspace, reason)


def _seen(sight: Sight, found: Found, workspace: WatchedWorkspace) -> _Reason:
    what = "files in it, but for those that a rule names," if found.is_directory else "it"
    word = ExplainReason.FOLDER if found.is_directory else ExplainReason.RECORDED
    kinds, hint = "Reads and writes", None
    if sight.obstacle is Obstacle.NO_WATCH_LEFT:
        word = ExplainReason.NO_WATCH_LEFT
        kinds = f"The system has no watch left for {shown(sight.at)}, so it is looked through now and then: writes"
        hint = "Raise the limit that `omnimem status` names, or have rules name what need not be watched."
    elif not workspace.reads_observed:
        kinds = "Writes (this system does not show reads)"
    back = "" if sight.rule is None else f"; {_named(sight.rule)} brings it back"
    return _Reason(word, f"{kinds} of {what} are recorded{back}.", hint, _shown_rule(sight.rule))


def _hidden(sight: Sight, found: Found) -> _Reason:
    what = "it" if sight.at == found.real else shown(sight.at)
    match sight.obstacle:
        case Obstacle.OWN_DATA:
            return _own_data()
        case Obstacle.UNREADABLE:
            return _Reason(
                ExplainReason.UNREADABLE,
                f"The system shows nothing of {shown(sight.at)}.",
                f"Let yourself read it: chmod u+rx {shlex.quote(shown(sight.at))}",
            )
        case Obstacle.NETWORK:
            return _Reason(
                ExplainReason.NETWORK,
                f"{shown(sight.at)} is on a network file system: what other machines change there is told to nobody.",
                "Work on a local copy.",
            )
    rule = sight.rule
    name = posixpath.basename(sight.at)
    if rule is None or rule.source == _BUILT_IN:
        detail = f"`{shown(name)}` is never watched, at any depth, nor what is below it."
        return _Reason(ExplainReason.NEVER_WATCHED, detail, rule=_shown_rule(rule))
    if posixpath.basename(rule.source) in _OURS:
        detail, word = f"{_named(rule)} leaves {what} out.", ExplainReason.OMNIMEM_RULE
    else:
        detail, word = f"Git ignores {what}: {_named(rule)}.", ExplainReason.GIT_RULE
    return _Reason(word, detail, f"Change that rule in {shown(rule.source)}.", _shown_rule(rule))


def _own_data() -> _Reason:
    return _Reason(ExplainReason.OWN_DATA, "It is the daemon's own: to record what it writes would never end.")


def _not_tracked() -> _Reason:
    return _Reason(
        ExplainReason.NOT_TRACKED,
        "The project's .omnimem.toml says track = false.",
        "Take that line out of .omnimem.toml.",
    )


def _named(rule: Rule) -> str:
    where = "" if (line := _line(rule)) is None else f", line {line}"
    return f"`{shown(rule.pattern)}` ({shown(rule.source)}{where})"


def _line(rule: Rule) -> int | None:
    # A pattern in .omnimem.toml is an item of a list.
    return None if rule.line < 1 or rule.source.endswith(".toml") else rule.line


def _shown_rule(rule: Rule | None) -> PathRule | None:
    if rule is None:
        return None
    source = "built-in" if rule.source == _BUILT_IN else shown(rule.source)
    return PathRule(source=source, line=_line(rule), pattern=shown(rule.pattern))


def _explanation(found: Found, workspace: WatchedWorkspace | None, reason: _Reason) -> Explanation:
    reads = reason.word in (ExplainReason.RECORDED, ExplainReason.FOLDER)
    linked = "" if posixpath.normpath(found.path) == found.real else f"It leads to {shown(found.real)}. "
    unseen = "" if found.is_directory is not None else "Nothing is there yet, so this goes by its name. "
    return Explanation(
        path=shown(found.path),
        real_path=shown(found.real),
        exists=found.is_directory is not None,
        recorded=reads or reason.word is ExplainReason.NO_WATCH_LEFT,
        reads_observed=reads and workspace is not None and workspace.reads_observed,
        workspace=None if workspace is None else workspace.path,
        project_id=None if workspace is None else workspace.project_id,
        reason=reason.word,
        detail=f"{linked}{unseen}{reason.detail}",
        rule=reason.rule,
        hint=reason.hint,
    )
