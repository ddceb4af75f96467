"""What the next session is told after weeks of work: what holds now, of its own project, with what it has at hand."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from omnimem import Client
from omnimem.model import Briefing, BriefingItem
from tests.briefing_corpus.corpus import Project, plainly, projects
from tests.briefing_corpus.loading import load
from tests.e2e.daemons import running
from tests.e2e.homes import a_home

pytestmark = pytest.mark.needs("inotify", "pidfd")

EVERYTHING = 50_000
#: What a decision is shown with that gave way to another.
MARK = "no longer:"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with a_home() as home, running(home) as daemon, daemon.client(timeout=30) as client:
        load(client, projects(), below=home.folder(), now=datetime.now(UTC))
        yield client


every_project = pytest.mark.parametrize("project", projects(), ids=lambda one: one.name)


def items(briefing: Briefing) -> list[BriefingItem]:
    return [item for section in briefing.sections for item in section.items]


def said(briefing: Briefing) -> str:
    return "\n".join(item.text for item in items(briefing))


@every_project
def test_what_was_replaced_is_told_with_what_replaced_it_or_as_what_it_is(client: Client, project: Project) -> None:
    asked = [one for one in project.question if one.superseded]
    for question in asked:
        told = client.briefing(project.project_id, max_tokens=2_000, query=question.query)
        old = [one.text for one in items(told) if plainly(question.superseded) in plainly(one.text)]

        assert question.answered(said(told)) or all(one.startswith(MARK) for one in old), question.ask


@every_project
def test_a_memory_that_was_written_again_is_told_as_it_is_now(client: Client, project: Project) -> None:
    everything = said(client.briefing(project.project_id, max_tokens=EVERYTHING))

    again = [memory for memory in project.memory if len(memory.values) > 1]

    assert [one.key for one in again if plainly(one.values[-1])[:60] not in plainly(everything)] == []
    assert [old for one in again for old in one.values[:-1] if plainly(old)[:60] in plainly(everything)] == []


@every_project
def test_a_memory_that_expired_is_not_told_and_one_whose_file_changed_says_so(client: Client, project: Project) -> None:
    told = [plainly(one.text) for one in items(client.briefing(project.project_id, max_tokens=EVERYTHING))]

    for memory in project.memory:
        found = [one for one in told if plainly(memory.values[-1])[:60] in one]
        assert len(found) == (memory.ttl_days is None), memory.key
        assert [one for one in found if "stale" in one] == (found if memory.changed_later else []), memory.key


@every_project
def test_nothing_is_told_of_a_neighbour_with_the_same_words(client: Client, project: Project) -> None:
    foreign = [word for other in projects() if other is not project for word in other.foreign if not project.foreign]
    questions = ["", *(question.query for question in project.question), *foreign]

    told = "\n".join(said(client.briefing(project.project_id, max_tokens=EVERYTHING, query=one)) for one in questions)

    assert [word for word in foreign if plainly(word) in plainly(told)] == []
