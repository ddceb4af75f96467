"""How long does a question take, when is what was written found, and what does the index cost those who append?

The memories are made up: words as frequent as words are (Zipf), thirty to a memory, twenty memories to a session. A
question is some neighbouring words of one of them. The daemon finds them in its database when it starts, and is asked
over its socket once everything is in its index; the floor has the same texts in memory, and is called directly.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec

from omnimem import Client
from omnimem.model import SearchMode
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Draft, begin
from omnimemd.storage import memories, projects
from omnimemd.storage.database import Connection, Database
from tests.bench.findings import Finding, Scale, micros, percentile, ratios
from tests.bench.plain_search import PlainSearch
from tests.bench.running import daemon, folder

P = ParamSpec("P")

_PROJECT: Final = "bench"
_WORDS: Final = 30_000
_SYLLABLES: Final = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
#: Seconds the index may take to have everything.
_PATIENCE: Final = 300.0
#: Appends in one figure: a tenth of a second and less, as long as what comes together is waited for.
_BURST: Final = 100


def measure(scale: Scale) -> list[Finding]:
    """Ask stores of 10,000 and of 100,000 memories; write and ask; append with the index at work and without."""
    small = scale.of(10_000, quick=300)
    large = scale.of(100_000, quick=600)
    questions = scale.of(400, quick=10)
    return [
        *_asked(small, questions, at_most=(10.0, 40.0), found=scale.of(40, quick=2)),
        *_asked(large, questions, at_most=(50.0, None), found=0),
        *_appended(rounds=scale.of(31, quick=2)),
    ]


def _asked(count: int, questions: int, *, at_most: tuple[float, float | None], found: int) -> list[Finding]:
    texts = _texts(count)
    asked = _questions(texts, questions)
    plain = PlainSearch(texts)
    with folder() as place:
        asyncio.run(_fill(place / "data", texts))
        with daemon(place) as (path, _), Client(path, timeout=60.0) as client:
            _wait_for_the_index(client)
            floors = [_timed(plain.ranked, one, 10) for one in asked]
            ours = [_timed(client.search_memories, _PROJECT, q=one, mode=SearchMode.TEXT) for one in asked]
            delays = [_until_found(client, number) for number in range(found)]
    what, floor = f"ask {count:,} memories", "FTS5 alone, in memory, called directly"
    aside = f"floor p50 {percentile(floors, 50):.2f} ms, p99 {percentile(floors, 99):.2f} ms"
    findings = [
        Finding(what=what, floor=floor, figures=tuple(ours), unit="ms", at_most=at_most[0], aside=aside),
        Finding(
            what=f"{what}, 99th percentile",
            floor=floor,
            figures=tuple(ours),
            reading="p99",
            unit="ms",
            at_most=at_most[1],
            aside=aside,
        ),
    ]
    if delays:
        findings.append(
            Finding(
                what=f"memory written among {count:,} → found, the slowest of all",
                floor="0",
                figures=tuple(delays),
                reading="most",
                unit="ms",
                at_most=1000.0,
                aside=f"p50 {percentile(delays, 50):.1f} ms, asked again and again from the answer on",
            )
        )
    return findings


def _appended(*, rounds: int) -> list[Finding]:
    with folder() as with_index, folder() as without:
        asyncio.run(_without_index(without / "data"))
        with (
            daemon(with_index) as (ours, _),
            daemon(without) as (bare, _),
            Client(ours) as indexed,
            Client(bare) as plain,
        ):
            return [
                _compared(indexed, plain, "an access, which is not indexed,", {"file_path": "a.py"}, rounds),
                _compared(
                    indexed, plain, "a search query, which is,", {"search_query": "where is it configured"}, rounds
                ),
                _compared(indexed, plain, "a decision, which is,", {"decision": "Keep it in one file."}, rounds),
            ]


def _compared(indexed: Client, plain: Client, what: str, entry: dict[str, Any], rounds: int) -> Finding:
    for client in (indexed, plain):
        client.create_session(session_id="bench", tool_id="bench", workspace_path="/")
    ours, floors = [], []
    for _ in range(rounds + 1):
        floors.append(_append(plain, entry))
        ours.append(_append(indexed, entry))
        _wait_for_the_index(indexed)
    return Finding(
        what=f"append {what} through the API with the index at work",
        floor="the same without an index",
        figures=ratios(ours[1:], floors[1:]),  # the first warms up
        at_most=1.3,
        aside=f"{micros(ours)} and {micros(floors)} an append, one after the other",
    )


def _append(client: Client, entry: dict[str, Any]) -> float:
    """Return the seconds an append takes, of some that come together."""
    started = time.perf_counter()
    for _ in range(_BURST):
        client.append_context("bench", **entry)
    return (time.perf_counter() - started) / _BURST


async def _without_index(data: Path) -> None:
    """Make a database in which nobody notes what is to be indexed."""
    data.mkdir(mode=0o700)
    async with Database(data / "omnimem.db") as database:
        await database.write(
            lambda db: db.execute("DROP TRIGGER search_entry_written; DROP TRIGGER search_memory_written")
        )


def _timed(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Return the milliseconds *work* takes."""
    started = time.perf_counter()
    work(*args, **kwargs)
    return (time.perf_counter() - started) * 1e3


