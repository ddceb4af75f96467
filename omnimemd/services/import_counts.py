"""What becomes of what is imported, counted."""

import enum

import msgspec

from omnimem.model import ImportCounts


class Fate(enum.StrEnum):
    """What became of one thing in a file."""

    ADDED = "added"
    UPDATED = "updated"  #: it went on from where it ends here
    UNCHANGED = "unchanged"  #: it was here already
    CONFLICTING = "conflicting"  #: it is something else here, and was left as it is here


class Tally(msgspec.Struct):
    """How many there were of each fate. Mutable; belongs to one import."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicting: int = 0

    @property
    def total(self) -> int:
        """How many there were."""
        return self.added + self.updated + self.unchanged + self.conflicting

    def count(self, fate: Fate, number: int = 1) -> None:
        """Count *number* more."""
        setattr(self, fate, getattr(self, fate) + number)

    def add(self, other: "Tally") -> None:
        """Count what *other* has counted."""
        for fate in Fate:
            self.count(fate, getattr(other, fate))

    def shown(self) -> ImportCounts:
        """Return it as callers see it."""
        return ImportCounts(**msgspec.structs.asdict(self))
