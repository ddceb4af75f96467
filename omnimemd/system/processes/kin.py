"""Which processes belong to which bound one: its children, their children, and what it left behind.

The kernel does not list a process's children everywhere, so the whole of /proc is listed, which takes less than a
tenth of a millisecond for a hundred processes, and only those that are new are asked for their parent.
"""

import os

from omnimemd.domain.identity import ProcessIdentity


class Kin:
    """Knows whose child each process was when it was first seen: it stays in that tree when its parent ends."""

    def __init__(self) -> None:
        """Begin with nobody known."""
        self._self = os.getpid()  # whoever started the daemon did not do what it does
        self._known: dict[int, tuple[int, int, int]] = {}  # pid → (inode in /proc, parent, start)
        self._owners: dict[int, ProcessIdentity] = {}  # only of processes in a tree
        self._bound: frozenset[ProcessIdentity] = frozenset()

    def trees(
        self, bound: frozenset[ProcessIdentity]
    ) -> tuple[dict[ProcessIdentity, list[int]], dict[ProcessIdentity, ProcessIdentity]]:
        """Return the pids of the tree of each bound process that lives, and the nearest bound one above each.

        Raises:
            OSError: /proc cannot be listed.
        """
        roots = {(one.pid, one.start): one for one in bound}
        self._survey(roots, afresh=bound != self._bound)
        self._bound = bound
        trees: dict[ProcessIdentity, list[int]] = {}
        for pid, owner in self._owners.items():
            trees.setdefault(owner, []).append(pid)
        trees = {one: pids for one, pids in trees.items() if one.pid in pids}
        parents = {one: self._owners.get(self._known[one.pid][1]) for one in trees}
        return trees, {one: parent for one, parent in parents.items() if parent is not None}

    def _survey(self, roots: dict[tuple[int, int], ProcessIdentity], *, afresh: bool) -> None:
        """Bring what is known to what runs now."""
        now: dict[int, int] = {}
        with os.scandir("/proc") as entries:
            for entry in entries:
                if entry.name.isdecimal():
                    now[int(entry.name)] = entry.inode()  # another one when the pid passes to another process
        now.pop(self._self, None)
        new = []
        for pid in self._known.keys() - now.keys():
            self._forget(pid)
        for pid, inode in now.items():
            known = self._known.get(pid)
            if known is not None and known[0] == inode:
                continue
            birth = _birth(pid)
            if (
                birth is not None and known is not None and known[2] == birth[1]
            ):  # the kernel forgot its inode meanwhile
                self._known[pid] = (inode, *known[1:])
                continue
            self._forget(pid)
            if birth is not None:
                self._known[pid] = (inode, *birth)
                new.append(pid)
        for pid in self._known if afresh else new:
            self._settle(pid, roots)

    def _forget(self, pid: int) -> None:
        self._known.pop(pid, None)
        self._owners.pop(pid, None)

    def _settle(self, pid: int, roots: dict[tuple[int, int], ProcessIdentity]) -> None:
        """Find the tree of *pid*: of the nearest bound process upwards, else of an ancestor whose own parents ended."""
        one, left_behind = pid, None
        while one in self._known:
            _, parent, start = self._known[one]
            root, owner = roots.get((one, start)), self._owners.get(one)
            if root is not None:
                self._owners[pid] = root
                return
            if left_behind is None and owner is not None and (owner.pid, owner.start) in roots:
                left_behind = owner
            one = parent
        if left_behind is None:
            self._owners.pop(pid, None)
        else:
            self._owners[pid] = left_behind


def _birth(pid: int) -> tuple[int, int] | None:
    """Return the parent's pid and the start of *pid*; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()  # see facts.start_of
    return int(fields[1]), int(fields[19])
