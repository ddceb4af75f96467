"""Which memory somebody means: by its id, or by its key."""

import re
from datetime import datetime
from typing import Final

from omnimem import Client, MemoryNotFound
from omnimem.model import Memory
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.times import ago

#: What the daemon calls memories; such a name is taken for an id, any other for a key.
_ID: Final = re.compile(r"mem_[0-9a-f]{12}")


class Gone(CannotGoOn):
    """The memory was deleted, or has expired."""


def found(client: Client, project_id: str, named: str, *, touch: bool, as_of: datetime | None = None) -> Memory:
    """Return the memory that *named* says, as it was at *as_of* if that is given.

    Raises:
        Gone: it was deleted, or has expired; only of a key.
        MemoryNotFound: there never was one.
    """
    if _ID.fullmatch(named):
        return client.get_memory(project_id, memory_id=named, touch=touch, as_of=as_of)
    try:
        return client.get_memory(project_id, key=named, touch=touch, as_of=as_of)
    except MemoryNotFound:
        gone = _gone(client, project_id, named) if as_of is None else None
        if gone is None:
            raise
        what = "has expired" if gone.expired else "was deleted"
        revives = f"`{restoring(client, project_id, gone.memory_id)}` revives it."
        raise Gone(
            f"{named} {what}, {ago(gone.updated_at)}.",
            hint=f"`omnimem memory history {gone.memory_id}` shows what it said; {revives}",
        ) from None


def restoring(client: Client, project_id: str, memory_id: str) -> str:
    """Return the command that has a memory which is gone say again what it said last."""
    versions = client.memory_versions(project_id, memory_id).versions
    last = next((one.version for one in versions if not one.deleted), None)
    return f"omnimem memory restore {memory_id} {'VERSION' if last is None else last}"


def id_of(client: Client, project_id: str, named: str) -> str:
    """Return the id of the memory that *named* says.

    Raises:
        Gone: it is the key of a memory that was deleted, or has expired.
        MemoryNotFound: it is a key that no memory ever had.
    """
    return named if _ID.fullmatch(named) else found(client, project_id, named, touch=False).memory_id


def id_of_any(client: Client, project_id: str, named: str) -> str:
    """Return the id of the memory that *named* says, of a deleted or expired one too.

    Raises:
        MemoryNotFound: it is a key that no memory ever had.
    """
    if _ID.fullmatch(named):
        return named
    try:
        return client.get_memory(project_id, key=named, touch=False).memory_id
    except MemoryNotFound:
        gone = _gone(client, project_id, named)
        if gone is None:
            raise
        return gone.memory_id


def _gone(client: Client, project_id: str, key: str) -> Memory | None:
    try:
        return client.get_memory(project_id, key=key, deleted=True)
    except MemoryNotFound:
        return None
