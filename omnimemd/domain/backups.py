"""What a backup is called, and how long it is kept."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from omnimem.model import BackupReason
from omnimemd.domain.clock import Millis, millis

#: How often backups are made by themselves, as the user writes it: whole hours, days or weeks, or never.
EVERY_PATTERN: Final = r"^(?:never|[1-9][0-9]{0,3}[hdw])(?![\s\S])"

_HOURS: Final = {"h": 1, "d": 24, "w": 7 * 24}
_HOUR_MS: Final = 3600 * 1000
#: How many of those made before something that changes everything are kept, of each kind.
_KEPT_BEFORE: Final = 3
_ID: Final = re.compile(r"backup_([0-9]{8}T[0-9]{6})([0-9]{3})Z_([a-z]+)_[0-9a-f]{4}")


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup: a whole database in one file."""

    backup_id: str
    path: Path
    reason: BackupReason
    created_at: Millis  #: everything that was answered before is in it
    bytes: int
    schema_version: int  #: 0: it cannot be told
    verified: bool  #: it was read and found whole when it was made, and looks so still


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """A moment at which a backup took the place of the database: it became again what it had been."""

    to: Millis  #: when that backup was made
    at: Millis


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants of backups."""

    every: str = "1d"
    daily: int = 7
    weekly: int = 4
    by_hand: int = 10


def new_id(reason: BackupReason, *, at: Millis, token: str) -> str:
    """Return the id of a backup made at *at*: ids sort by time. *token* is four hexadecimal digits."""
    seconds, rest = divmod(at, 1000)
    return f"backup_{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}{rest:03d}Z_{reason}_{token}"


def read_id(backup_id: str) -> tuple[Millis, BackupReason] | None:
    """Return when the backup of that id was made and why, None where it is no such id."""
    match = _ID.fullmatch(backup_id)
    if match is None:
        return None
    try:
        moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return Millis(millis(moment) + int(match[2])), BackupReason(match[3])
    except ValueError:
        return None


def period(every: str) -> int | None:
    """Return the milliseconds between two backups, None for never."""
    return None if every == "never" else int(every[:-1]) * _HOURS[every[-1]] * _HOUR_MS


def outlived(backups: Iterable[Backup], policy: Policy) -> list[Backup]:
    """Return those that *policy* does not keep.

    Of those made by the schedule, the newest of each of the last days and weeks that have one stays (UTC, weeks from
    Monday), and in any case the newest of all. Of the others, the newest of each reason.

    Args:
        backups: n backups, any order.
        policy: how many of each.
    """
    newest_first = sorted(backups, key=lambda one: one.backup_id, reverse=True)
    # One that is damaged takes no place of a whole one, and stays for as long as if it were whole.
    kept = _kept(newest_first, policy) | _kept([one for one in newest_first if one.verified], policy)
    return [one for one in newest_first if one.backup_id not in kept]


def by_trust(backups: Collection[Backup], returns: Sequence[Return]) -> list[tuple[Backup, bool]]:
    """Order *backups* by how well each continues as the present database, best first; say which were put aside.

    Put aside is what was made between the moment that the database returned to and the return, the state that was
    there then among it: somebody did not want that. A later return to one of those takes it up again, with what went
    before it.

    Args:
        backups: n backups, any order.
        returns: in the order in which they happened.

    Returns:
        The same n backups, those first that were not put aside, and the newest of each first.
    """
    gone: list[Return] = []
    for one in reversed(returns):
        if not gone or one.at < gone[-1].to:  # otherwise it was undone itself
            gone.append(one)
    newest_first = sorted(backups, key=lambda one: one.backup_id, reverse=True)
    told = [(one, any(way.to < one.created_at <= way.at for way in gone)) for one in newest_first]
    return sorted(told, key=lambda one: one[1])


def _kept(newest_first: Sequence[Backup], policy: Policy) -> set[str]:
    by_schedule = [one for one in newest_first if one.reason is BackupReason.SCHEDULE]
    kept = {one.backup_id for one in by_schedule[:1]}
    for count, unit in ((policy.daily, _day), (policy.weekly, _week)):
        kept |= _newest_of_each(by_schedule, unit, count)
    for reason in (BackupReason.CLIENT, BackupReason.MIGRATION, BackupReason.RESTORE):
        count = policy.by_hand if reason is BackupReason.CLIENT else _KEPT_BEFORE
        kept |= {one.backup_id for one in [one for one in newest_first if one.reason is reason][:count]}
    return kept


def _newest_of_each(newest_first: Sequence[Backup], unit: Callable[[Backup], object], count: int) -> set[str]:
    newest: dict[object, str] = {}
    for one in newest_first:
        newest.setdefault(unit(one), one.backup_id)
    return set(list(newest.values())[:count])


def _day(backup: Backup) -> object:
    return datetime.fromtimestamp(backup.created_at // 1000, UTC).date()


def _week(backup: Backup) -> object:
    return datetime.fromtimestamp(backup.created_at // 1000, UTC).isocalendar()[:2]
