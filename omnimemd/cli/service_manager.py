"""What every service manager can be asked for, whichever this system has."""

import abc
import enum
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from omnimem import socket_path
from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.service_files import ServiceFile, text_of

#: What decides where the daemon keeps everything: a service must not keep it elsewhere than its user's shell says.
_CARRIED: Final = ("OMNIMEM_DATA_DIR", "OMNIMEM_CONFIG", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
#: Those of them that are ignored where they are relative (XDG Base Directory Specification).
_ABSOLUTE_ONLY: Final = ("XDG_DATA_HOME", "XDG_CONFIG_HOME")


class Wanted(NamedTuple):
    """What the service is to be."""

    socket: Path  #: absolute
    environment: Mapping[str, str]  #: what decides where the daemon keeps everything, by the names of the variables


def wanted_here(socket: Path) -> Wanted:
    """Return the service of a daemon on *socket* that keeps everything where this command's environment says."""
    found = {name: os.environ[name] for name in _CARRIED if os.environ.get(name)}
    carried = {
        name: os.path.abspath(value)  # noqa: PTH100 without following links: which may be followed the daemon decides
        for name, value in found.items()
        if name not in _ABSOLUTE_ONLY or os.path.isabs(value)  # noqa: PTH117
    }
    return Wanted(socket, carried)


class Running(NamedTuple):
    """How the service is, as its manager says."""

    enabled: bool  #: whether it starts at login
    state: str  #: "active", or in the manager's words what it is instead
    listens: bool = False  #: whether a client would start it
    pid: int | None = None
    restarts: int | None = None
    last_exit: str | None = None
    stale: bool = False  #: whether its files changed since the manager read them


class Unreachable(CannotGoOn):
    """The service manager does not answer."""


class Change(enum.Enum):
    """What an installation changed, so what has to be begun anew."""

    NOTHING = enum.auto()
    SERVICE = enum.auto()
    SOCKET = enum.auto()  #: and with it the service


class Manager(abc.ABC):
    """A service manager, and omnimemd as its service.

    Everything raises CannotGoOn where the manager refuses, and Unreachable where there is none to ask.
    """

    name: str

    @abc.abstractmethod
    def reach(self) -> None:
        """See that it answers."""

    @abc.abstractmethod
    def files(self, wanted: Wanted) -> list[ServiceFile]:
        """Return what is to be written, in this order."""

    @abc.abstractmethod
    def places(self) -> list[Path]:
        """Return where those files are, whatever is wanted."""

    @abc.abstractmethod
    def leftovers(self) -> list[Path]:
        """Return what a person added to the service: it stays."""

    @abc.abstractmethod
    def socket(self) -> Path | None:
        """Return the socket of the service that is installed; None where none is."""

    @abc.abstractmethod
    def program(self) -> list[str]:
        """Return the command that the service which is installed starts; nothing where that cannot be told."""

    @abc.abstractmethod
    def is_enabled(self) -> bool:
        """Return whether nothing is missing, or in the way, for it to start at login."""

    @abc.abstractmethod
    def commands(self) -> list[str]:
        """Return the commands that an installation runs, as a person would type them."""

    @abc.abstractmethod
    def enable(self, *, offline: bool) -> None:
        """Have it start at login; *offline* where nobody is there to be asked."""

    @abc.abstractmethod
    def begin(self, change: Change) -> None:
        """Have it run as its files say now, and wait until it does."""

    @abc.abstractmethod
    def start(self) -> None:
        """Have it run, and wait until it does."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Have it not run, nor be started by a client."""

    @abc.abstractmethod
    def restart(self) -> None:
        """Have it stop and run again, its socket open meanwhile if that can be."""

    @abc.abstractmethod
    def disable(self, *, offline: bool) -> None:
        """Have it start at login no more, nor be known at all once its files are gone."""

    @abc.abstractmethod
    def forget(self) -> None:
        """Take notice that the files are gone."""

    @abc.abstractmethod
    def look(self) -> Running:
        """Return how it is."""

    @abc.abstractmethod
    def log_command(self, lines: int, *, follow: bool, json: bool) -> list[str] | None:
        """Return the command that shows its log; None where the log is the file beside the socket."""

    def is_installed(self) -> bool:
        """Return whether any file of the service is there, whoever wrote it."""
        return any(os.path.lexists(path) for path in self.places())


def default_socket() -> Path:
    """Return the socket where nobody chose another."""
    return socket_path({name: value for name, value in os.environ.items() if name != "OMNIMEM_SOCKET"})


def value_in(path: Path, start: str) -> str | None:
    """Return what follows *start* on the first line of the file *path* that begins with it."""
    for line in text_of(path).splitlines():
        if line.startswith(start):
            return line.removeprefix(start)
    return None
