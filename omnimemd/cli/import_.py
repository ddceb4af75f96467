"""`omnimem import`: take in what `omnimem export` wrote; what is here already stays as it is."""

import secrets
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from msgspec.structs import replace

from omnimem import Client, OmnimemError
from omnimem.model import ImportConflict, ImportProgress
from omnimemd.cli import arguments as take
from omnimemd.cli.connection import client_of, project_at
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, safe, shown_path, size

#: Bytes sent at once: the daemon serves others between two of them.
_PIECE: Final = 64 * 1024
#: Conflicts that are shown; `--json` has all of them.
_SHOWN: Final = 20


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_import, example="omnimem import memories.jsonl --project .")
    word.add_argument("file", metavar="FILE", type=take.text, help="what `omnimem export` wrote; -: read stdin")
    word.add_argument(
        "--project", metavar="ID|PATH", type=take.text, help="import the file's one project into this one"
    )
    word.add_argument(
        "--on-conflict",
        choices=("ours", "theirs"),
        default="ours",
        help="a memory with another history here: leave it, or put the file's versions on top (default: ours)",
    )
    word.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _import(given: Namespace, out: Output) -> None:
    with client_of(given) as client, _opened(given.file) as file:
        project_id = None if given.project is None else project_at(client, given.project)
        chosen = {"project_id": project_id, "on_conflict": given.on_conflict, "dry_run": given.dry_run}
        done = _sent(client, file, chosen, out)
    _tell(done, out)
    if not done.complete:
        raise CannotGoOn(
            "The file is cut off: its last line is missing. What came before it is imported.",
            hint="Export it again.",
        )


def _opened(name: str) -> BinaryIO:
    if name == "-":
        if sys.stdin is None:
            raise CannotGoOn("There is no stdin.", hint="Name a file.")
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise CannotGoOn(f"{shown_path(name)} cannot be read: {error.strerror}.", hint="Name another file.") from None


def _sent(client: Client, file: BinaryIO, chosen: dict[str, object], out: Output) -> ImportProgress:
    import_id = f"imp_{secrets.token_hex(6)}"
    conflicts: list[ImportConflict] = []
    removed: set[str] = set()
    done: ImportProgress | None = None
    try:
        for piece in _pieces(file):
            offset = 0 if done is None else done.offset
            done = client.import_lines(piece, import_id=import_id, offset=offset, **chosen)
            conflicts += done.conflicts
            removed.update(done.redacted)
            out.progress(f"{size(done.offset)} …")
    except OmnimemError:
        out.progress("")
        if done is not None:
            _tell(replace(done, conflicts=conflicts, redacted=sorted(removed)), out)
        raise
    out.progress("")
    if done is None:
        raise CannotGoOn("The file is empty.", hint="Give what `omnimem export` wrote.")
    return replace(done, conflicts=conflicts, redacted=sorted(removed))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the file piece by piece; its last line ends, whether or not it does in the file."""
    last = b"\n"
    while piece := file.read(_PIECE):
        yield piece
        last = piece[-1:]
    if last != b"\n":
        yield b"\n"


def _tell(done: ImportProgress, out: Output) -> None:
    if out.json:
        out.object(done)
        return
    if out.quiet:
        return
    names = ("projects", "memories", "versions", "amendments", "sessions", "entries", "checkpoints")
    counts = {name: getattr(done, name) for name in names}
    rows = [
        (name, str(one.added), str(one.updated), str(one.unchanged), str(one.conflicting))
        for name, one in counts.items()
        if one.added or one.updated or one.unchanged or one.conflicting
    ]
    if done.dry_run:
        out.say("Nothing was changed; this is what an import would do:")
    if rows:
        out.table(("", "ADDED", "UPDATED", "UNCHANGED", "CONFLICTING"), rows)
    for one in done.conflicts[:_SHOWN]:
        out.say(f"line {one.line}: {one.type} {safe(one.id)}: {safe(one.detail)}")
    if more := len(done.conflicts[_SHOWN:]):
        out.say(f"… and {counted(more, 'more conflict')}; --json has all of them.")
    if done.redacted:
        out.say(f"Secrets were removed: {', '.join(done.redacted)}.")
    if not done.dry_run and not any(one.added or one.updated for one in counts.values()):
        out.say("Nothing was changed: all of it that can be taken is here already.")
