"""`omnimem backup`: make backups, look them over, and put one in the place of the database."""

import time
from argparse import Namespace
from contextlib import suppress
from typing import Final

from omnimem import CallTimeout, Client, ConnectionLost, DaemonNotRunning
from omnimem.model import Backup, BackupCheck, BackupChecks, BackupRestored
from omnimemd.cli import arguments as take
from omnimemd.cli import backup_files
from omnimemd.cli.connection import client_of, socket_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Verbs
from omnimemd.cli.text import counted, safe, size
from omnimemd.cli.times import ago, between, when

#: Seconds a call may take: a large database is copied, and read.
_TIMEOUT: Final = 3600.0
#: Seconds a daemon that begins again may be the one from before.
_BEGIN_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 0.05
_WHAT: Final = "This takes the place of everything"
_DECLINED: Final = "Nothing was changed."
#: Whatever is the matter with the daemon, the files are there.
_NOBODY_ANSWERS: Final = (DaemonNotRunning, ConnectionLost, CallTimeout)
_SAMPLE: Final = "backup_20260301T120000000Z_client_0a1b"
#: What is counted: one, and several.
_COUNTED: Final = {
    "sessions": ("session", "sessions"),
    "entries": ("entry", "entries"),
    "decisions": ("decision", "decisions"),
    "memories": ("version of a memory", "versions of memories"),
}


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)
    verbs.add("create", _create, summary="Make a backup now, and read it again.", example="omnimem backup create")
    verbs.add("list", _list, summary="List backups, newest first, without a daemon too.", example="omnimem backup list")
    verb = verbs.add(
        "verify",
        _verify,
        summary="Read backups, all of each, and say what is wrong with them, without a daemon too.",
        example=f"omnimem backup verify {_SAMPLE}",
    )
    verb.add_argument("backup", metavar="ID", nargs="?", type=take.text, help="which (default: all)")
    verb = verbs.add(
        "restore",
        _restore,
        summary="Put a backup in the place of the database, which becomes a backup itself. Says first what would "
        "change, and how to undo it. Starts the daemon if it does not run.",
        example=f"omnimem backup restore {_SAMPLE} --yes",
    )
    verb.add_argument("backup", metavar="ID", type=take.text, help="which")
    verb.add_argument("--dry-run", action="store_true", help="only say what would change")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb = verbs.add(
        "delete", _delete, summary="Delete backups, for good.", example=f"omnimem backup delete {_SAMPLE} --yes"
    )
    verb.add_argument("backups", metavar="ID", nargs="*", type=take.text, help="which")
    verb.add_argument("--all", action="store_true", help="every one")
    verb.add_argument("--yes", action="store_true", help="do not ask")


def tell_what_is_held(client: Client, out: Output) -> None:
    """Say that backups made before still have what was just erased, if there are any."""
    count = client.list_backups().count
    if count:
        out.say(
            f"{counted(count, 'backup')} made before may still hold it, until newer ones take their place; "
            "`omnimem backup delete --all` deletes them now."
        )


def _create(given: Namespace, out: Output) -> None:
    with _client(given) as client:
        made = client.create_backup()
    if not out.answered(made, ids=[made.backup_id]):
        out.line(made.backup_id)
        out.say(f"{size(made.bytes)}, read again and whole: {safe(made.path)}")


def _list(given: Namespace, out: Output) -> None:
    try:
        with client_of(given) as client:
            found = client.list_backups()
    except _NOBODY_ANSWERS:
        _tell_of_files(out)
        found = backup_files.every(socket_of(given))
    if out.answered(found, ids=[one.backup_id for one in found.backups]):
        return
    if found.backups:
        out.table(("ID", "MADE", "WHY", "SIZE", "STATE"), list(map(_row, found.backups)))
    else:
        out.say("No backups yet.")


def _row(one: Backup) -> tuple[str, ...]:
    state = "whole" if one.verified else "damaged"
    return (safe(one.backup_id), ago(one.created_at), safe(one.reason), size(one.bytes), state)


def _verify(given: Namespace, out: Output) -> None:
    try:
        with _client(given) as client:
            ids = [given.backup] if given.backup else [one.backup_id for one in client.list_backups().backups]
            found = [client.verify_backup(one) for one in ids]
    except _NOBODY_ANSWERS:
        _tell_of_files(out)
        found = backup_files.check(socket_of(given), given.backup)
    bad = [one for one in found if not one.verified]
    checked = BackupChecks(backups=found, count=len(found))
    if not out.answered(checked, ids=[one.backup_id for one in bad]):
        if found:
            out.table(("ID", "STATE"), [(safe(one.backup_id), _state(one)) for one in found])
        else:
            out.say("No backups yet.")
    if bad:
        them = "it" if len(bad) == 1 else "them"
        hint = f"Make another with `omnimem backup create`, then delete {them}: "
        hint += f"`omnimem backup delete {' '.join(one.backup_id for one in bad)}`."
        raise CannotGoOn(f"{counted(len(bad), 'backup')} cannot be relied on.", hint=hint)


