"""How long backups are kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from omnimem.model import BackupReason
from omnimemd.domain.backups import Backup, Policy, Return, by_trust, new_id, outlived, period, read_id
from omnimemd.domain.clock import Millis, millis
from tests.support.clock import DAY, HOUR, NOON


def a_backup(at: int, reason: BackupReason = BackupReason.SCHEDULE) -> Backup:
    backup_id = new_id(reason, at=Millis(at), token="0000")  # noqa: S106 no secret
    return Backup(
        backup_id=backup_id,
        path=Path(f"/b/{backup_id}.db"),
        reason=reason,
        created_at=Millis(at),
        bytes=1,
        schema_version=1,
        verified=True,
    )


def days_kept(backups: list[Backup], policy: Policy) -> list[int]:
    gone = outlived(backups, policy)
    return sorted((NOON - one.created_at) // DAY for one in backups if one not in gone)


class TestIds:
    def test_an_id_says_when_and_why_and_sorts_by_time(self) -> None:
        earlier, later = (new_id(BackupReason.CLIENT, at=Millis(NOON + more), token="00ff") for more in (7, 1000))  # noqa: S106

        assert earlier == "backup_20260301T120000007Z_client_00ff"
        assert read_id(earlier) == (NOON + 7, BackupReason.CLIENT)
        assert earlier < later

    @pytest.mark.parametrize(
        "text",
        [
            "backup_20261399T120000007Z_client_00ff",
            "backup_20260301T120000007Z_other_00ff",
            "../backup_20260301T120000007Z_client_00ff",
            "backup_20260301T120000007Z_client_00ff\n",
            "",
        ],
    )
    def test_what_is_no_id_is_none(self, text: str) -> None:
        assert read_id(text) is None


class TestRotation:
    def test_of_a_year_of_days_a_week_of_days_and_a_month_of_weeks_stay(self) -> None:
        backups = [a_backup(NOON - day * DAY) for day in range(365)]

        # NOON is a Sunday, the last day of its week.
        assert days_kept(backups, Policy()) == [0, 1, 2, 3, 4, 5, 6, 7, 14, 21]

    def test_of_several_of_a_day_the_newest_stays(self) -> None:
        backups = [a_backup(NOON - hour * HOUR) for hour in range(12)]

        assert outlived(backups, Policy()) == backups[1:]

    def test_the_newest_stays_whatever_is_wanted(self) -> None:
        assert days_kept([a_backup(NOON), a_backup(NOON - DAY)], Policy(daily=0, weekly=0)) == [0]

    def test_those_of_long_ago_stay_until_there_are_newer_ones(self) -> None:
        old = [a_backup(NOON - 1000 * DAY), a_backup(NOON - 1001 * DAY)]

        assert outlived(old, Policy()) == []

    @pytest.mark.parametrize(
        ("reason", "kept"), [(BackupReason.CLIENT, 10), (BackupReason.MIGRATION, 3), (BackupReason.RESTORE, 3)]
    )
    def test_the_schedule_drives_out_no_others(self, reason: BackupReason, kept: int) -> None:
        others = [a_backup(NOON - day * DAY, reason) for day in range(12)]
        by_schedule = [a_backup(NOON - day * DAY) for day in range(7)]

        assert outlived([*others, *by_schedule], Policy()) == others[kept:]

    def test_a_damaged_one_takes_no_place_of_a_whole_one(self) -> None:
        damaged = msgspec.structs.replace(a_backup(NOON), verified=False)
        whole = [a_backup(NOON - hours * HOUR) for hours in (1, 2)]

        assert outlived([damaged, *whole], Policy()) == whole[1:]

    def test_weeks_begin_on_monday_across_a_new_year(self) -> None:
        monday = datetime(2025, 12, 29, 12, tzinfo=UTC)
        backups = [a_backup(millis(monday + timedelta(days=day))) for day in range(7)]

        assert len(outlived(backups, Policy(daily=0, weekly=2))) == 6


class TestTrust:
    """In which order backups may take the place of a lost database."""

    def test_without_a_return_the_newest_comes_first(self) -> None:
        assert self.order(3, 1, 2, returns=[]) == [3, 2, 1]

    def test_what_was_put_aside_comes_last(self) -> None:
        assert self.order(1, 2, 3, 4, returns=[(1, 3)]) == [4, 1, -3, -2]

    def test_a_return_that_was_undone_puts_nothing_aside(self) -> None:
        assert self.order(1, 2, 3, 4, 5, returns=[(1, 3), (3, 4)]) == [5, 3, 2, 1, -4]

    def test_one_that_was_gone_back_behind_stays_as_it_was(self) -> None:
        assert self.order(1, 2, 3, 4, 5, 6, returns=[(2, 3), (4, 6)]) == [4, 2, 1, -6, -5, -3]
        assert self.order(1, 2, 3, 4, 5, 6, returns=[(2, 3), (1, 5)]) == [6, 1, -5, -4, -3, -2]

    def order(self, *made: int, returns: list[tuple[int, int]]) -> list[int]:
        """Return when each was made, in hours, negative where it was put aside."""
        told = by_trust(
            [a_backup(NOON + hour * HOUR) for hour in made],
            [Return(to=Millis(NOON + to * HOUR), at=Millis(NOON + at * HOUR)) for to, at in returns],
        )
        return [(one.created_at - NOON) // HOUR * (-1 if put_aside else 1) for one, put_aside in told]


@pytest.mark.parametrize(("every", "expected"), [("never", None), ("12h", 12 * HOUR), ("1d", DAY), ("2w", 14 * DAY)])
def test_how_often_is_said_in_hours_days_or_weeks(every: str, expected: int | None) -> None:
    assert period(every) == expected
