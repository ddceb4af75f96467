"""Which service manager this system has."""

import sys
from pathlib import Path

from omnimemd.cli.service_manager import Manager


def manager_here() -> Manager:
    """Return the service manager of this system."""
    if sys.platform == "darwin":
        from omnimemd.cli.service_launchd import Launchd

        return Launchd()
    from omnimemd.cli.service_systemd import Systemd

    return Systemd()


def manager_of(path: Path) -> Manager | None:
    """Return the manager that has omnimemd on the socket *path* as its service; None where none has."""
    manager = manager_here()
    return manager if manager.is_installed() and manager.socket() == path else None
