"""Directories that only their user can enter."""

import os
import stat
from pathlib import Path

from omnimemd.system.errors import PlaceRefused


def private_directory(path: Path) -> None:
    """Make *path* a directory of mode 0700 that is this user's; one found looser is tightened.

    Raises:
        PlaceRefused: it is another user's, shared, no directory, or cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a directory anybody may write to, a link could have been laid by anybody.
        shared_parent = path.parent.stat().st_mode & (stat.S_ISVTX | stat.S_IWOTH)
        found = path.lstat() if shared_parent else path.stat()
    except FileExistsError:
        raise PlaceRefused(f"{path} is not a directory: move it away, or choose another place") from None
    except OSError as error:
        raise PlaceRefused(f"{path} cannot be made: {error.strerror}") from error
    if stat.S_ISLNK(found.st_mode):
        raise PlaceRefused(f"{path} is a symbolic link in a directory that is not private: remove it")
    if found.st_uid != os.getuid():
        raise PlaceRefused(f"{path} belongs to user {found.st_uid}: choose a place of your own")
    if found.st_mode & stat.S_ISVTX or path in (Path("/"), Path.home()):
        raise PlaceRefused(f"{path} is not for omnimemd alone: give it a directory of its own")
    if found.st_mode & 0o777 != 0o700:  # found looser, or made under a umask that takes from its user too
        path.chmod(0o700)