def _state(one: BackupCheck) -> str:
    return "whole" if one.verified else f"damaged: {safe(one.problems[0])}"


def _tell_of_files(out: Output) -> None:
    out.say("No daemon answers; this is what the files say.")


def _restore(given: Namespace, out: Output) -> None:
    try:
        with _client(given) as client:
            _restore_by(client, given, out)
    except DaemonNotRunning as error:
        _restore_without(given, out, error)


def _restore_by(client: Client, given: Namespace, out: Output) -> None:
    would = client.restore_backup(given.backup, dry_run=True)
    if given.dry_run and out.answered(would, ids=[would.backup_id]):
        return
    _tell(would, out)
    if given.dry_run:
        return
    if not given.yes:
        out.confirm("Put it in place?", what=_WHAT, declined=_DECLINED)
    done = client.restore_backup(given.backup)
    undo = str(done.undo_backup_id)
    if not _is_in_place(given, undo):
        raise CannotGoOn("The backup was not put in place.", hint="The daemon's log says why.")
    if not out.answered(done, ids=[undo]):
        out.say(f"Restored. To undo it: omnimem backup restore {undo}")


def _is_in_place(given: Namespace, undo: str) -> bool:
    """Wait until the daemon has begun again; return whether what undoes the restore is there."""
    deadline = time.monotonic() + _BEGIN_SECONDS
    while time.monotonic() < deadline:
        with suppress(ConnectionLost), _client(given) as client:  # a connection of its own each time
            if undo in {one.backup_id for one in client.list_backups().backups}:
                return True
        time.sleep(_LOOK_AGAIN_SECONDS)
    return False


def _restore_without(given: Namespace, out: Output, error: DaemonNotRunning) -> None:
    """Have the daemon start with the backup in place: it may be the database that keeps it from starting."""
    if given.dry_run:
        raise error
    if not given.yes:
        out.say("The daemon does not run, so what would change cannot be told.")
        question = f"Start it with backup {safe(given.backup)} in place?"
        out.confirm(question, what=_WHAT, declined=_DECLINED)
    from omnimemd.cli.launch import start  # few calls start anything

    path = socket_of(given)
    start(path, "--restore", given.backup)
    with Client(path, timeout=_TIMEOUT) as client:
        undo = [one for one in client.list_backups().backups if one.reason == "restore"][:1]
    out.say("Restored, and the daemon runs.")
    if undo:
        out.say(f"To undo it: omnimem backup restore {safe(undo[0].backup_id)}")


def _tell(would: BackupRestored, out: Output) -> None:
    since = f"{when(would.lost_from)} ({between(would.lost_from, would.lost_until)})"
    out.say(f"What was recorded since {since} would go:")
    for kind, (noun, plural) in _COUNTED.items():
        one = would.changes.get(kind)
        if one is not None and one.gone:
            out.say(f"  {one.gone} of {counted(one.now, noun, plural)} would be gone")
        if one is not None and one.back:
            out.say(
                f"  {counted(one.back, noun, plural)} that {'is' if one.back == 1 else 'are'} gone now would be back"
            )
    if not would.changes:
        out.say("  how much that is cannot be told: the database is damaged")
    elif not any(one.gone or one.back for one in would.changes.values()):
        out.say("  no session, entry or memory; settings, maybe")
    out.say("The present state becomes a backup first, so it can be undone.")


def _delete(given: Namespace, out: Output) -> None:
    if bool(given.backups) == given.all:
        raise CannotGoOn("Say which backups, or --all.", hint="List them with `omnimem backup list`.", status=2)
    with _client(given) as client:
        ids = [one.backup_id for one in client.list_backups().backups] if given.all else given.backups
        if ids and not given.yes:
            out.confirm(f"Delete {counted(len(ids), 'backup')}, for good?")
        for one in ids:
            client.delete_backup(one)
    if not out.json:
        out.say(f"Deleted {counted(len(ids), 'backup')}.")


def _client(given: Namespace) -> Client:
    return Client(socket_of(given), timeout=_TIMEOUT)
