"""What was left open, what did not work, and what is always so."""

from typing import Final

import pytest
from msgspec.structs import replace

from omnimem.model import EndReason
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import FileWork, Said, SessionDigest
from omnimemd.domain.open_points import Kind, kind_of, open_points

OPEN: Final = (
    "TODO: write the backfill",
    "next: wire the exporter into the CLI",
    "The audit row is still missing",
    "still to do: the runbook page",
    "Left to do: error messages and docs",
    "open: does unmount have to be lazy?",
    "Parser handles tables, not footnotes yet",
    "The migration isn't tested on Postgres yet",
    "Blocked by the release of the SDK",
    "follow up with a benchmark",
    "Tomorrow: split the module",
    "need to skip this test in containers",
    "We should move that to the worker later",
    "WIP: streaming export, two tests red",
    "3 of 5 tests pass",
    "not pushed, branch export-csv",
    "test_replay is flaky, about 1 in 10",
    "Where I stopped: the importer reads, does not write",
    "Waiting for review of the schema",
    "The eviction is missing so far",
)
DEAD_END: Final = (
    "tried tenacity, its decorator swallows the CancelledError; took it out again",
    "Tried uvloop: no faster and it broke the debugger",
    "WeasyPrint needs 900 MB for a batch. dead end",
    "A lock in the file deadlocks when two daemons start",
    "Lowering the page size does not help",
    "gave up on prerendering, it takes an hour",
    "Server-side cursors do not work behind pgbouncer",
    "reverted the pool because connections leaked",
    "Raising the limit didn't help",
    "Spent an hour on the mock, led nowhere",
    "The minimap was built and removed again",
    "attempted a rewrite with generators but it was slower",
)
CONVENTION: Final = (
    "Always use UTC in the database",
    "ids are snake_case",
    "schema.d.ts is never edited by hand",
    "Every public function has a docstring",
    "Times are formatted in lib/time.ts and nowhere else",
    "Handlers must not touch the database",
)
PLAIN: Final = (
    "Use SQLite for the event store",
    "Request timeout is 30 s",
    "Next.js for the dashboard",
    "The open file limit is raised to 4096 at start",
    "Carrier gives up after 5 s and then blocks us for a minute",
    "Retries are logged at info, giving up at warning",
    "Sessions end when the process dies",
    "Keyset pagination instead of offset",
    "The worker waits for the lock at most 5 s",
    "Labels are drawn with reportlab",
    "Leave the deprecation warning, upgrade is its own ticket",
    "The cursor carries a version byte",
    "A missing key is an error",
    "Read the config once at start",
    "The queue needs no broker",
    "The index is opened read only",
    "Left join instead of a subquery",
    "A task that is done is kept for a day",
    "An open connection is reused",
    "Fallback to polling where inotify is missing",
    "black says 100 columns",
    "Move the retry loop into jobs/retry.py",
    "Prettier runs on commit",
    "Dates are shown in the time zone of the venue",
)


def said(*texts: str) -> tuple[Said, ...]:
    return tuple(Said(number, Millis(number * 1000), text) for number, text in enumerate(texts, start=1))


def a_digest(*texts: str, **members: object) -> SessionDigest:
    digest = SessionDigest(
        session_id="s1",
        project_id="p1",
        tool_id="agent",
        workspace="/w",
        created_at=Millis(0),
        last_activity=Millis(1_000_000),
        decisions=said(*texts),
    )
    return replace(digest, **members)


def left_open(digest: SessionDigest, *, later: tuple[Said, ...] = ()) -> list[str]:
    return [one.text for one in open_points(digest, later=later)]


def a_file(path: str, *, at: int, writes: int = 1, gone: bool = False) -> FileWork:
    return FileWork(path=path, importance=0.5, reads=1, writes=writes, created=False, gone=gone, at=Millis(at))


@pytest.mark.parametrize(
    ("kind", "texts"),
    [(Kind.OPEN, OPEN), (Kind.DEAD_END, DEAD_END), (Kind.CONVENTION, CONVENTION), (Kind.PLAIN, PLAIN)],
    ids=["open", "dead end", "convention", "plain"],
)
def test_the_kind_of_a_decision_is_told_by_its_words(kind: Kind, texts: tuple[str, ...]) -> None:
    assert {text: kind_of(text) for text in texts} == dict.fromkeys(texts, kind)


def test_what_was_open_is_told_the_latest_first() -> None:
    assert left_open(a_digest("TODO: docs", "Use SQLite", "next: the exporter")) == ["next: the exporter", "TODO: docs"]


@pytest.mark.parametrize(
    ("point", "later"),
    [
        ("TODO: write the backfill", "Backfill is done"),
        ("still to do: the audit row", "finished the audit row and its test"),
        ("test_replay is flaky", "fixed test_replay, it used the wrong clock"),
        ("The runbook page is still missing", "runbook page is in place"),
    ],
)
def test_what_is_done_later_is_not_open(point: str, later: str) -> None:
    assert left_open(a_digest(point, later)) == []
    assert left_open(a_digest(point), later=said(later)) == []


@pytest.mark.parametrize(
    ("point", "later"),
    [
        ("still to do: the audit row, the runbook page", "the audit row is done"),
        ("TODO: docs of the exporter", "fixed the importer"),
        ("next: the audit row", "the audit row is not done yet"),
        ("TODO: write the backfill", "The backfill runs in chunks of a week"),
    ],
)
def test_what_is_only_spoken_of_later_stays_open(point: str, later: str) -> None:
    assert point in left_open(a_digest(point, later))
    assert left_open(a_digest(point), later=said(later)) == [point]


def test_what_was_done_before_does_not_settle_what_was_opened_later() -> None:
    assert left_open(a_digest("the audit row is done", "TODO: the audit row again, for replays")) != []


def test_how_it_ended_may_say_that_something_is_open() -> None:
    ended = a_digest(ended_at=Millis(5), end_reason=EndReason.CLIENT, end_detail="rate limit, exporter not finished")

    assert left_open(ended) == ["rate limit, exporter not finished"]


def test_a_session_that_died_was_in_the_middle_of_what_it_wrote_last() -> None:
    files = (
        a_file("/w/early.py", at=100),
        a_file("/w/a.py", at=900_000),
        a_file("/w/b.py", at=990_000),
        a_file("/w/read.py", at=999_000, writes=0),
        a_file("/w/gone.py", at=999_000, gone=True),
    )

    (point,) = open_points(a_digest(files=files, ended_at=Millis(1_000_000), end_reason=EndReason.PROCESS_EXITED))

    assert point.files == ("/w/b.py", "/w/a.py")


@pytest.mark.parametrize("reason", [None, EndReason.CLIENT, EndReason.REPLACED, EndReason.IDLE])
def test_a_session_that_did_not_die_was_in_the_middle_of_nothing(reason: EndReason | None) -> None:
    assert open_points(a_digest(files=(a_file("/w/a.py", at=999_000),), end_reason=reason)) == []
