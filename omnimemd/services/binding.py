"""Which process a session is to be bound to: the one that is named, or whoever calls."""

from itertools import chain
from typing import NamedTuple

from omnimem.errors import ProcessNotFound
from omnimem.model import SessionCreate
from omnimemd.domain.identity import choose_caller
from omnimemd.domain.ports import Processes
from omnimemd.domain.sessions import BoundProcess


class Binding(NamedTuple):
    """What a session is to be bound to."""

    process: BoundProcess | None  #: None: nothing
    gone: bool  #: whoever called has died since, so that nobody is left who would ever end the session


def process_for(request: SessionCreate, processes: Processes, *, caller: int | None) -> Binding:
    """Return the process for the session of *request*, which *caller* sent; None where it is not known.

    Raises:
        ProcessNotFound: the process that is named is no live one of this user.
    """
    gone = False
    if request.process_id is not None:
        found = processes.find(request.process_id)
        if found is None:
            raise ProcessNotFound.field("process_id", f"no live process {request.process_id} of this user")
    elif caller is None:
        found = None
    else:
        ancestry = processes.ancestry(caller)
        first = next(ancestry, None)
        gone = first is None
        found = None if first is None else choose_caller(chain((first,), ancestry))
    return Binding(None if found is None else BoundProcess(found.identity, found.started_at), gone)
