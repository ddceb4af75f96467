"""`omnimem retention`: how long what was recorded is kept, what is due to go, and letting it go."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Final

from omnimemd.cli.connection import client_of
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import counted, safe
from omnimemd.cli.times import ago

#: What is counted by each rule: one, and several.
_COUNTED: Final = {
    "sessions": ("ended session", "ended sessions"),
    "archived_sessions": ("archived session", "archived sessions"),
    "accesses": ("access of an ended session", "accesses of ended sessions"),
    "searches": ("search of an ended session", "searches of ended sessions"),
    "decisions": ("decision of an ended session", "decisions of ended sessions"),
    "deleted_memories": ("deleted memory", "deleted memories"),
}


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verbs.add(
        "show",
        _show,
        summary="Show how long each kind is kept, and how much is due to go.",
        example="omnimem retention show",
    )
    verb = verbs.add(
        "apply",
        _apply,
        summary="Let go of what is due, now; the daemon does it once a day by itself.",
        example="omnimem retention apply --dry-run",
    )
    verb.add_argument("--dry-run", action="store_true", help="only say what would go")
    verb.add_argument("--yes", action="store_true", help="do not ask")


def _show(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        found = client.show_retention()
    if out.answered(found, ids=[f"{one.name} {one.kept}" for one in found.rules]):
        return
    out.table(("KIND", "KEPT", "DUE"), [(safe(one.name), safe(one.kept), str(one.due)) for one in found.rules])
    if found.last_run is None:
        out.say("It has not been applied yet.")
    else:
        out.say(f"Last applied {ago(found.last_run.at)}: {_told(found.last_run.removed) or 'nothing was due'}.")


def _apply(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        if not (given.dry_run or given.yes):
            due = _told(client.apply_retention(dry_run=True).removed)
            if due:
                out.confirm(f"Delete {due}, for good?")
        done = client.apply_retention(dry_run=given.dry_run)
    if not out.answered(done, ids=[f"{name} {count}" for name, count in done.removed.items() if count]):
        told = _told(done.removed)
        if not told:
            out.say("Nothing is due.")
        else:
            out.say(f"{'It would delete' if done.dry_run else 'Deleted'} {told}.")


def _told(removed: Mapping[str, int]) -> str:
    """Return what went, in words; nothing where nothing did."""
    return ", ".join(
        counted(count, *_COUNTED.get(name, (safe(name), safe(name)))) for name, count in removed.items() if count
    )
