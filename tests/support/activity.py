"""What processes do, as tests say it."""

import asyncio
from collections.abc import Callable

from omnimemd.domain.activity import Look, LookOrder, OpenFile, Usage
from omnimemd.domain.clock import Clock
from omnimemd.domain.identity import ProcessIdentity


class FakeActivity:
    """The port `Activity`: sees nothing until a test says what a process has used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._usage: dict[ProcessIdentity, dict[int, Usage]] = {}
        self._above: dict[ProcessIdentity, ProcessIdentity] = {}
        self._open: list[OpenFile] = []
        self.sizes: dict[str, int] = {}
        self.orders: list[LookOrder] = []  #: what was asked for, in order

    def look(self, order: LookOrder, seen: Callable[[Look], None]) -> None:
        self.orders.append(order)
        look = Look(
            at=self._clock.now(),
            trees={tree: dict(usage) for tree, usage in self._usage.items() if tree in order.bound},
            above=self._above,
            open=[one for one in self._open if one.path.startswith(order.folders)],
            sizes={path: self.sizes[path] for path in order.paths if path in self.sizes},
        )
        asyncio.get_running_loop().call_soon(seen, look)

    def close(self) -> None:
        self._usage.clear()

    def uses(
        self, tree: ProcessIdentity, *, pid: int | None = None, read: int = 0, written: int = 0, cpu_ns: int = 0
    ) -> None:
        """Have a process of *tree*, by default the bound one, use so much more; it can be measured from then on."""
        usage = self._usage.setdefault(tree, {tree.pid: Usage(0, 0, 0)})
        was = usage.get(pid or tree.pid, Usage(0, 0, 0))
        usage[pid or tree.pid] = Usage(was.read + read, was.written + written, was.cpu_ns + cpu_ns)

    def opens(self, tree: ProcessIdentity, path: str, *, pid: int | None = None, writing: bool = True) -> None:
        """Have a process of *tree* have a file open from now on."""
        self._open.append(OpenFile(path, tree, pid or tree.pid, writing))

    def descends(self, one: ProcessIdentity, *, from_one: ProcessIdentity) -> None:
        """Have the bound process *one* be a child of another."""
        self._above[one] = from_one
