"""The corpus is what it says: every answer can be known, nothing is asked twice, and the simpler programs are fair."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from omnimemd.domain.tokens import estimate
from tests.briefing_corpus.baselines import Recorded
from tests.briefing_corpus.corpus import Project, Question, plainly, projects
from tests.briefing_corpus.loading import exported
from tests.briefing_corpus.story import entries

NOW = datetime(2026, 3, 14, 18, tzinfo=UTC)
BELOW = Path("/home/somebody/src")
#: Of a phrase that the briefing has to say by itself.
BY_ITSELF = "stale|"

every_project = pytest.mark.parametrize("project", projects(), ids=lambda one: one.name)


def said_in(project: Project) -> str:
    told = [session.log + session.detail for session in project.session]
    kept = [value for memory in project.memory for value in memory.values]
    return plainly("\n".join([*told, *kept, *project.on_disk()]))


@every_project
def test_every_answer_was_recorded(project: Project) -> None:
    said = said_in(project)

    phrases = [one for question in project.question for one in question.answer if not one.startswith(BY_ITSELF)]

    assert [one for phrase in phrases for one in phrase.split("|") if plainly(one) not in said] == []


@every_project
def test_what_was_superseded_is_no_answer(project: Project) -> None:
    old = [question for question in project.question if question.superseded]

    assert all(plainly(question.superseded) in said_in(project) for question in old)
    assert [question.ask for question in old if question.answered(question.superseded)] == []


@every_project
def test_the_files_at_hand_exist(project: Project) -> None:
    assert {file for question in project.question for file in question.files} <= set(project.on_disk())


def test_nearly_half_of_the_questions_of_each_kind_of_asking_are_held_out() -> None:
    asked = [question for project in projects() for question in project.question]
    for some in (asked, with_words(asked), [one for one in asked if one not in with_words(asked)]):
        assert 0.4 <= sum(question.held_out for question in some) / len(some) <= 0.55


def with_words(asked: list[Question]) -> list[Question]:
    return [question for question in asked if question.query]


@every_project
def test_a_session_is_as_long_as_sessions_are(project: Project) -> None:
    lengths = [len(entries(project, session, root="/w", now=NOW)) for session in project.session]

    assert all(60 <= length <= 400 for length in lengths)


@every_project
def test_the_same_is_made_each_time(project: Project) -> None:
    assert list(exported([project], below=BELOW, now=NOW)) == list(exported([project], below=BELOW, now=NOW))


@pytest.mark.parametrize("max_tokens", [50, 500, 2_000])
def test_the_simpler_programs_fill_their_budget_and_no_more(max_tokens: int) -> None:
    project = projects()[0]
    recorded = Recorded(exported([project], below=BELOW, now=NOW), now=NOW)

    for text in (recorded.newest(max_tokens), recorded.most_frequent(max_tokens)):
        assert 0.7 * max_tokens < estimate(text) <= max_tokens


def test_a_simpler_program_with_room_for_everything_knows_every_answer_that_was_recorded() -> None:
    for project in projects():
        recorded = Recorded(exported([project], below=BELOW, now=NOW), now=NOW)
        text = recorded.newest(100_000)
        assert [one.ask for one in project.question if not one.answered(f"{text} stale")] == []


def test_marks_and_case_do_not_hide_an_answer() -> None:
    question = Question(kind="k", ask="?", answer=("make test", "one|another thing"))

    assert question.answered("Run `MAKE  test`,\nthen **another** thing")
    assert not question.answered("make test")
    assert not question.answered("another thing")
