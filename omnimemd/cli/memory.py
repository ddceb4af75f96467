"""`omnimem memory`: keep what the next session of a project should know."""

import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from omnimem import Client
from omnimemd.cli import arguments as take
from omnimemd.cli import memory_history as past
from omnimemd.cli import stale
from omnimemd.cli.backup import tell_what_is_held
from omnimemd.cli.connection import client_of, project_of
from omnimemd.cli.errors import USAGE, CannotGoOn
from omnimemd.cli.memory_names import Gone, found, id_of, id_of_any, restoring
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Run, Verbs
from omnimemd.cli.text import cell, clip, counted, safe, safe_lines
from omnimemd.cli.times import ago, when

#: Columns of a key in a list.
_LONGEST_KEY: Final = 60


def declare(noun: Parser) -> None:
    """Declare the verbs."""
    verbs = Verbs(noun)

    def add(name: str, run: Run, *, summary: str, example: str, key: bool = True) -> ArgumentParser:
        verb = verbs.add(name, run, summary=summary, example=example)
        if key:
            verb.add_argument("memory", metavar="KEY", type=take.text, help="its key, or its id (mem_…)")
        verb.add_argument(
            "--project", metavar="ID", type=take.text, help="the project (default: the current directory's)"
        )
        return verb

    verb = add(
        "add",
        _add,
        summary="Write the memory of a key; one that exists gets a new version.",
        example="omnimem memory add test-command 'make check' --ttl 7d",
        key=False,
    )
    verb.add_argument("key", metavar="KEY", type=take.text, help="what it is called")
    verb.add_argument("value", metavar="VALUE", nargs="?", type=take.text, help="what to keep; - or none: read stdin")
    verb.add_argument("--ttl", metavar="TIME", type=take.duration, help="forget it after 90s, 15m, 12h, 7d, 2w")
    verb.add_argument(
        "--expected-version",
        metavar="N",
        type=take.whole(0),
        help="fail unless this is its version now (0: there is none)",
    )
    verb.add_argument("--session", metavar="ID", type=take.text, help="the session it comes from")
    verb.add_argument("--file", metavar="PATH", type=take.file, action="append", help="a file it speaks of; repeatable")
    verb.add_argument("--metadata", metavar="JSON", type=take.json_object, help="anything to keep with it")

    verb = add("get", _get, summary="Print the value of a memory.", example="omnimem memory get test-command")
    verb.add_argument("--raw", action="store_true", help="exactly as it was written, control characters too")
    verb.add_argument("--no-touch", action="store_true", help="do not count this as an access")
    verb.add_argument("--as-of", metavar="TIME", type=take.moment, help="as it was then; counts as no access")

    verb = add(
        "list",
        _list,
        summary="List the memories of a project, last accessed first.",
        example="omnimem memory list --limit 5",
        key=False,
    )
    verb.add_argument("--limit", metavar="N", type=take.whole(1, 100), default=100, help="how many (default: 100)")
    verb.add_argument("--no-touch", action="store_true", help="do not count this as an access")
    which = verb.add_mutually_exclusive_group()
    which.add_argument("--as-of", metavar="TIME", type=take.moment, help="as they were then, written last first")
    which.add_argument("--deleted", action="store_true", help="those deleted or expired instead, latest first")
    which.add_argument("--stale", action="store_true", help="only those of which a file has changed since")

    add(
        "history",
        past.history,
        summary="List the versions of a memory, newest first.",
        example="omnimem memory history test-command",
    )
    verb = add(
        "diff",
        past.diff,
        summary="Show what changed between two versions of a memory; unless told otherwise, the last two.",
        example="omnimem memory diff test-command",
    )
    verb.add_argument("older", metavar="A", nargs="?", type=take.whole(1), help="a version (default: the one before B)")
    verb.add_argument("newer", metavar="B", nargs="?", type=take.whole(1), help="another (default: the current one)")
    verb = add(
        "restore",
        past.restore,
        summary="Write an earlier version again, as a new one; a deleted or expired memory lives again.",
        example="omnimem memory restore test-command 1",
    )
    verb.add_argument("version", metavar="VERSION", type=take.whole(1), help="which; see `omnimem memory history`")
    verb.add_argument("--session", metavar="ID", type=take.text, help="the session that does it")
    verb = add(
        "rewind",
        past.rewind,
        summary="Have every memory of a project say again what it said at TIME. "
        "It shows what that changes, and asks. Nothing is lost: what they say now stays in their history.",
        example="omnimem memory rewind --to 2h --dry-run",
        key=False,
    )
    verb.add_argument(
        "--to", metavar="TIME", type=take.moment, required=True, help="a time, or how long ago: 2h, '2026-01-31 14:00'"
    )
    verb.add_argument("--session", metavar="ID", type=take.text, help="the session that does it")
    verb.add_argument("--dry-run", action="store_true", help="only show what would change")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb = add(
        "delete",
        _delete,
        summary="Delete a memory. Its versions stay, and can be restored, unless --purge is given.",
        example="omnimem memory delete test-command",
    )
    verb.add_argument("--purge", action="store_true", help="erase every version, for good; of a deleted memory too")
    verb.add_argument("--yes", action="store_true", help="do not ask before --purge")
    verb.add_argument("--session", metavar="ID", type=take.text, help="the session that does it")
    add(
        "confirm",
        _confirm,
        summary="Say that a memory still holds, though files that it speaks of may have changed.",
        example="omnimem memory confirm test-command",
    )


