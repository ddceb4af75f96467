"""Backups where no daemon answers: the daemon's own program looks at their files, without running as a daemon."""

import subprocess
import sys
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from omnimem import BackupNotFound
from omnimem.model import BackupCheck, BackupChecks, BackupList, Reply
from omnimemd.cli.errors import CannotGoOn

R = TypeVar("R", bound=Reply)

#: Seconds it may take to read all of one.
_PATIENCE: Final = 3600.0


def every(socket: Path) -> BackupList:
    """Return those of the daemon on *socket*, as it would list them.

    Raises:
        CannotGoOn: the program cannot tell.
    """
    return _said(BackupList, socket, "--backups")


def check(socket: Path, backup_id: str | None) -> list[BackupCheck]:
    """Return what is wrong with the backup of that id, or with each; all of it is read.

    Raises:
        BackupNotFound: there is none of this id.
        CannotGoOn: the program cannot tell.
    """
    found = _said(BackupChecks, socket, "--verify", backup_id or "all").backups
    if not found and backup_id is not None:
        raise BackupNotFound(f"No backup {backup_id!r}.")
    return found


def _said(kind: type[R], socket: Path, *what: str) -> R:
    # -E and -P: nothing is imported from where PYTHONPATH leads, nor from the current directory.
    command = [sys.executable, "-E", "-P", "-m", "omnimemd.daemon.main", "--socket", str(socket), *what]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 our own program
        if done.returncode == 0:
            return msgspec.json.decode(done.stdout, type=kind)
        quoted = done.stderr.decode("utf-8", "replace").splitlines()
    except (OSError, subprocess.TimeoutExpired, msgspec.MsgspecError) as error:
        quoted = [str(error)]
    raise CannotGoOn(
        "No daemon runs, and its program cannot tell what backups there are.",
        hint="`omnimem doctor` says what keeps it from running.",
        quoted=quoted[-3:],
    )
