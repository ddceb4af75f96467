"""How backups look to callers, and to who asks for them where no daemon runs: this loads nothing of a server."""

from collections.abc import Sequence

from omnimem import model
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import rfc3339


def listed(found: Sequence[Backup]) -> model.BackupList:
    """Return *found* as the API lists it."""
    return model.BackupList(backups=list(map(shown, found)), count=len(found))


def checked(backup_id: str, problems: list[str]) -> model.BackupCheck:
    """Return what was found wrong with a backup as the API says it."""
    return model.BackupCheck(backup_id=backup_id, verified=not problems, problems=problems)


def shown(one: Backup) -> model.Backup:
    """Return *one* as callers see it."""
    return model.Backup(
        backup_id=one.backup_id,
        path=str(one.path),
        created_at=rfc3339(one.created_at),
        bytes=one.bytes,
        verified=one.verified,
        reason=one.reason,
        schema_version=one.schema_version,
    )
