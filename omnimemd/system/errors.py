"""Why the daemon cannot start: errors of the machine and its set-up, each with what to do."""

from typing import ClassVar


class StartError(Exception):
    """The daemon cannot start; `status` is its exit status."""

    status: ClassVar[int] = 1


class SettingsInvalid(StartError):
    """The configuration has a mistake: it names the key, the file and what was expected."""

    status = 2


class AlreadyRunning(StartError):
    """Another daemon holds the data directory or the socket."""

    status = 3


class PlaceRefused(StartError):
    """A directory or socket path cannot be used safely."""
