"""What the daemon refuses, told with the words of the command line: whoever types flags knows no members of JSON."""

import re
from collections.abc import Mapping
from typing import Final

from omnimem import CallTimeout, InvalidRequest, OmnimemError

#: What requests call it → what the verbs' arguments may be called; of several the first that the verb has.
_ARGUMENTS: Final = {
    "access": ("access",),
    "agent_id": ("agent",),
    "continues": ("continues",),
    "cursor": ("cursor",),
    "decision": ("decision",),
    "expected_version": ("expected_version",),
    "file_importance": ("importance",),
    "file_path": ("file",),
    "files": ("file",),
    "key": ("key", "memory"),
    "memory_id": ("memory",),
    "memory_key": ("memory_key",),
    "metadata": ("metadata",),
    "old_path": ("origin",),
    "path": ("path",),
    "process_id": ("pid",),
    "project_id": ("project",),
    "q": ("query",),
    "reason": ("reason",),
    "search_query": ("search",),
    "session_id": ("session", "id"),
    "to": ("to",),
    "tool_id": ("tool",),
    "ttl_seconds": ("ttl",),
    "user_id": ("user",),
    "value": ("value",),
    "workspace_path": ("workspace", "path"),
}
#: Those that are no ordinary words: a sentence that has one means the member.
_TERMS: Final = re.compile(r"\b(" + "|".join(name for name in _ARGUMENTS if "_" in name) + r")\b")


def in_words(error: OmnimemError, named: Mapping[str, str]) -> str:
    """Return what is wrong, each part with the argument it is about.

    Args:
        error: the daemon's.
        named: the arguments of the verb, as its help has them, by what they are called in the code.
    """
    said = []
    for one in error.errors:
        message = _TERMS.sub(lambda found: _argument(found[0], named) or found[0], one.message)
        name = one.field.partition("[")[0]
        argument = _argument(name, named)
        about = one.field if argument is None else f"argument {argument}"
        said.append(f"{about}: {message}" if one.field else message)
    return "; ".join(said) or error.detail


def what_next(error: OmnimemError) -> str:
    """Return the hint of *error*; one that speaks of requests only is put as one for whoever typed a command."""
    if isinstance(error, CallTimeout):  # a large database is looked over before it answers
        return "It starts, or has much to do: see what `omnimem doctor` says, and whether this was done."
    return "Correct that; `--help` says what goes there." if error.hint == InvalidRequest.default_hint else error.hint


def _argument(name: str, named: Mapping[str, str]) -> str | None:
    return next((named[one] for one in _ARGUMENTS.get(name, ()) if one in named), None)
