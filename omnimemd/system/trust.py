"""Whether a place is safe from other users: on the way to it nobody but this user and root can put something else.

Every directory from the root down is looked at before a name is looked up in it, and so is where links lead. Where
each of them belongs to this user or to root, and nobody else may write to it (or it is sticky, so that nobody else may
rename what is in it), no one else can change what a path means: neither before it is used nor in between.
"""

import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from omnimemd.system.errors import PlaceRefused

#: Links that are followed on the way to one place, as the kernel does (path_resolution(7)).
_LINKS: Final = 40
#: The map of a process that is in no user namespace of its own: every id is itself (user_namespaces(7)).
_IDS: Final = "0 0 4294967295"
#: Bytes a file of settings may have.
_LARGEST: Final = 1 << 20


def check_way(path: Path) -> None:
    """Check all that is on the way to the absolute *path*, but not what is there.

    Raises:
        PlaceRefused: another user could put something in its place.
        OSError: a directory cannot be looked into.
    """
    trusted = trusted_users()
    here, todo, links = "/", _names(path), 0
    while todo:
        _check_directory(here, trusted, path)
        name = todo.pop()
        if name == "..":
            here = os.path.dirname(here)
            continue
        there = os.path.join(here, name)
        try:
            found = os.lstat(there)
        except FileNotFoundError:
            return  # what is made here is made by this user
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _LINKS:
                raise PlaceRefused(f"{path} leads through too many symbolic links")
            if _open_to_others(os.stat(here)) or found.st_uid not in trusted:
                raise PlaceRefused(f"{there} is a symbolic link in a directory that is not private: remove it")
            target = os.readlink(there)
            here = "/" if target.startswith("/") else here
            todo.extend(_names(Path(target)))
        else:
            here = there


def check_own(path: Path) -> None:
    """Check that *path*, if it is there, is a plain file of this user's and the same as no other.

    Raises:
        PlaceRefused: somebody laid something else there.
    """
    with suppress(FileNotFoundError):
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise PlaceRefused(f"{path} is a symbolic link: remove it")
        check_owned(path, found)


def check_owned(path: Path, found: os.stat_result) -> None:
    """Check by what lstat(2) or fstat(2) *found* that *path* is a plain file of this user's and the same as no other.

    Raises:
        PlaceRefused: it is something else.
    """
    if not stat.S_ISREG(found.st_mode):
        raise PlaceRefused(f"{path} is in the way and is no file: move it away")
    if found.st_uid != os.getuid():
        raise PlaceRefused(f"{path} belongs to user {found.st_uid}: move it away")
    if found.st_nlink > 1:
        raise PlaceRefused(f"{path} is the same file as one elsewhere (a hard link): move it away")


def read_trusted(path: Path) -> bytes:
    """Return what the file at *path* holds, which nobody but this user and root can have written.

    Raises:
        PlaceRefused: somebody else could have, or it is no file.
        OSError: it cannot be read.
    """
    check_way(Path.cwd() / path)
    # A pipe that nobody writes to must not hold up the start.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if found.st_rdev == os.stat(os.devnull).st_rdev and stat.S_ISCHR(found.st_mode):
            return b""
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            raise PlaceRefused(f"{path} is no file of a sane size")
        if found.st_uid not in trusted_users():
            raise PlaceRefused(f"{path} belongs to user {found.st_uid}, not to you: make it yours, or choose another")
        if writable_by_others(found):
            raise PlaceRefused(f"{path} may be written to by others: `chmod go-w {path}`")
        return file.read()


def writable_by_others(found: os.stat_result) -> bool:
    """Return whether anybody but this user and root may write to what *found* is of."""
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _only_ours(found.st_gid)


def trusted_users() -> frozenset[int]:
    """Return whose files and directories may decide over this user's: this user's and root's.

    In a user namespace (a sandbox, a container) root outside may not be known: whoever is not known there is `nobody`.
    """
    trusted = {0, os.getuid()}
    with suppress(OSError, ValueError):  # where there is no /proc, there are no user namespaces
        if " ".join(Path("/proc/self/uid_map").read_text("ascii").split()) != _IDS:
            trusted.add(int(Path("/proc/sys/kernel/overflowuid").read_text("ascii")))
    return frozenset(trusted)


def _check_directory(path: str, trusted: frozenset[int], goal: Path) -> None:
    found = os.stat(path)
    if found.st_uid not in trusted:
        raise PlaceRefused(
            f"{path} belongs to user {found.st_uid}, who could put something else in the place of {goal}: "
            "choose a place below directories of your own"
        )
    if writable_by_others(found) and not found.st_mode & stat.S_ISVTX:
        others = "everybody" if found.st_mode & stat.S_IWOTH else f"the group {found.st_gid}"
        raise PlaceRefused(
            f"{path} may be written to by {others}, who could put something else in the place of {goal}: "
            f"`chmod go-w {path}`, or choose another place"
        )


def _open_to_others(found: os.stat_result) -> bool:
    """Return whether anybody else may lay something there: also where it is sticky, and they may take nothing away."""
    return bool(found.st_mode & stat.S_ISVTX) or writable_by_others(found)


def _only_ours(gid: int) -> bool:
    """Return whether nobody but this user and root is in the group *gid*.

    Many systems give each user a group of the same name, and make directories that it may write to (umask 002). It
    is theirs alone as long as nobody was added to it. Who is in root's group is trusted as root is.
    """
    if gid == 0:
        return True
    try:
        group = grp.getgrgid(gid)
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # known by numbers only, as in many containers
        return gid == os.getgid() == os.getuid()
    return group.gr_name == name and set(group.gr_mem) <= {name}


def _names(path: Path) -> list[str]:
    """Return the names that *path* consists of, the last one first."""
    return [one for one in reversed(path.parts) if one != "/"]
