"""How much memory a process has, counted exactly: what statm(5) says may be behind."""

from pathlib import Path

import msgspec


class Memory(msgspec.Struct, frozen=True):
    """Bytes."""

    resident: int  #: RSS
    unshared: int  #: USS: what would be free without the process


def memory(pid: int) -> Memory:
    """Ask the kernel about *pid*."""
    kib: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, _ = line.split()
        kib[name] = int(value)
    return Memory(resident=kib["Rss:"] * 1024, unshared=(kib["Private_Clean:"] + kib["Private_Dirty:"]) * 1024)
