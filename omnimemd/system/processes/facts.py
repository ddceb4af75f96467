"""What the machine says about a process: its identity, name, arguments and parent."""

import os
import sys
import time
from pathlib import Path
from typing import Final

import psutil

from omnimemd.domain.clock import Millis
from omnimemd.domain.identity import Process, ProcessIdentity

#: Zombie and dead: what is left of a process until its parent asks (proc(5), /proc/pid/stat, state).
_DEAD_STATES: Final = frozenset("ZXx")


def boot_id() -> str:
    """Return what names the present boot."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return str(int(psutil.boot_time()))


def start_of(pid: int) -> int | None:
    """Return when the live process *pid* started, in a unit that no change of the clock moves; None when it is dead.

    On Linux, clock ticks since boot: psutil adds the boot time to them, which moves when the clock is set.
    """
    if sys.platform != "linux":
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 1000)
        except psutil.Error:
            return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name, field 2, may hold anything; field 3 follows its last parenthesis. The start is field 22 (proc(5)).
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0].decode("ascii") in _DEAD_STATES else int(fields[19])


def process(pid: int, *, boot: str, uid: int) -> tuple[Process, int] | None:
    """Return the live process *pid* and its parent's pid; None when it is dead or belongs to another than *uid*."""
    start = start_of(pid)
    if start is None or not psutil.pid_exists(pid):  # the second is false for the id of a thread, too
        return None
    try:
        found = psutil.Process(pid)
        with found.oneshot():
            uids = found.uids()
            name, parent = found.name(), found.ppid()
            try:
                arguments = tuple(found.cmdline())
            except psutil.AccessDenied:
                arguments = ()
    except psutil.Error:
        return None
    if uid not in (uids.real, uids.effective) or start_of(pid) != start:
        return None
    return Process(ProcessIdentity(pid, start, boot), _started_at(start), name, arguments), parent


def _started_at(start: int) -> Millis:
    if sys.platform != "linux":
        return Millis(start)
    now_ms, since_boot_ms = time.time_ns() // 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return Millis(now_ms - since_boot_ms + start * 1000 // os.sysconf("SC_CLK_TCK"))
