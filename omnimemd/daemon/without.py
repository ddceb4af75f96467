"""What the program says of backups without being the daemon: as the API would, of the files, whoever has them open."""

from typing import Final

import msgspec

from omnimem.model import BackupChecks
from omnimemd.api.backup_views import checked, listed
from omnimemd.storage import backups
from omnimemd.system.settings import Settings

#: Stands for the id of each.
ALL: Final = "all"


def every(settings: Settings) -> str:
    """Return those there are, as JSON."""
    return _json(listed(backups.found(backups.folder_of(settings.database))))


def verified(settings: Settings, backup_id: str) -> str:
    """Return what is wrong with the backup of that id, or with all, as JSON; none where there is none of that id."""
    found = backups.found(backups.folder_of(settings.database))
    chosen = [one for one in found if backup_id in (ALL, one.backup_id)]
    return _json(
        BackupChecks(backups=[checked(one.backup_id, backups.check(one)) for one in chosen], count=len(chosen))
    )


def _json(told: msgspec.Struct) -> str:
    return msgspec.json.encode(told).decode() + "\n"
