"""The one problem of watching that stops it altogether; every other is a report or a loss."""


class WatchUnavailable(Exception):
    """The platform gives no way to watch.

    Attributes:
        hint: what a person can do about it.
    """

    hint = "Raise fs.inotify.max_user_instances (sysctl), or end programs that watch files."

    def __init__(self, reason: str) -> None:
        super().__init__(f"File changes cannot be watched: {reason}.")
        self.reason = reason
