"""The operations on backups; `omnimem.calls` has all the others."""

from types import NoneType

from omnimem import errors, model
from omnimem.operation import of_id, of_id_with, plain


class BackupOperations:
    """What keeps a good state of yesterday, and brings it back."""

    create_backup = plain(
        "POST",
        "/backups",
        model.Backup,
        "Make a backup of everything that was answered before, and read it again.",
        created=True,
        raises=(errors.BackupFailed,),
    )
    list_backups = plain("GET", "/backups", model.BackupList, "Every backup, newest first.")
    verify_backup = of_id(
        "POST",
        "/backups/{backup_id}/verify",
        model.BackupCheck,
        "Read all of a backup, and say what is wrong with it.",
        raises=(errors.BackupNotFound,),
        repeatable=True,
    )
    restore_backup = of_id_with(
        "body",
        model.BackupRestore,
        "POST",
        "/backups/{backup_id}/restore",
        model.BackupRestored,
        "Put a backup in the place of the database, which becomes one; with `dry_run` only say what would change.",
        raises=(errors.BackupNotFound, errors.BackupDamaged, errors.BackupFailed),
    )
    delete_backup = of_id(
        "DELETE",
        "/backups/{backup_id}",
        NoneType,
        "Delete a backup.",
        raises=(errors.BackupNotFound, errors.BackupFailed),
    )
