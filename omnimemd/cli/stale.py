"""What to say of a memory whose files changed."""

import os
from pathlib import Path

from omnimem.model import Memory
from omnimemd.cli.text import counted, shown_path
from omnimemd.cli.times import ago


def because(memory: Memory) -> str | None:
    """Return why *memory* is stale, or None.

    As in "src/app.py changed 3 h ago", "src/app.py disappeared 3 h ago", "4 files changed, the first 2 days ago".
    """
    if not memory.stale or memory.stale_since is None:
        return None
    since = ago(memory.stale_since)
    if len(memory.changed_files) > 1:
        return f"{counted(len(memory.changed_files), 'file')} changed, the first {since}"
    (path,) = memory.changed_files
    what = "changed" if os.path.lexists(path) else "disappeared"
    return f"{shown_path(path, below=_here())} {what} {since}"


def _here() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted
        return None
