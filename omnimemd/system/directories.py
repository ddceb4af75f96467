"""Directories that only their user can enter."""

import os
import stat
from pathlib import Path

from omnimemd.system.errors import PlaceRefused
from omnimemd.system.trust import check_way, writable_by_others


def private_directory(path: Path) -> None:
    """Make *path* a directory of mode 0700 that is this user's; one found looser is tightened.

    What is on the way to it is made 0700 too where it is not there, and is looked at where it is.

    Raises:
        PlaceRefused: it is another user's, shared, no directory, cannot be made, or could be swapped by another user.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise PlaceRefused(f"the name of {os.fspath(path)!a} is no UTF-8: choose another place") from None
    try:
        check_way(path)
        _make(path)
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
        try:
            path.chmod(0o700)
        except OSError as error:
            raise PlaceRefused(f"{path} cannot be made private: {error.strerror}") from error
    if writable_by_others(found):
        _refuse_planted(path)


def _make(path: Path) -> None:
    """Make *path* and what is missing above it, all 0700, as the XDG specification has it."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        _make(path.parent)
        path.parent.chmod(0o700)  # the umask may take from its user too
    path.mkdir(mode=0o700, exist_ok=True)


def _refuse_planted(path: Path) -> None:
    """Look through *path*, which others could write to until now, for what they may have laid there."""
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            there = os.path.join(folder, name)
            found = os.lstat(there)
            linked = stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1)
            if found.st_uid != os.getuid() or linked:
                raise PlaceRefused(
                    f"{path} could be written to by others, and {there} may be theirs: move it away if it is not yours"
                )