def _add(given: Namespace, out: Output) -> None:
    value = _value(given.value)
    with client_of(given) as client:
        written = client.create_memory(
            project_of(client, given.project),
            key=given.key,
            value=value,
            metadata=given.metadata,
            ttl_seconds=given.ttl,
            expected_version=given.expected_version,
            session_id=given.session,
            files=given.file,
        )
    if not out.answered(written, ids=[written.memory_id]):
        out.say(f"{safe(written.key)} is {written.memory_id}, version {written.version}.")
        for one in written.similar or ():
            out.say(f"It nearly repeats {safe(one.key)} ({one.memory_id}): {one.score:.0%} of the words are the same.")


def _value(given: str | None) -> str:
    if given is not None and given != "-":
        return given
    if sys.stdin is None or (given is None and sys.stdin.isatty()):
        raise CannotGoOn("VALUE is missing.", hint="Give it as an argument, or on stdin.", status=USAGE)
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise CannotGoOn("What stdin gives is not valid UTF-8.", hint="A memory is text.") from None


def _get(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        memory = found(client, project_id, given.memory, touch=not given.no_touch, as_of=given.as_of)
    if given.raw and not out.json:
        out.raw(memory.memory_value)
    elif out.json:
        out.object(memory)
    else:
        out.line(safe_lines(memory.memory_value))
        if memory.expires_at is not None and given.as_of is None:
            out.say(f"It expires {when(memory.expires_at)}.")
        if (reason := stale.because(memory)) is not None:
            out.say(f"It is stale: {reason}. If it still holds: `omnimem memory confirm {memory.memory_id}`.")


def _list(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        listed = client.list_memories(
            project_id,
            limit=given.limit,
            touch=not given.no_touch,
            as_of=given.as_of,
            deleted=given.deleted,
            stale=given.stale,
        )
        more = _more(client, project_id, given, len(listed.memories))
    if out.answered(listed, ids=[one.memory_id for one in listed.memories]):
        return
    if not listed.memories:
        out.say(_nothing(given))
    elif given.deleted:
        gone = [
            (clip(safe(one.memory_key), _LONGEST_KEY), "expired" if one.expired else "deleted", ago(one.updated_at))
            for one in listed.memories
        ]
        out.table(("KEY", "STATE", "WRITTEN"), gone)
    else:
        rows: list[tuple[str, ...]] = [
            (clip(safe(one.memory_key), _LONGEST_KEY), str(one.version), ago(one.updated_at), cell(one.memory_value))
            for one in listed.memories
        ]
        reasons = [stale.because(one) or "" for one in listed.memories]
        if any(reasons):
            rows = [(*row[:3], reason, row[3]) for row, reason in zip(rows, reasons, strict=True)]
        headings = (
            ("KEY", "VERSION", "WRITTEN", "STALE", "VALUE") if any(reasons) else ("KEY", "VERSION", "WRITTEN", "VALUE")
        )
        out.table(headings, rows)
    if more:
        out.say(more)


def _more(client: Client, project_id: str, given: Namespace, shown: int) -> str:
    """Return what to say of memories that are left out; "" where all are shown."""
    if shown < given.limit:
        return ""
    if given.as_of is None and not given.deleted and not given.stale:
        total = client.get_project(project_id).memories
        left = counted(total - shown, "memory is", "memories are")
        return f"{left} not shown; `omnimem search` finds what they say." if total > shown else ""
    return f"Only {shown} are shown; there may be more."


def _nothing(given: Namespace) -> str:
    if given.stale:
        return "No memory of this project is stale."
    if given.deleted:
        return "No memory of this project is deleted or expired."
    return "This project has no memories." if given.as_of is None else "This project had no memories then."


def _delete(given: Namespace, out: Output) -> None:
    name = safe(given.memory)
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        if given.purge:
            memory_id = id_of_any(client, project_id, given.memory)
            if not given.yes:
                number = client.memory_versions(project_id, memory_id).count
                out.confirm(f"Erase {name} ({memory_id}) with {counted(number, 'version')}?")
        else:
            try:
                memory_id = id_of(client, project_id, given.memory)
            except Gone as gone:  # which is what was asked for
                out.say(gone.detail)
                return
        client.delete_memory(project_id, memory_id, purge=given.purge, session_id=given.session)
        if given.purge:
            out.say(f"Erased {name}.")
            tell_what_is_held(client, out)
        else:
            out.say(f"Deleted {name}; `{restoring(client, project_id, memory_id)}` brings it back.")


def _confirm(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        memory = client.confirm_memory(project_id, id_of(client, project_id, given.memory))
    if not out.answered(memory, ids=[memory.memory_id]):
        out.say(f"{safe(memory.memory_key)} still holds.")
