"""Backups, on the wire."""

from omnimem.model.vocabulary import BackupReason, Reply, Request, Timestamp


class Backup(Reply, frozen=True, kw_only=True):
    """The whole database of one moment, in a file of its own."""

    backup_id: str
    path: str
    created_at: Timestamp  #: everything that was answered before is in it
    bytes: int
    verified: bool  #: it was read and found whole when it was made, and looks so still
    reason: BackupReason
    schema_version: int  #: 0: it cannot be told


class BackupList(Reply, frozen=True, kw_only=True):
    """Every backup, newest first."""

    backups: list[Backup]
    count: int


class BackupCheck(Reply, frozen=True, kw_only=True):
    """What was found when all of a backup was read."""

    backup_id: str
    verified: bool  #: nothing is wrong with it
    problems: list[str]


class BackupChecks(Reply, frozen=True, kw_only=True):
    """What was found when several were read."""

    backups: list[BackupCheck]
    count: int


class BackupRestore(Request, frozen=True, kw_only=True):
    """Put a backup in the place of the database."""

    dry_run: bool = False  #: true: only say what would change


class BackupDifference(Reply, frozen=True, kw_only=True):
    """How much of one kind there is in only one of the two."""

    now: int  #: all there are in the database
    then: int  #: all there are in the backup
    gone: int  #: those that only the database has
    back: int  #: those that only the backup has


class BackupRestored(Reply, frozen=True, kw_only=True):
    """What a restore changes."""

    backup_id: str
    dry_run: bool
    lost_from: Timestamp  #: what was recorded from here
    lost_until: Timestamp  #: until here is gone, but for what the backup that is made first holds
    changes: dict[str, BackupDifference]  #: by "sessions", "entries", "decisions", "memories"; empty: it cannot be told
    undo_backup_id: str | None  #: the backup of the present state: to restore it undoes this; null with `dry_run`
