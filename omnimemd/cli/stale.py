"""What to say of a memory whose files changed."""

from pathlib import Path

from omnimem.model import Memory
from omnimemd.cli.text import counted, shown_path
from omnimemd.cli.times import ago


def because(memory: Memory) -> str | None:
    """Return why *memory* is stale: "src/app.py changed 3 h ago", "4 files changed, the first 2 days ago"; or None."""
    if not memory.stale or memory.stale_since is None:
        return None
    since = ago(memory.stale_since)
    if len(memory.changed_files) > 1:
        return f"{counted(len(memory.changed_files), 'file')} changed, the first {since}"
    return f"{shown_path(memory.changed_files[0], below=_here())} changed {since}"


def _here() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted
        return None
