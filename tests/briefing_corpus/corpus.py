"""Projects as they are after weeks of work: made up sessions and memories, with what the next session would ask.

`data/` has one file for each project. Each was written from the side of the developer who comes back, without looking
at how a briefing is made. A session's log has one line for each thing that was done:

    read PATH [xN]      edit PATH [xN]      create PATH      delete PATH
    grep FOLDER FILES   search WORDS        decide WORDS     around N
    remember KEY        recall KEY

`edit` reads and writes N times; `grep` is a burst; `remember` writes the next value of the memory KEY; `around N` is
what else is recorded while somebody works: N accesses to files near those at hand, to tests, to lock files.

An answer is a list of phrases that must all be in the text; `a|b` is either. Upper case and markdown do not matter.
Half of each project's questions are held out: nobody looks at them while the briefing is worked on.
"""

import re
import tomllib
from pathlib import Path
from typing import Final

import msgspec

_DATA: Final = Path(__file__).parent / "data"


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A memory, with the values it was given one after the other."""

    key: str
    values: tuple[str, ...]
    files: tuple[str, ...] = ()
    changed_later: tuple[str, ...] = ()  #: of those: no longer what they were
    used: int = 0
    ttl_days: float | None = None


class Worked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session, with its log."""

    id: str
    tool: str
    days_ago: int
    at: str  #: HH:MM
    minutes: int
    ended: str
    detail: str
    log: str
    continues: str | None = None


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the next session would ask, how it asks, and what the answer must have."""

    kind: str
    ask: str  #: in words, for people
    answer: tuple[str, ...]
    query: str = ""  #: what the user says first, "" when nothing was said yet
    files: tuple[str, ...] = ()  #: that the asker has read already
    superseded: str = ""  #: what was true once, and would be wrong
    held_out: bool = False

    def answered(self, text: str) -> bool:
        """Return whether the answer is in *text*."""
        plain = plainly(text)
        return all(any(plainly(one) in plain for one in phrase.split("|")) for phrase in self.answer)


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One project: what was done in it, and what is asked."""

    project_id: str
    name: str
    about: str
    files: str
    session: tuple[Worked, ...]
    memory: tuple[Remembered, ...] = ()
    question: tuple[Question, ...] = ()
    foreign: tuple[str, ...] = ()  #: words that only this project has: no other's briefing may have them

    def on_disk(self, *, before: Worked | None = None) -> list[str]:
        """Return the paths of the files that there are in the end, or were when a session began."""
        names = dict.fromkeys(self.files.split())
        for one in self.in_order():
            if one is before:
                break
            for verb, path in re.findall(r"^(create|delete) (\S+)$", one.log, re.MULTILINE):
                names[path] = None
                if verb == "delete":
                    del names[path]
        return list(names)

    def in_order(self) -> list[Worked]:
        """Return the sessions, oldest first."""
        return sorted(self.session, key=lambda one: (-one.days_ago, one.at))


def projects() -> list[Project]:
    """Return every project, in a fixed order."""
    return [
        msgspec.convert(tomllib.loads(path.read_text("utf-8")), Project, strict=False)
        for path in sorted(_DATA.glob("*.toml"))
    ]


def plainly(text: str) -> str:
    """Return *text* without case, markdown's marks and breaks: what a phrase is looked for in."""
    return " ".join(re.sub(r"[\\`*_]", "", text.casefold().replace("\u2039", "<")).split())
