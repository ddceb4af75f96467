"""`omnimem export`: write what is remembered as JSON Lines, to a file or to stdout."""

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final

from omnimemd.cli import arguments as take
from omnimemd.cli.connection import catch_up, client_of, project_at
from omnimemd.cli.files import new_file
from omnimemd.cli.output import Output
from omnimemd.cli.parser import Parser
from omnimemd.cli.text import counted, shown_path, size

#: How the lines begin that are counted.
_TYPES: Final = {
    name: f'{{"type":"{name}",'.encode() for name in ("project", "memory", "version", "session", "entry", "end")
}


def declare(word: Parser) -> None:
    """Declare the word."""
    word.does(_export, example="omnimem export --for-git --force -o memories.jsonl")
    which = word.add_mutually_exclusive_group()
    which.add_argument(
        "--project", metavar="ID|PATH", type=take.text, help="the project (default: the current directory's)"
    )
    which.add_argument("--all", action="store_true", help="every project")
    word.add_argument("--memories-only", action="store_true", help="leave sessions out")
    word.add_argument(
        "--for-git", action="store_true", help="the same, without what changes by itself: only changes differ"
    )
    word.add_argument("-o", metavar="FILE", dest="file", type=take.file, help="write it there (default: to stdout)")
    word.add_argument("--force", action="store_true", help="replace FILE if it is there")


def _export(given: Namespace, out: Output) -> None:
    with client_of(given) as client:
        project_id = None if given.all else project_at(client, given.project)
        catch_up(client)
        pieces = client.export(project_id=project_id, memories_only=given.memories_only, for_git=given.for_git)
        if given.file is None:
            for piece in pieces:
                out.binary(piece)
            return
        with new_file(given.file, replace=given.force) as file:
            told = _written(file, pieces, out)
    out.say(f"Exported {told} to {shown_path(given.file)}.")


def _written(file: BinaryIO, pieces: Iterator[bytes], out: Output) -> str:
    """Write *pieces* to *file*; return what was written, in words."""
    counts: Counter[str] = Counter()
    written, rest = 0, b""
    for piece in pieces:
        file.write(piece)
        written += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        counts.update(name for line in lines for name, start in _TYPES.items() if line.startswith(start))
        out.progress(f"{size(written)} …")
    out.progress("")
    file.flush()
    os.fsync(file.fileno())
    told = [counted(counts["project"], "project"), counted(counts["memory"], "memory", "memories")]
    if counts["session"]:
        told += [counted(counts["session"], "session"), counted(counts["entry"], "entry", "entries")]
    return f"{', '.join(told)} ({size(written)})"
