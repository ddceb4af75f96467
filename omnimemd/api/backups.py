"""Backups over HTTP."""

from omnimem import model
from omnimem.calls import Operations
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.backups import Backup
from omnimemd.domain.clock import rfc3339
from omnimemd.services.backups import Backups, Restore


def endpoints(backups: Backups) -> list[Endpoint]:
    """Return the operations on backups."""

    async def create(_: Received) -> Answer:
        return answer(_shown(await backups.create()), status=201)

    async def every(_: Received) -> Answer:
        found = [_shown(one) for one in backups.every()]
        return answer(model.BackupList(backups=found, count=len(found)))

    async def verify(received: Received) -> Answer:
        backup_id = received.ids["backup_id"]
        problems = await backups.verify(backup_id)
        return answer(model.BackupCheck(backup_id=backup_id, verified=not problems, problems=problems))

    async def restore(received: Received) -> Answer:
        does = backups.preview if received.body.dry_run else backups.restore
        return answer(_restored(await does(received.ids["backup_id"])))

    async def delete(received: Received) -> Answer:
        await backups.delete(received.ids["backup_id"])
        return Answer(204, None)

    return [
        Endpoint(Operations.create_backup, create),
        Endpoint(Operations.list_backups, every),
        Endpoint(Operations.verify_backup, verify),
        Endpoint(Operations.restore_backup, restore),
        Endpoint(Operations.delete_backup, delete),
    ]


def _shown(one: Backup) -> model.Backup:
    return model.Backup(
        backup_id=one.backup_id,
        path=str(one.path),
        created_at=rfc3339(one.created_at),
        bytes=one.bytes,
        verified=one.verified,
        reason=one.reason,
        schema_version=one.schema_version,
    )


def _restored(told: Restore) -> model.BackupRestored:
    return model.BackupRestored(
        backup_id=told.backup.backup_id,
        dry_run=told.undo_id is None,
        lost_from=rfc3339(told.backup.created_at),
        lost_until=rfc3339(told.at),
        changes={
            kind: model.BackupDifference(now=one.now, then=one.then, gone=one.gone, back=one.back)
            for kind, one in told.changes.items()
        },
        undo_backup_id=told.undo_id,
    )
