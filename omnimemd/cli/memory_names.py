"""Which memory somebody means: by its id, or by its key."""

import re
from datetime import datetime
from typing import Final

from omnimem import Client, MemoryNotFound
from omnimem.model import Memory

#: What the daemon calls memories; such a name is taken for an id, any other for a key.
_ID: Final = re.compile(r"mem_[0-9a-f]{12}")


def found(client: Client, project_id: str, named: str, *, touch: bool, as_of: datetime | None = None) -> Memory:
    """Return the memory that *named* says, as it was at *as_of* if that is given.

    Raises:
        MemoryNotFound: there is no live one.
    """
    if _ID.fullmatch(named):
        return client.get_memory(project_id, memory_id=named, touch=touch, as_of=as_of)
    return client.get_memory(project_id, key=named, touch=touch, as_of=as_of)


def id_of(client: Client, project_id: str, named: str) -> str:
    """Return the id of the memory that *named* says.

    Raises:
        MemoryNotFound: it is a key, and no live memory has it.
    """
    return named if _ID.fullmatch(named) else found(client, project_id, named, touch=False).memory_id


def id_of_any(client: Client, project_id: str, named: str) -> str:
    """Return the id of the memory that *named* says, of a deleted or expired one too.

    Raises:
        MemoryNotFound: it is a key that no memory ever had.
    """
    try:
        return id_of(client, project_id, named)
    except MemoryNotFound as missing:
        try:
            return client.get_memory(project_id, key=named, deleted=True).memory_id
        except MemoryNotFound:
            raise missing from None
