"""Which lines a briefing may have, how they are worded, and which are worth more."""

from typing import Any

import pytest

from omnimem.model import EndReason
from omnimemd.domain.briefing import (
    DECISIONS,
    FILES,
    MEMORIES,
    OPEN,
    SEARCHES,
    SESSIONS,
    Asker,
    Known,
    Line,
    Told,
    lines,
)
from omnimemd.domain.clock import Millis
from omnimemd.domain.digest import FileWork, Looked, Said, SessionDigest
from omnimemd.domain.worth import What
from tests.support.clock import DAY, MINUTE, NOON


def a_digest(session_id: str = "s-1", *, at: int = NOON, **members: Any) -> SessionDigest:
    """Return the digest of a session that ended by a call."""
    given = {"ended_at": Millis(at), "end_reason": EndReason.CLIENT, "workspace": "/w", "tool_id": "claude", **members}
    return SessionDigest(
        session_id=session_id, project_id="p", created_at=Millis(at), last_activity=Millis(at), through=1, **given
    )


def said(*texts: str, at: int = NOON) -> tuple[Said, ...]:
    return tuple(Said(seq, Millis(at + seq * MINUTE), text) for seq, text in enumerate(texts, start=1))


def file(path: str, *, writes: int = 3, importance: float = 0.8, **members: Any) -> FileWork:
    given = {"reads": 0, "created": False, "gone": False, "at": Millis(NOON), **members}
    return FileWork(path=path, importance=importance, writes=writes, **given)


def made(known: Known, asker: Asker | None = None, *, section: str, max_tokens: int = 2_000) -> list[Line]:
    told = lines(known, asker or Asker(), max_tokens=max_tokens)
    return [one for one in told.lines if one.candidate.section == section]


def texts(known: Known, asker: Asker | None = None, *, section: str) -> list[str]:
    return [one.candidate.text for one in made(known, asker, section=section)]


def worths(known: Known, asker: Asker | None = None, *, section: str) -> dict[str, float]:
    return {one.candidate.text: one.candidate.worth for one in made(known, asker, section=section)}


def test_decisions_come_newest_first_and_what_was_replaced_says_so() -> None:
    known = Known(
        sessions=[a_digest(decisions=said("the timeout is 30 s", "labels by reportlab", "the timeout is 60 s"))]
    )

    assert texts(known, section=DECISIONS) == [
        "the timeout is 60 s",
        "labels by reportlab",
        "no longer: the timeout is 30 s",
    ]
    found = worths(known, section=DECISIONS)
    assert found["the timeout is 60 s"] > 20 * found["no longer: the timeout is 30 s"]


def test_what_is_open_is_told_once() -> None:
    known = Known(sessions=[a_digest(decisions=said("Still to do: the audit row", "rows keep their time"))])

    assert texts(known, section=OPEN) == ["Still to do: the audit row"]
    assert texts(known, section=DECISIONS) == ["rows keep their time"]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"end_detail": "half done"}, "claude: half done; changed src/a.py"),
        ({"end_reason": EndReason.PROCESS_EXITED}, "claude, died: changed src/a.py"),
        ({"end_reason": None, "ended_at": None}, "claude, still at work: changed src/a.py"),
    ],
)
def test_the_line_of_a_session_has_its_day_its_end_and_what_it_changed(members: dict[str, Any], text: str) -> None:
    known = Known(root="/w", sessions=[a_digest(files=(file("/w/src/a.py"), file("/w/b.py", writes=0)), **members)])

    assert texts(known, section=SESSIONS) == [f"2026-03-01 {text}"]


def test_files_of_a_folder_are_told_together_and_fewer_where_there_is_less_room() -> None:
    files = tuple(file(f"/w/src/{name}.py") for name in "abcdefg")

    [line] = made(Known(root="/w", sessions=[a_digest(files=files)]), section=SESSIONS)

    assert line.candidate.text == "2026-03-01 claude: changed src/: a.py, b.py, c.py, d.py, e.py, f.py"
    assert [one.rpartition("changed ")[2] for one in line.candidate.shorter] == ["src/: a.py, b.py, c.py", "src/a.py"]


