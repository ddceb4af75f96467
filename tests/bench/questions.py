"""Sets of memories with questions whose right answers are known, read from files that are no part of the repository.

* LoCoMo (Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM Agents", ACL 2024): long chats. Each
  turn a memory, or each session one. A question about what was never said (category 5) has its right answers only where
  whole sessions are looked for.
* DevMemBench: coding sessions. Each message a memory; a session is found by the first of its messages.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

_KINDS: Final = {1: "several hops", 2: "time", 3: "common sense", 4: "one hop", 5: "never said"}
_NEVER_SAID: Final = 5
_TURN: Final = re.compile(r"D(\d+):\d+")
#: The environment variable that names the folder with the sets.
DATA: Final = "OMNIMEM_BENCH_DATA"
LOCOMO: Final = "locomo-dev.json"
DEVMEM: Final = ("devmem-sessions.json", "devmem-questions-dev.json")


class Question(msgspec.Struct, frozen=True):
    """What is asked, and which answers are right."""

    text: str
    kind: str
    right: frozenset[str]


class Kept(msgspec.Struct, frozen=True):
    """A memory; its answer is what stands for it in a ranking."""

    key: str
    value: str
    session: str
    answer: str


class Project(msgspec.Struct, frozen=True):
    """What is kept in one project, in order, and what is asked of it."""

    project_id: str
    kept: list[Kept]
    questions: list[Question]


class Set(msgspec.Struct, frozen=True):
    """One benchmark."""

    name: str
    projects: list[Project]


def sets(folder: Path) -> Iterator[Set]:
    """Yield the sets whose files are in *folder*."""
    if (folder / LOCOMO).is_file():
        chats = _read(folder / LOCOMO)
        yield Set("LoCoMo turns", [_turns(number, chat) for number, chat in enumerate(chats)])
        yield Set("LoCoMo sessions", [_sessions(number, chat) for number, chat in enumerate(chats)])
    if all((folder / name).is_file() for name in DEVMEM):
        yield Set("DevMemBench messages", [_messages(*(_read(folder / name) for name in DEVMEM))])


def _turns(number: int, chat: Any) -> Project:
    kept = [
        Kept(turn["dia_id"], _said(turn), f"chat{number}_{session}", turn["dia_id"])
        for session, _, turns in _sessions_of(chat)
        for turn in turns
    ]
    known = {one.answer for one in kept}
    questions = [
        Question(asked["question"], _KINDS[asked["category"]], frozenset(known & set(_evidence(asked))))
        for asked in chat["qa"]
        if asked["category"] != _NEVER_SAID
    ]
    return Project(f"turns_{number}", kept, [one for one in questions if one.right])


def _sessions(number: int, chat: Any) -> Project:
    kept = [
        Kept(str(session), "\n".join([date, *map(_said, turns)]), f"chat{number}_{session}", str(session))
        for session, date, turns in _sessions_of(chat)
    ]
    known = {one.answer for one in kept}
    questions = [
        Question(
            asked["question"],
            _KINDS[asked["category"]],
            frozenset(known & {turn.partition(":")[0][1:] for turn in _evidence(asked)}),
        )
        for asked in chat["qa"]
    ]
    return Project(f"sessions_{number}", kept, [one for one in questions if one.right])


def _messages(sessions: Any, questions: Any) -> Project:
    kept = [
        Kept(f"{session['id']}/{number}", f"[{session['project']}] {message['content']}", session["id"], session["id"])
        for session in sessions
        for number, message in enumerate(session["messages"])
    ]
    return Project(
        "devmem", kept, [Question(asked["question"], asked["type"], frozenset(asked["gold"])) for asked in questions]
    )


def _sessions_of(chat: Any) -> Iterator[tuple[int, str, list[Any]]]:
    said = chat["conversation"]
    number = 1
    while f"session_{number}" in said:
        yield number, said[f"session_{number}_date_time"], said[f"session_{number}"]
        number += 1


def _said(turn: Any) -> str:
    shares = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return f"{turn['speaker']}: {turn['text']}{shares}"


def _evidence(asked: Any) -> list[str]:
    """Return the turns that hold the answer; some are written several in one."""
    return [found[0] for text in asked["evidence"] for found in _TURN.finditer(text)]


def _read(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())
