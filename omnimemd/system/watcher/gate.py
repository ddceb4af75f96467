"""Lets a marker pass once everything that happened before it was told.

That a marker came out of the kernel's queue means that all records before it are taken. Some of what they
mean takes longer to tell: walks after a loss or a change of rules, and what itself waits for a later marker.
"""

from collections import deque
from collections.abc import Callable, Iterator

#: Work under way; each step is short, and what others see is true after each.
Steps = Iterator[None]


class Gate:
    """Where markers wait. Belongs to the dispatcher's thread."""

    def __init__(self, pass_on: Callable[[int], None]) -> None:
        self._pass_on = pass_on
        self._closed = 0  # how many want no marker to pass
        self._held: list[int] = []
        self._after: deque[tuple[int, Steps]] = deque()  # a marker, and what is done behind it; in order

    def arrive(self, number: int) -> Steps:
        """Take the marker *number* out of the kernel's queue: do what waits for it, let it pass."""
        while self._after and self._after[0][0] <= number:
            yield from self._after.popleft()[1]
        if self._after:  # told later, but of what happened before this marker
            self.after(self._after[-1][0], self._let_pass(number))
        else:
            self._let_through(number)

    def after(self, number: int, steps: Steps) -> None:
        """Do *steps* once the marker *number* came out of the queue; numbers never decrease."""
        self._after.append((number, steps))

    def close(self) -> None:
        """Hold all markers until `open` is called as often."""
        self._closed += 1

    def open(self) -> None:
        """Undo one `close`."""
        self._closed -= 1
        if not self._closed and self._held:
            self._pass_on(max(self._held))
            self._held.clear()

    def _let_pass(self, number: int) -> Steps:
        self._let_through(number)
        yield

    def _let_through(self, number: int) -> None:
        if self._closed:
            self._held.append(number)
        else:
            self._pass_on(number)
