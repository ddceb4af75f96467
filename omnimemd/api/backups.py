"""Backups over HTTP."""

from omnimem import model
from omnimem.calls import Operations
from omnimemd.api.backup_views import checked, listed, shown
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.clock import rfc3339
from omnimemd.services.backups import Backups, Restore


def endpoints(backups: Backups) -> list[Endpoint]:
    """Return the operations on backups."""

    async def create(_: Received) -> Answer:
        return answer(shown(await backups.create()), status=201)

    async def every(_: Received) -> Answer:
        return answer(listed(backups.every()))

    async def verify(received: Received) -> Answer:
        backup_id = received.ids["backup_id"]
        problems = await backups.verify(backup_id)
        return answer(checked(backup_id, problems))

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
