"""What is installed: programs on PATH, Python, and what of omnimem stands in others' files."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from omnimem import __version__
from omnimem.model import Check, Verdict
from omnimemd.cli.looking.reading import opened
from omnimemd.cli.text import shown_path

#: What shells read as they start, below the home folder.
_SHELLS: Final = (".bashrc", ".bash_profile", ".profile", ".zshrc", ".config/fish/config.fish")
#: Where agents keep their settings, below the home folder.
_AGENTS: Final = (
    *(".claude/settings.json", ".claude.json", ".codex/config.toml", ".gemini/settings.json"),
    *(".cursor/mcp.json", ".cursor/hooks.json", ".config/opencode/opencode.json"),
)
#: How much of such a file is read.
_BYTES: Final = 1024 * 1024


def look_at_installation() -> Iterator[Check]:
    """Look at what is installed."""
    yield _programs()
    yield _hooks()


def _programs() -> Check:
    told = f"omnimem {__version__} with Python {platform.python_version()}."
    places = {name: _on_path(name) for name in ("omnimem", "omnimemd")}
    twice = [shown_path(place) for found in places.values() if len(found) > 1 for place in found]
    if twice:
        detail = f"{told} Several are on PATH: {', '.join(twice)}."
        return Check(name="versions", verdict=Verdict.WARN, detail=detail, hint="Keep one, or call it by its path.")
    return Check(name="versions", verdict=Verdict.OK, detail=told)


def _on_path(name: str) -> list[str]:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = [Path(folder, name) for folder in folders if folder.startswith("/")]
    different = {one.resolve(): str(one) for one in reversed(found) if os.access(one, os.X_OK)}
    return list(different.values())


def _hooks() -> Check:
    naming = [f"~/{name}" for name in (*_SHELLS, *_AGENTS) if _names_omnimem(Path.home() / name)]
    if not naming:
        return Check(name="hooks", verdict=Verdict.OK, detail="No shell and no agent has been told of omnimem.")
    detail = f"Named in {', '.join(naming)}."
    if not _on_path("omnimem"):
        hint = "Put it on PATH, or remove the lines."
        return Check(name="hooks", verdict=Verdict.WARN, detail=f"{detail} But `omnimem` is not on PATH.", hint=hint)
    return Check(name="hooks", verdict=Verdict.OK, detail=detail)


def _names_omnimem(path: Path) -> bool:
    try:
        with opened(path) as file:
            return b"omnimem" in file.read(_BYTES)
    except OSError:
        return False
