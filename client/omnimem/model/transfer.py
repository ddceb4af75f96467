"""Export and import on the wire; docs/EXPORT.md describes the lines themselves."""

from typing import Annotated, Literal

from msgspec import Meta

from omnimem.model.vocabulary import Id, Reply, Request


class ExportQuery(Request, frozen=True, kw_only=True):
    """Choose what to export."""

    project_id: Id | None = None  #: without it, every project
    memories_only: bool = False  #: leave sessions and their entries out
    for_git: bool = False  #: the same, and leave out what changes by itself or is of this machine only


class ImportQuery(Request, frozen=True, kw_only=True):
    """Say what a piece of an export is, and what is to be done with it."""

    import_id: Id | None = None  #: of all pieces of one file; without it, the body is the whole file
    offset: Annotated[int, Meta(ge=0, le=2**62)] = 0  #: bytes of the file before this piece
    project_id: Id | None = None  #: import into this project, whatever the file calls its own
    on_conflict: Literal["ours", "theirs"] = "ours"  #: theirs: a memory's other versions are put on top, as new ones
    dry_run: bool = False  #: only say what would be done


class ImportCounts(Reply, frozen=True, kw_only=True):
    """What became of the lines of one type."""

    added: int = 0
    updated: int = 0  #: went on from where they end here
    unchanged: int = 0  #: were here already
    conflicting: int = 0  #: are something else here, and were left as they are here


class ImportConflict(Reply, frozen=True, kw_only=True):
    """Something that is not here what the file says."""

    line: int
    type: str  #: "project", "memory" or "session"
    id: str  #: a memory's key
    detail: str


class ImportProgress(Reply, frozen=True, kw_only=True):
    """How far an import has come; the counts are of the whole import so far."""

    import_id: str | None
    offset: int  #: of the next piece
    complete: bool  #: the last line has come
    dry_run: bool
    projects: ImportCounts
    memories: ImportCounts
    versions: ImportCounts
    amendments: ImportCounts  #: of versions: expiries set anew, files, confirmations
    sessions: ImportCounts
    entries: ImportCounts
    checkpoints: ImportCounts = ImportCounts()
    conflicts: list[ImportConflict]  #: found in this piece
    redacted: list[str]  #: the kinds of secrets that were removed from this piece
