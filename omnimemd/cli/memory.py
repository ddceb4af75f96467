"""`omnimem memory`: keep what the next session of a project should know."""

import re
import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from omnimem import Client
from omnimem.model import Memory
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import client_of, project_of
from omnimemd.cli.errors import USAGE, CannotGoOn
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser, Run, Verbs
from omnimemd.cli.text import counted, safe, safe_lines
from omnimemd.cli.times import ago, when

#: What the daemon calls memories; such a name is taken for an id, any other for a key.
_ID: Final = re.compile(r"mem_[0-9a-f]{12}")


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

    verb = add(
        "list",
        _list,
        summary="List the memories of a project, last accessed first.",
        example="omnimem memory list --limit 5",
        key=False,
    )
    verb.add_argument("--limit", metavar="N", type=take.whole(1, 100), default=100, help="how many (default: 100)")
    verb.add_argument("--no-touch", action="store_true", help="do not count this as an access")

    add(
        "history",
        _history,
        summary="List the versions of a memory, newest first.",
        example="omnimem memory history test-command",
    )
    verb = add(
        "restore",
        _restore,
        summary="Write an earlier version again, as a new one; a deleted memory is named by its id.",
        example="omnimem memory restore test-command 1",
    )
    verb.add_argument("version", metavar="VERSION", type=take.whole(1), help="which; see `omnimem memory history`")
    verb = add(
        "delete",
        _delete,
        summary="Delete a memory. Its versions stay, and can be restored, unless --purge is given.",
        example="omnimem memory delete test-command",
    )
    verb.add_argument("--purge", action="store_true", help="erase every version, for good")
    verb.add_argument("--yes", action="store_true", help="do not ask before --purge")
    add(
        "confirm",
        _confirm,
        summary="Say that a memory still holds.",
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
        memory = _found(client, project_of(client, given.project), given.memory, touch=not given.no_touch)
    if given.raw and not out.json:
        out.raw(memory.memory_value)
    elif out.json:
        out.object(memory)
    else:
        out.line(safe_lines(memory.memory_value))
        if memory.expires_at is not None:
            out.say(f"It expires {when(memory.expires_at)}.")


def _list(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        found = client.list_memories(project_id, limit=given.limit, touch=not given.no_touch)
    if out.answered(found, ids=[one.memory_id for one in found.memories]):
        return
    rows = [
        (safe(one.memory_key), str(one.version), ago(one.updated_at), safe(one.memory_value)) for one in found.memories
    ]
    if rows:
        out.table(("KEY", "VERSION", "WRITTEN", "VALUE"), rows)
    else:
        out.say("This project has no memories.")


def _history(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        found = client.memory_versions(project_id, _id(client, project_id, given.memory))
    if out.answered(found, ids=[str(one.version) for one in found.versions]):
        return
    rows = [
        (str(one.version), ago(one.created_at), "(deleted)" if one.deleted else safe(one.memory_value or ""))
        for one in found.versions
    ]
    out.table(("VERSION", "WRITTEN", "VALUE"), rows)


def _restore(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        memory = client.restore_memory(project_id, _id(client, project_id, given.memory), version=given.version)
    if not out.answered(memory, ids=[memory.memory_id]):
        out.say(f"{safe(memory.memory_key)} is at version {memory.version}, which says what {given.version} said.")


def _delete(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        memory_id = _id(client, project_id, given.memory)
        if given.purge and not given.yes:
            number = client.memory_versions(project_id, memory_id).count
            out.confirm(f"Erase {safe(given.memory)} ({memory_id}) with {counted(number, 'version')}?")
        client.delete_memory(project_id, memory_id, purge=given.purge)
    if given.purge:
        out.say(f"Erased {safe(given.memory)}.")
    else:
        out.say(f"Deleted {safe(given.memory)}; `omnimem memory restore {memory_id} VERSION` brings it back.")


def _confirm(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        memory = client.confirm_memory(project_id, _id(client, project_id, given.memory))
    if not out.answered(memory, ids=[memory.memory_id]):
        out.say(f"{safe(memory.memory_key)} still holds.")


def _id(client: Client, project_id: str, named: str) -> str:
    return named if _ID.fullmatch(named) else _found(client, project_id, named, touch=False).memory_id


def _found(client: Client, project_id: str, named: str, *, touch: bool) -> Memory:
    if _ID.fullmatch(named):
        return client.get_memory(project_id, memory_id=named, touch=touch)
    return client.get_memory(project_id, key=named, touch=touch)
