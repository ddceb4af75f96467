"""Which connections there are, and which one goes when there are too many.

A caller that comes is let in, and the one that has been idle for longest is hung up on, or else the one that has been
longest at sending a request. Only where all are being answered, the newcomer is refused.
"""

from typing import Protocol

from omnimemd.api.load import Load


class Connection(Protocol):
    """One of them."""

    def hang_up(self) -> None:
        """End it; it leaves."""
        ...


class Connections:
    """All of them, by what they are doing. Belongs to the event loop's thread."""

    def __init__(self, load: Load) -> None:
        """Keep below the limits of *load*."""
        self.load = load
        # The longest at it first. Who is in neither is being answered.
        self._idle: dict[Connection, None] = {}
        self._sending: dict[Connection, None] = {}

    def enter(self, connection: Connection) -> bool:
        """Let *connection* in, which is idle; return whether there is room for it. It leaves in either case."""
        load = self.load
        load.connections += 1
        if load.connections > load.limits.connections:
            for waiting in (self._idle, self._sending):
                if waiting:
                    oldest = next(iter(waiting))
                    del waiting[oldest]
                    oldest.hang_up()
                    break
            else:
                return False
        self._idle[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Forget *connection*."""
        self.load.connections -= 1
        self._idle.pop(connection, None)
        self._sending.pop(connection, None)

    def sends(self, connection: Connection) -> None:
        """Note that *connection* has sent a part of a request."""
        if connection in self._idle:
            del self._idle[connection]
            self._sending[connection] = None

    def works(self, connection: Connection) -> None:
        """Note that a request of *connection* is being answered."""
        self._idle.pop(connection, None)
        self._sending.pop(connection, None)

    def rests(self, connection: Connection) -> None:
        """Note that *connection* has been answered everything it asked."""
        self._idle[connection] = None
