"""The settings, as the daemon itself reads them: `omnimemd --check` says them, or what is wrong with them."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from omnimem.model import Check, Verdict

#: Seconds the daemon's command may take to read its settings.
_PATIENCE: Final = 20.0


class BackupsHere(msgspec.Struct, frozen=True, kw_only=True):
    """What is set of backups, and what there is of them."""

    every: str
    daily: int
    weekly: int
    by_hand: int
    count: int
    newest: str | None  #: when the newest was made that looks whole, RFC 3339


class SettingsHere(msgspec.Struct, frozen=True, kw_only=True):
    """What `omnimemd --check` says."""

    socket: str
    data_dir: str
    log_level: str
    log_format: str
    workspaces: int
    ambient_idle_minutes: float
    automatic_sessions: bool
    tools: int
    semantic: bool
    endpoint: bool
    retention: dict[str, str]
    backups: BackupsHere


def settings_here(socket: Path) -> SettingsHere | str:
    """Return the settings a daemon on *socket* would have, or in words why it would not start."""
    # -P: nothing is imported from the current directory; -B: nothing is written either.
    command = [sys.executable, "-P", "-B", "-m", "omnimemd.daemon.main", "--check", "--socket", str(socket)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 our own program
        if done.returncode == 0:
            return msgspec.json.decode(done.stdout, type=SettingsHere)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        return f"The daemon's command cannot be run: {error}."
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (said[-1] if said else f"exit status {done.returncode}").removeprefix("omnimemd: ")


def look_at_backups(found: SettingsHere | str) -> Check | None:
    """Say of what a database that keeps a daemon from starting could be made good; None where there is nothing."""
    if isinstance(found, str) or not found.backups.count:
        return None
    if found.backups.newest is None:
        detail = f"None of the {found.backups.count} is a whole database."
        return Check(name="backups", verdict=Verdict.WARN, detail=detail, hint="`omnimem backup list` shows them.")
    detail = f"{found.backups.count}, the newest of {found.backups.newest}."
    return Check(name="backups", verdict=Verdict.OK, detail=detail)


def look_at_settings(found: SettingsHere | str) -> Check:
    """Say whether the daemon would start with them."""
    if isinstance(found, str):
        return Check(
            name="settings", verdict=Verdict.FAIL, detail=found, hint="Correct it, and start the daemon again."
        )
    return Check(name="settings", verdict=Verdict.OK, detail="They can be read, and mean something.")
