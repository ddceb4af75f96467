"""Does the next session know what it would have to ask?

Made up but realistic sessions of three projects (`tests/briefing_corpus`: 27 sessions, with decisions that others
replaced, dead ends, memories that expired or whose files changed, chatter and lock files, and a fourth project that
uses the same words) go into a daemon as they would be after weeks of work. For each question that the next session
would ask, a briefing is asked for as that session would: with the user's first words, with files it has read already,
or with neither. A question counts as answered if every phrase its answer must have is in the briefing. Beside it, in
the same run and counted by the same estimator, stand two simpler programs: the newest entries until the budget is full,
and everything by how often it was touched or said. The figures are of the questions that the briefing was worked on
with; `--held-out` gives those of the others, `--missed` names the questions that were not answered.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from omnimem import Client
from omnimemd.domain.tokens import estimate
from tests.bench.findings import Finding, Scale
from tests.bench.report import say
from tests.bench.running import daemon, folder
from tests.briefing_corpus.baselines import Recorded
from tests.briefing_corpus.corpus import Project, Question, projects
from tests.briefing_corpus.loading import exported, load

#: Environment variables that say which questions are asked, and whether those are named that are not answered.
HELD_OUT: Final = "OMNIMEM_BENCH_HELD_OUT"
MISSED: Final = "OMNIMEM_BENCH_MISSED"
_BUDGETS: Final = (500, 1_000, 2_000)
#: The budget there are targets for, and what they are: percent of all, and percent of what the better baseline misses.
_AIMED_AT: Final = 1_000
_ANSWERED: Final = 85.0
_OF_THE_MISSED: Final = 50.0


class _Asked:
    """What each program answers of the questions of one run, with one budget."""

    def __init__(self) -> None:
        self.ours: list[bool] = []
        self.newest: list[bool] = []
        self.most_frequent: list[bool] = []


def measure(scale: Scale) -> list[Finding]:
    """Ask every question with every budget."""
    every = projects()[: scale.of(9, quick=1)]
    now = datetime.now(UTC)
    asked = {budget: _Asked() for budget in _BUDGETS}
    with folder() as place, daemon(place) as (path, _), Client(path, timeout=60) as client:
        below = place / "src"
        load(client, every, below=below, now=now)
        for project in every:
            recorded = Recorded(exported([project], below=below, now=now), now=now)
            chosen = [one for one in project.question if one.held_out == bool(os.environ.get(HELD_OUT))]
            for question in chosen[: scale.of(len(chosen), quick=4)]:
                _ask(client, project, question, recorded, asked, workspace=below / project.name)
    return [finding for budget, answers in asked.items() for finding in _findings(budget, answers)]


def _ask(
    client: Client,
    project: Project,
    question: Question,
    recorded: Recorded,
    asked: dict[int, _Asked],
    *,
    workspace: Path,
) -> None:
    with _asking(client, project, question, workspace) as brief:
        for budget, answers in asked.items():
            text = brief(budget)
            answers.ours.append(question.answered(text))
            answers.newest.append(question.answered(recorded.newest(budget)))
            answers.most_frequent.append(question.answered(recorded.most_frequent(budget)))
            if os.environ.get(MISSED) and not answers.ours[-1]:
                asks = f"{question.query!r}" if question.query else "no query"
                files = f", having read {', '.join(question.files)}" if question.files else ""
                say(f"{budget} {project.name}, {question.kind}: {question.ask} ({asks}{files}): {question.answer}")


@contextmanager
def _asking(client: Client, project: Project, question: Question, workspace: Path) -> Iterator[Callable[[int], str]]:
    """Give what asks for a briefing with a budget, as a session that has read the question's files; nothing stays."""
    asker = f"asker-{project.project_id}"
    if question.files:
        client.create_session(
            session_id=asker, tool_id="claude-code", workspace_path=str(workspace), project_id=project.project_id
        )
        for file in question.files:
            client.append_context(asker, file_path=file)

    def brief(max_tokens: int) -> str:
        told = client.briefing(
            project.project_id,
            max_tokens=max_tokens,
            query=question.query,
            session_id=asker if question.files else None,
        )
        text = "\n".join(item.text for section in told.sections for item in section.items)
        if max(told.tokens, estimate(text)) > max_tokens:
            raise RuntimeError(f"{told.tokens} tokens, where {max_tokens} were asked for")
        return text

    try:
        yield brief
    finally:
        if question.files:
            client.end_session(asker)
            client.delete_session(asker)


def _findings(budget: int, answers: _Asked) -> list[Finding]:
    newest, most_frequent = _percent(answers.newest), _percent(answers.most_frequent)
    better = answers.newest if newest >= most_frequent else answers.most_frequent
    missed = [ours for ours, theirs in zip(answers.ours, better, strict=True) if not theirs]
    floor = f"the newest entries: {newest:.0f} %, the most frequent: {most_frequent:.0f} %"
    aimed_at = budget == _AIMED_AT
    return [
        Finding(
            what=f"questions answered by a briefing of {budget:,} tokens",
            floor=floor,
            figures=(_percent(answers.ours),),
            unit="%",
            at_least=_ANSWERED if aimed_at else None,
            aside=f"{sum(answers.ours)} of {len(answers.ours)}",
        ),
        Finding(
            what=f"of those that the better of the two misses, by a briefing of {budget:,} tokens",
            floor=floor,
            figures=(_percent(missed),),
            unit="%",
            at_least=_OF_THE_MISSED if aimed_at else None,
            aside=f"{sum(missed)} of {len(missed)}",
        ),
    ]


def _percent(answered: list[bool]) -> float:
    return 100 * sum(answered) / max(len(answered), 1)
