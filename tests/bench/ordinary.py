"""What a session of a coding agent records: made up, but neither emptier nor more regular than what real ones do.

An agent looks at some of 400 files, works on a few for a while, goes on to others; runs tests, a formatter, a search;
says what it looked for and what it decided. What its hooks tell is seen, too, so every second write is there twice.
"""

import random
from typing import Final

from omnimem.model import Access, Attribution, Source
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Decision, Entry, FileAccess, MemoryNote, Scan, Search

_WORDS: Final = (
    "auth session token store index query parse render layout user order invoice payment cart email queue worker retry "
    "cache config route handler model schema migration test util client server stream buffer graph node edge tree walk"
).split()
_ROOT: Final = "/home/somebody/src/shop"


class Work:
    """One session's work, entry by entry; the same for the same *seed*."""

    def __init__(self, *, seed: int, at: Millis) -> None:
        """Begin at *at*, in a repository of its own."""
        self._random = some = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing it
        self._at: int = at
        names = some.sample(_WORDS, 18)
        self._folders = [f"{_ROOT}/src/{name}" for name in names[:9]]
        self._folders += [f"{_ROOT}/src/{one}/{other}" for one, other in zip(names[:9], names[9:], strict=True)]
        self._folders += [f"{_ROOT}/tests", f"{_ROOT}/docs"]
        self._files = [self._new_file() for _ in range(400)]
        self._in_work = self._files[:80]
        self._entries: list[Entry] = []

    def entries(self, count: int) -> list[Entry]:
        """Return the first *count* things that are recorded."""
        parts = (self._look, self._edit, self._test, self._format, self._seek, self._decide, self._note, self._move)
        weights = (36, 38, 12, 4, 4, 3, 1, 2)
        focus = self._some(6)
        while len(self._entries) < count:
            self._at += int(self._random.expovariate(1 / 9_000))
            if self._random.random() < 0.03:
                focus = self._some(6)
            self._random.choices(parts, weights)[0](focus)
        return self._entries[:count]

    def _look(self, focus: list[str]) -> None:
        for _ in range(self._random.randrange(1, 7)):
            self._access(self._random.choice(focus if self._random.random() < 0.6 else self._files), Access.READ)

    def _edit(self, focus: list[str]) -> None:
        path = self._random.choice(focus)
        self._access(path, Access.READ)
        self._access(path, Access.WRITE)
        if self._random.random() < 0.5:
            earlier = len(self._entries)
            self._access(path, Access.WRITE, source=Source.HOOK, same_as=earlier)

    def _test(self, focus: list[str]) -> None:
        for path in focus[:3] + self._some(self._random.randrange(1, 8)):
            self._access(path, Access.READ)
        count = self._random.randrange(70, 900)
        self._entries.append(
            Scan(
                at=Millis(self._at),
                source=Source.WATCH,
                burst_id=f"burst_{self._random.getrandbits(48):012x}",
                started_at=Millis(self._at - self._random.randrange(300, 1_800)),
                ended_at=Millis(self._at),
                files=count,
                directories=count // 9,
                reads=count + self._random.randrange(90),
                writes=self._random.randrange(9),
                top=tuple(self._random.sample(self._folders, 3)),
            )
        )

    def _format(self, _: list[str]) -> None:
        burst = f"burst_{self._random.getrandbits(48):012x}"
        for path in self._some(self._random.randrange(8, 20)):
            self._access(path, Access.WRITE, burst_id=burst)

    def _seek(self, _: list[str]) -> None:
        self._entries.append(Search(at=Millis(self._at), source=Source.HOOK, query=self._words(4)))

    def _decide(self, _: list[str]) -> None:
        text = f"Use {self._words(9)}, because {self._words(8)}."
        self._entries.append(Decision(at=Millis(self._at), source=Source.API, text=text))

    def _note(self, _: list[str]) -> None:
        memory_id = f"mem_{self._random.getrandbits(48):012x}"
        self._entries.append(
            MemoryNote(at=Millis(self._at), source=Source.API, memory_id=memory_id, memory_key=self._words(1))
        )

    def _move(self, _: list[str]) -> None:
        which = self._random.randrange(len(self._in_work))
        old, self._in_work[which] = self._in_work[which], self._new_file()
        self._access(self._in_work[which], Access.MOVE, old_path=old)

    def _access(
        self,
        path: str,
        access: Access,
        *,
        source: Source = Source.WATCH,
        same_as: int | None = None,
        burst_id: str | None = None,
        old_path: str | None = None,
    ) -> None:
        self._at += self._random.randrange(2, 900 if access is Access.READ else 80)
        watched = self._random.choices(list(Attribution), (6, 60, 26, 8))[0]
        self._entries.append(
            FileAccess(
                at=Millis(self._at),
                source=source,
                path=path,
                access=access,
                attribution=watched if source is Source.WATCH else Attribution.EXACT,
                same_as=same_as,
                burst_id=burst_id,
                old_path=old_path,
            )
        )

    def _some(self, count: int) -> list[str]:
        return self._random.sample(self._in_work, count)

    def _words(self, count: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=count))

    def _new_file(self) -> str:
        ending = self._random.choice(("py", "py", "py", "ts", "tsx", "md", "json"))
        return f"{self._random.choice(self._folders)}/{self._words(1)}_{self._random.choice(_WORDS)}.{ending}"
