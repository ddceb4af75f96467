"""`omnimem memory history`, `diff`, `restore`, `rewind`: what memories said before, and how they say it again."""

from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from omnimem.model import MemoryVersion, MemoryVersions, RewoundMemory
from omnimemd.cli.connection import client_of, project_of
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.memory_names import id_of_any
from omnimemd.cli.output import Output, Style
from omnimemd.cli.text import cell, counted, safe
from omnimemd.cli.times import ago, when

#: Lines of a unified diff that name what is compared.
_HEADINGS: Final = 2
_STYLES: Final = {"+": Style.GREEN, "-": Style.RED, "@": Style.CYAN}


def history(given: Namespace, out: Output) -> None:
    """List the versions of a memory."""
    versions = _versions(given)
    if out.answered(versions, ids=[str(one.version) for one in versions.versions]):
        return
    rows = [
        (str(one.version), ago(one.created_at), safe(one.session_id or "-"), _said(one)) for one in versions.versions
    ]
    out.table(("VERSION", "WRITTEN", "SESSION", "VALUE"), rows)


def diff(given: Namespace, out: Output) -> None:
    """Show what changed between two versions."""
    everything = _versions(given)
    older, newer = _chosen(everything.versions, given.older, given.newer)
    compared = [newer] if older is None else [newer, older]
    chosen = MemoryVersions(memory_id=everything.memory_id, versions=compared, count=len(compared))
    if out.answered(chosen, ids=[str(one.version) for one in compared]):
        return
    lines = list(_changes(given.memory, older, newer))
    for line, style in lines:
        out.line(out.styled(safe(line), style) if style else safe(line))
    if not lines and older is not None:
        out.say(f"Versions {older.version} and {newer.version} say the same.")


def restore(given: Namespace, out: Output) -> None:
    """Write an earlier version again."""
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        memory_id = id_of_any(client, project_id, given.memory)
        memory = client.restore_memory(project_id, memory_id, version=given.version, session_id=given.session)
    if not out.answered(memory, ids=[memory.memory_id]):
        out.say(f"{safe(memory.memory_key)} is at version {memory.version}, which says what {given.version} said.")


def rewind(given: Namespace, out: Output) -> None:
    """Have every memory say again what it said at a moment."""
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        done = client.rewind_memories(project_id, to=given.to, dry_run=True)
        if done.count and not given.dry_run:
            if not given.yes:
                _show(done.memories, out)
                out.confirm(
                    f"Have {counted(done.count, 'memory', 'memories')} say again what they said {when(done.to)}?",
                    what="This changes what memories say",
                    declined="Nothing was changed.",
                )
            done = client.rewind_memories(project_id, to=given.to, session_id=given.session)
    if out.answered(done, ids=[one.memory_id for one in done.memories]):
        return
    if not done.count:
        out.say(f"Every memory says what it said {when(done.to)}.")
        return
    if given.dry_run or given.yes:
        _show(done.memories, out)
    out.say("Nothing is changed yet." if given.dry_run else f"The memories are as they were {when(done.to)}.")


def _versions(given: Namespace) -> MemoryVersions:
    with client_of(given) as client:
        project_id = project_of(client, given.project)
        return client.memory_versions(project_id, id_of_any(client, project_id, given.memory))


def _chosen(
    versions: Sequence[MemoryVersion], older: int | None, newer: int | None
) -> tuple[MemoryVersion | None, MemoryVersion]:
    """Return the versions to compare; the older is None where the newer is the first there is."""
    known = {one.version: one for one in versions}
    for wanted in (older, newer):
        if wanted is not None and wanted not in known:
            raise CannotGoOn(f"There is no version {wanted}.", hint="See `omnimem memory history`.")
    last = versions[0].version if newer is None else newer
    before = max((one for one in known if one < last), default=None) if older is None else older
    return None if before is None else known[before], known[last]


def _changes(key: str, older: MemoryVersion | None, newer: MemoryVersion) -> Iterator[tuple[str, Style | None]]:
    """Yield the unified diff of each part of two versions, line by line, and how each line stands out."""
    import difflib  # no other verb needs it

    for part, lines_of in _PARTS.items():
        before = [] if older is None else lines_of(older)
        names = [part + _named(key, one) for one in (older, newer)]
        lines = difflib.unified_diff(before, lines_of(newer), names[0], names[1], lineterm="")
        for number, line in enumerate(lines):
            yield line, Style.BOLD if number < _HEADINGS else _STYLES.get(line[:1])


def _named(key: str, version: MemoryVersion | None) -> str:
    if version is None:
        return "nothing"
    gone = " (expired)" if version.expired else " (deleted)" if version.deleted else ""
    return f"{key}, version {version.version}{gone}, {when(version.created_at)}"


def _value(version: MemoryVersion) -> list[str]:
    return [] if version.memory_value is None else version.memory_value.split("\n")


def _metadata(version: MemoryVersion) -> list[str]:
    import json  # few versions have any

    if not version.metadata:
        return []
    return json.dumps(version.metadata, ensure_ascii=False, indent=2, sort_keys=True).split("\n")


def _files(version: MemoryVersion) -> list[str]:
    return version.files


#: What is compared of a version, and how its heading begins.
_PARTS: Final = {"": _value, "metadata of ": _metadata, "files of ": _files}


def _said(version: MemoryVersion) -> str:
    if version.deleted:
        return "(expired)" if version.expired else "(deleted)"
    return cell(version.memory_value or "")


def _show(memories: Iterable[RewoundMemory], out: Output) -> None:
    out.table(("KEY", "CHANGE"), [(safe(one.memory_key), _told(one)) for one in memories])


def _told(one: RewoundMemory) -> str:
    match one.change:
        case "restored":
            return f"says again what version {one.to_version} said (now: {one.from_version})"
        case "revived":
            return f"lives again, and says what version {one.to_version} said"
        case "amended":
            return "has its files and its expiry of then again"
        case "deleted":
            return "is deleted: there was none then"
        case "expired":
            return "is deleted: what there was then would have expired since"
        case _:
            return "stays as it is: what it said then is not kept any more"
