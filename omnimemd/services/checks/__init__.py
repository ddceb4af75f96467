"""What the doctor looks at: one small class for each part that can be ill."""

from omnimemd.services.checks.backups import BackupsCheck, SetAsideCheck
from omnimemd.services.checks.database import (
    DatabaseCheck,
    EntriesCheck,
    LogCheck,
    SearchCheck,
    SessionsCheck,
    StoringCheck,
)
from omnimemd.services.checks.files import FilesCheck, FileSystemCheck, RoomCheck
from omnimemd.services.checks.watching import LimitsCheck, WatchingCheck
from omnimemd.services.checks.work import ProcessesCheck, TasksCheck

__all__ = [
    "BackupsCheck",
    "DatabaseCheck",
    "EntriesCheck",
    "FileSystemCheck",
    "FilesCheck",
    "LimitsCheck",
    "LogCheck",
    "ProcessesCheck",
    "RoomCheck",
    "SearchCheck",
    "SessionsCheck",
    "SetAsideCheck",
    "StoringCheck",
    "TasksCheck",
    "WatchingCheck",
]