def test_what_happened_while_no_session_was_active_is_files_and_no_story() -> None:
    known = Known(sessions=[a_digest(tool_id="ambient", files=(file("/w/a.py", created=True),))])

    assert texts(known, section=SESSIONS) == []
    assert texts(known, section=FILES) == ["a.py (new)"]


def test_files_at_hand_and_files_that_are_gone_are_not_told() -> None:
    known = Known(sessions=[a_digest(files=(file("/w/a.py"), file("/w/b.py"), file("/w/c.py", gone=True)))])

    assert texts(known, Asker(files=("/w/a.py",)), section=FILES) == ["b.py"]


def test_a_search_says_where_it_led() -> None:
    looked = Looked(3, Millis(NOON), "fake clock", ("/w/e2e/a.ts", "/w/e2e/b.ts"))

    assert texts(Known(sessions=[a_digest(searches=(looked,))]), section=SEARCHES) == ["fake clock → e2e/: a.ts, b.ts"]


def test_what_was_asked_for_is_worth_more() -> None:
    known = Known(sessions=[a_digest(decisions=said("labels by reportlab", "carrier calls retry with jitter"))])

    found = worths(known, Asker(query="how do we retry?"), section=DECISIONS)

    assert found["carrier calls retry with jitter"] > 2 * found["labels by reportlab"]


def test_what_was_decided_while_a_file_was_at_hand_is_worth_more_to_who_has_it() -> None:
    decisions = said("held in memory, 512 at most", "the other thing, in memory")
    decisions = (decisions[0], Said(9, Millis(NOON + 300 * MINUTE), decisions[1].text))
    known = Known(sessions=[a_digest(decisions=decisions, files=(file("/w/mount.rs", at=Millis(NOON + 2 * MINUTE)),))])

    found = worths(known, Asker(files=("/w/mount.rs",)), section=DECISIONS)

    assert found["held in memory, 512 at most"] > 2 * found["the other thing, in memory"]


def test_a_dead_end_is_worth_more_than_an_ordinary_decision_of_its_day() -> None:
    known = Known(
        sessions=[
            a_digest(
                decisions=said(
                    "tried weasyprint for labels, it did not work", "labels of the reports are drawn plainly"
                )
            )
        ]
    )

    assert [one.what for one in made(known, section=DECISIONS)] == [What.DECISION, What.DEAD_END]


def test_of_a_large_past_only_what_has_a_chance_is_worded() -> None:
    sessions = [
        a_digest(
            f"s-{day}",
            at=NOON - day * DAY,
            decisions=said(*(f"choice {day} {n}" for n in range(20)), at=NOON - day * DAY),
        )
        for day in range(20)
    ]

    told = lines(Known(sessions=sessions), Asker(), max_tokens=500)

    assert len(told.lines) < 150
    assert len(told.lines) + told.left_out >= 150
    assert "choice 0 19" in {one.candidate.text for one in told.lines}


def test_an_old_decision_that_the_search_found_is_told_too() -> None:
    old = Told(source="s-old:7", session_id="s-old", at=Millis(NOON - 900 * DAY), text="amounts are minor units")

    [line] = made(Known(sessions=[a_digest()], told=[old]), Asker(query="amounts"), section=DECISIONS)

    assert (line.candidate.text, line.candidate.source) == ("amounts are minor units", "s-old:7")


def test_a_project_without_a_past_says_so() -> None:
    [line] = lines(Known(), Asker(), max_tokens=50).lines

    assert line.candidate.text == "nothing is recorded yet"


def test_the_same_is_told_each_time() -> None:
    known = Known(sessions=[a_digest(decisions=said("b", "a"), files=(file("/w/b"), file("/w/a")))])

    assert lines(known, Asker(query="a b"), max_tokens=99) == lines(known, Asker(query="a b"), max_tokens=99)
    assert made(known, section=MEMORIES) == []