def _until_found(client: Client, number: int) -> float:
    """Write a memory; return the milliseconds from the answer until it is found."""
    word = f"unheard{_word(number)}of"
    client.create_memory(_PROJECT, key=f"new-{number}", value=f"Nobody has said {word} before.")
    started = time.perf_counter()
    while not client.search_memories(_PROJECT, q=word).count:
        if time.perf_counter() - started > _PATIENCE:
            raise RuntimeError("what was written is not found")
    return (time.perf_counter() - started) * 1e3


def _wait_for_the_index(client: Client) -> None:
    deadline = time.monotonic() + _PATIENCE
    while client.status().search.waiting:
        if time.monotonic() > deadline:
            raise RuntimeError("the index does not come to an end")
        time.sleep(0.05)


async def _fill(data: Path, texts: list[str]) -> None:
    """Store *texts* as the memories of a project."""
    data.mkdir(mode=0o700)

    def work(start: int, db: Connection) -> None:
        projects.ensure(db, _PROJECT, now=Millis(1))
        for number in range(start, min(start + 10_000, len(texts))):
            at = Millis(1_700_000_000_000 + number)
            memory = begin(
                Draft(value=texts[number], session_id=f"s-{number // 20}"),
                memory_id=f"mem_{number:012x}",
                project_id=_PROJECT,
                key=f"key-{number}",
                now=at,
            )
            memories.save(db, memory, at=at)

    async with Database(data / "omnimem.db") as database:
        for start in range(0, len(texts), 10_000):
            await database.write(partial(work, start))


def _texts(count: int) -> list[str]:
    chance = random.Random(7)  # noqa: S311 the same texts each time
    words = [_word(number) for number in range(_WORDS)]
    frequent = list(itertools.accumulate(1 / (number + 2) for number in range(_WORDS)))
    drawn = chance.choices(words, cum_weights=frequent, k=count * 30)
    return [" ".join(drawn[start : start + 30]) for start in range(0, len(drawn), 30)]


def _questions(texts: list[str], count: int) -> list[str]:
    chance = random.Random(8)  # noqa: S311 the same questions each time
    found = []
    for _ in range(count):
        words = chance.choice(texts).split()
        length, start = chance.randint(1, 8), chance.randint(0, 22)
        found.append(" ".join(words[start : start + length]))
    return found


def _word(number: int) -> str:
    """Return a word that can be said, a different one for each number."""
    syllables = []
    number += len(_SYLLABLES)
    while number:
        number, syllable = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[syllable])
    return "".join(syllables)
