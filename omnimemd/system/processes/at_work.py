"""Which processes work in a folder: their working directory, their arguments or their open files say so.

On Linux the names come first, two small files of each process of this user, and only a process with the right one is
looked at closely. Elsewhere psutil asks, which takes longer.
"""

import os
import sys
from collections.abc import Collection, Iterator
from typing import Final

import psutil

from omnimemd.domain.identity import tool_named
from omnimemd.domain.paths import absolute, is_within

#: Characters of a name that the kernel keeps (proc(5), /proc/pid/comm).
_COMM_LENGTH: Final = 15


def at_work_in(directory: str, programs: Collection[str], *, uid: int) -> Iterator[int]:
    """Yield the pids of the processes of *uid* that run one of *programs* and are at work in *directory*."""
    look = by_proc if sys.platform == "linux" else by_psutil
    return (pid for pid in look(directory, programs, uid=uid) if pid != os.getpid())


def by_proc(directory: str, programs: Collection[str], *, uid: int) -> Iterator[int]:
    """Yield the pids that /proc shows (proc(5))."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            try:
                if not entry.name.isdigit() or entry.stat().st_uid != uid:
                    continue
                name, arguments = _read(f"{entry.path}/comm").removesuffix("\n"), _arguments(entry.path)
                if len(name) == _COMM_LENGTH and arguments:
                    name = _whole_name(name, arguments[0])
                if tool_named(name, arguments) in programs and _holds(entry.path, arguments, directory):
                    yield int(entry.name)
            except OSError:  # it has ended meanwhile
                continue


def by_psutil(directory: str, programs: Collection[str], *, uid: int) -> Iterator[int]:
    """Yield the pids that psutil finds."""
    for process in psutil.process_iter():
        try:
            if process.uids().real != uid:
                continue
            name, arguments = process.name(), tuple(process.cmdline())
            if tool_named(name, arguments) not in programs:
                continue
            cwd = process.cwd()
            if (
                is_within(cwd, directory)
                or _names(arguments, cwd, directory)
                or any(is_within(one.path, directory) for one in process.open_files())
            ):
                yield process.pid
        except psutil.Error:  # it has ended meanwhile, or keeps itself to itself
            continue


def _whole_name(name: str, first: str) -> str:
    """Return *name*, which the kernel may have cut short, as the first argument has it."""
    whole = os.path.basename(first)
    return whole if whole.startswith(name) else name


def _holds(place: str, arguments: tuple[str, ...], directory: str) -> bool:
    cwd = os.readlink(f"{place}/cwd")
    if is_within(cwd, directory) or _names(arguments, cwd, directory):
        return True
    with os.scandir(f"{place}/fd") as descriptors:
        return any(is_within(_target(one.path), directory) for one in descriptors)


def _names(arguments: tuple[str, ...], cwd: str, directory: str) -> bool:
    """Return whether one of *arguments* is the path of something in *directory*, as `nano ~/app/x.py` has it."""
    paths = (one for one in arguments[1:] if one and not one.startswith("-"))
    return any(is_within(absolute(one, workspace=cwd), directory) for one in paths)


def _arguments(place: str) -> tuple[str, ...]:
    text = _read(f"{place}/cmdline")
    return tuple(text.rstrip("\0").split("\0")) if text else ()


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:  # it was closed meanwhile
        return ""


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return os.fsdecode(file.read())
