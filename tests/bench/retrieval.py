"""Does search find what was kept?

Sets of memories with questions whose right answers are known go into a daemon through its API, each conversation a
project of its own, and every question is asked twice: by words alone, as without the extra, and by words and meaning.
R@k is the share of the right answers among the first k, MRR one over the place of the first of them. The floor is
SQLite's full text search with its Porter stemmer, the question's words joined by OR, common words left out. The sets
(LoCoMo and DevMemBench, the halves kept for development) are no part of the repository:
`… bench retrieval --data FOLDER`. Where they are not, there is nothing to measure.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from omnimem import Client
from omnimem.model import AnsweredMode, SearchMode
from tests.bench.findings import Finding, Scale
from tests.bench.plain_search import PlainSearch
from tests.bench.questions import DATA, Project, Set, sets
from tests.bench.relevance import Relevance, firsts, mean, relevance
from tests.bench.report import say
from tests.bench.running import daemon, folder

#: Results that are looked at: a session may stand behind many of its own messages.
_LOOKED_AT: Final = 100
#: What is to be reached, in percent: by words alone, and by words and meaning.
_TARGETS: Final = {
    "LoCoMo turns": {"R@10": (70.0, 74.0)},
    "LoCoMo sessions": {"R@5": (88.0, 88.0), "R@10": (94.0, 94.0)},
    "DevMemBench messages": {"MRR": (89.0, 92.0)},
}
_MEASURES: Final[dict[str, Callable[[Relevance], float]]] = {
    "R@5": lambda found: found.recall_5,
    "R@10": lambda found: found.recall_10,
    "MRR": lambda found: found.mrr,
}
_PATIENCE: Final = 120.0


def measure(scale: Scale) -> list[Finding]:
    """Ask every question of every set."""
    named = os.environ.get(DATA)
    found = list(sets(Path(named))) if named else []
    if not found:
        say(f"No sets in {named}." if named else "Nothing to measure: name the folder with the sets, --data FOLDER.")
    return [finding for one in found for finding in _measured(one, scale)]


def _measured(one: Set, scale: Scale) -> list[Finding]:
    with folder() as place, daemon(place) as (path, _), Client(path, timeout=60) as client:
        for project in one.projects:
            for kept in project.kept:
                client.create_memory(project.project_id, key=kept.key, value=kept.value, session_id=kept.session)
        _settled(client, one)
        by_mode = {
            "FTS5": _asked(one, scale, _plain),
            "words": _asked(one, scale, lambda project: _daemons(client, project, SearchMode.TEXT)),
            "words and meaning": _asked(one, scale, lambda project: _daemons(client, project, SearchMode.AUTO)),
        }
    _say_kinds(one, by_mode)
    floor = mean([found for _, found in by_mode["FTS5"]])
    return [
        Finding(
            what=f"{one.name}, by {mode}: {name}",
            floor=f"FTS5 by itself: {100 * value(floor):.1f} %",
            figures=(100 * value(overall),),
            unit="%",
            at_least=targets[with_meaning],
            aside=f"{overall} over {len(by_mode[mode]):,} questions; the floor: {floor}",
        )
        for name, targets in _TARGETS[one.name].items()
        for with_meaning, mode in enumerate(("words", "words and meaning"))
        for value, overall in [(_MEASURES[name], mean([found for _, found in by_mode[mode]]))]
    ]


def _asked(
    one: Set, scale: Scale, ranker: Callable[[Project], Callable[[str], Sequence[str]]]
) -> list[tuple[str, Relevance]]:
    """Return the kind of each question, and how well it was answered."""
    answered: list[tuple[str, Relevance]] = []
    for project in one.projects:
        ranked = ranker(project)
        asked = project.questions[: scale.of(len(project.questions), quick=1)]
        answered += [(each.kind, relevance(firsts(ranked(each.text)), each.right)) for each in asked]
    return answered


def _plain(project: Project) -> Callable[[str], Sequence[str]]:
    search = PlainSearch([kept.value for kept in project.kept])
    return lambda question: [project.kept[number].answer for number in search.ranked(question, _LOOKED_AT)]


def _daemons(client: Client, project: Project, mode: SearchMode) -> Callable[[str], Sequence[str]]:
    answers = {kept.key: kept.answer for kept in project.kept}
    expected = AnsweredMode.TEXT if mode is SearchMode.TEXT else AnsweredMode.HYBRID

    def ranked(question: str) -> Sequence[str]:
        found = client.search_memories(project.project_id, q=question, mode=mode, limit=_LOOKED_AT)
        if found.mode is not expected:
            raise RuntimeError(f"the daemon searched by {found.mode}: is the extra installed?")
        return [answers[one.memory.memory_key] for one in found.results]

    return ranked


def _settled(client: Client, one: Set) -> None:
    """Return once everything is in the index, and each memory has its vector of what is known now."""
    deadline = time.monotonic() + _PATIENCE
    while client.search(q="ready", project_id=one.projects[-1].project_id).mode is AnsweredMode.HYBRID:
        search = client.status().search
        if not (search.waiting or search.vectors_waiting):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the index was not ready in time")
        time.sleep(0.05)


def _say_kinds(one: Set, by_mode: dict[str, list[tuple[str, Relevance]]]) -> None:
    """Tell how each kind of question fares."""
    for mode, answered in by_mode.items():
        say(f"{one.name}, by {mode}: {mean([found for _, found in answered])}")
        for kind in sorted({kind for kind, _ in answered}):
            of_kind = [found for other, found in answered if other == kind]
            say(f"    {kind} ({len(of_kind)}): {mean(of_kind)}")
