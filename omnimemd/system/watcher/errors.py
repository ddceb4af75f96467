"""The one problem of watching that stops it altogether; every other is a report or a loss."""

from omnimemd.domain.ports import WatchFailed


class WatchUnavailable(WatchFailed):
    """The platform gives no way to watch.

    Attributes:
        reason: what failed, as the system says it.
        hint: what a person can do about it.
    """

    def __init__(self, reason: str, *, hint: str = "See the log, and start omnimemd again.") -> None:
        super().__init__(f"File changes cannot be watched: {reason}.")
        self.reason = reason
        self.hint = hint
