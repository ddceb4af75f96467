"""Words that several checks use."""

from typing import Final

#: Things named in one line.
_NAMED: Final = 3
#: The hint where mending is safe.
REPAIR: Final = "`omnimem doctor --repair` mends it."


def named(things: list[str]) -> str:
    """Return *things* in one line: the first few, and how many more there are."""
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")
