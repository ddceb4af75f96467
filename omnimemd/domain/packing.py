"""What of all that could be told fits a budget of tokens: the most worth for each token, as one document.

Theory of operation. Candidates are taken by their worth per token, each with the head of its section if it is the first
there, as long as they fit; of one that does not, the shorter wordings are tried in turn. So what is left of the budget
at the end is filled by what is small. One that says the same as one that was taken is passed over (`likeness`). All of
it is counted in the parts of tokens that `price` gives, which add up exactly: nothing is counted twice.

Most candidates have no chance. Their worth for each character says so well enough, so that only the best are priced:
some times as many as there is room for. The others follow by their worth for each character.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from omnimem.model import BriefingItem, BriefingSection
from omnimemd.domain.fencing import framed, one_line
from omnimemd.domain.likeness import Said
from omnimemd.domain.sources import Sources
from omnimemd.domain.tokens import NEWLINE, TOKEN, estimate, price, tokens

#: The smallest budget there is: the frame of a document fits it.
LEAST_TOKENS: Final = 50
#: Characters of a title.
_TITLE: Final = 80
#: How many times as many characters are priced as there is room for, at five for each token.
_PRICED: Final = 3
_CHARACTERS: Final = 5
#: What a source takes, more or less.
_SOURCE: Final = 10 * TOKEN
#: What no character is cheaper than, in a text without two spaces in a row.
_LEAST_PRICE: Final = 14


class Candidate(msgspec.Struct, frozen=True):
    """Something that could be told; without a text there is nothing to tell."""

    section: str  #: the title of the section that it belongs to
    text: str  #: one harmless line, see `one_line`
    source: str  #: an id by which to look it up; of an entry that of its session, a colon and a number
    worth: float  #: to the asker, above 0; only the proportion to that of others matters
    shorter: tuple[str, ...] = ()  #: other wordings, each shorter than the one before


class Packed(msgspec.Struct, frozen=True):
    """What was taken."""

    sections: list[BriefingSection]
    tokens: int  #: of all of the document
    left_out: int  #: candidates that were not taken, though they say something
    markdown: str  #: the document


def pack(candidates: Sequence[Candidate], *, title: str, max_tokens: int, order: Sequence[str]) -> Packed:
    """Return the candidates that are worth most for their tokens, as a document of at most *max_tokens*.

    Args:
        candidates: in the order in which they stand in their section.
        title: what the document is about, such as the name of a project; any text.
        max_tokens: as `estimate` counts, of all of the document; `LEAST_TOKENS` at least.
        order: titles of sections, in the order in which they are shown; others follow, as they come.

    Returns:
        Always the same for the same arguments. Of equal worth per token, the candidate that comes first is taken.
    """
    candidates = [candidate for candidate in candidates if candidate.text]
    title = _title(title, max_tokens)
    room = max_tokens * TOKEN - price(framed((), title=title)) - TOKEN
    packing = _Packing(candidates, room)
    for index, cost in _best_first(candidates, room):
        packing.try_to_take(index, cost)
    sections = packing.sections(order)
    markdown = framed(packing.lines(sections), title=title)
    return Packed(
        sections=[
            BriefingSection(title=section, items=[packing.item(index) for index in indexes])
            for section, indexes in sections.items()
        ],
        tokens=estimate(markdown),
        left_out=len(candidates) - sum(map(len, sections.values())),
        markdown=markdown,
    )


class _Packing:
    """What was taken up to now, and what room is left."""

    def __init__(self, candidates: Sequence[Candidate], room: int) -> None:
        self._candidates = candidates
        self._room = room
        self._heads: set[str] = set()
        self._sources = Sources(candidate.source for candidate in candidates)
        self._said = Said()
        self._taken: dict[int, tuple[str, int]] = {}  # by the index: what is told, and its price

    def try_to_take(self, index: int, cost: int | None) -> None:
        """Take the candidate at *index*, whose text costs *cost*, in the longest wording for which there is room."""
        candidate = self._candidates[index]
        head = 0 if candidate.section in self._heads else price(_head(candidate.section)) + NEWLINE
        room = self._room - head
        for text in (candidate.text, *candidate.shorter):
            if len(text) * _LEAST_PRICE > room:
                continue
            whole = NEWLINE + (cost if cost is not None and text is candidate.text else price(_line(text)))
            if whole <= room:
                whole += self._sources.price(candidate.source)
                if whole <= room:
                    if not self._said.alike(candidate.text):
                        self._take(index, text, whole)
                        self._room = room - whole
                    return

    def _take(self, index: int, text: str, cost: int) -> None:
        candidate = self._candidates[index]
        self._taken[index] = text, cost
        self._heads.add(candidate.section)
        self._said.add(candidate.text)
        self._sources.add(candidate.source)

    def sections(self, order: Sequence[str]) -> dict[str, list[int]]:
        """Return what was taken, by the titles of the sections that hold something."""
        sections: dict[str, list[int]] = {section: [] for section in order}
        for index in sorted(self._taken):
            sections.setdefault(self._candidates[index].section, []).append(index)
        return {section: indexes for section, indexes in sections.items() if indexes}

    def item(self, index: int) -> BriefingItem:
        text, cost = self._taken[index]
        return BriefingItem(text=text, source=self._candidates[index].source, tokens=tokens(cost))

    def lines(self, sections: dict[str, list[int]]) -> Iterator[str]:
        shown = self._sources.shown(
            self._candidates[index].source for indexes in sections.values() for index in indexes
        )
        for section, indexes in sections.items():
            yield _head(section)
            for index in indexes:
                yield _line(self._taken[index][0]) + next(shown)


def _best_first(candidates: Sequence[Candidate], room: int) -> list[tuple[int, int | None]]:
    """Return the indexes of *candidates*, best first, with the prices of their texts as far as they are known."""
    by_length = sorted(range(len(candidates)), key=lambda index: -candidates[index].worth / len(candidates[index].text))
    characters = _PRICED * _CHARACTERS * room // TOKEN
    priced: list[tuple[float, int, int]] = []
    for index in by_length:
        candidate = candidates[index]
        characters -= len(candidate.text)
        if characters < 0:
            break
        cost = price(_line(candidate.text))
        priced.append((-candidate.worth / (cost + _SOURCE), index, cost))
    return [
        *((index, cost) for _, index, cost in sorted(priced)),
        *((index, None) for index in by_length[len(priced) :]),
    ]


def _title(title: str, max_tokens: int) -> str:
    """Return *title* as one line that leaves room: the smallest budget has some for a dozen letters."""
    most = _TITLE
    while estimate(framed((), title=one_line(title, most=most))) > max(LEAST_TOKENS, max_tokens // 4):
        most = most * 3 // 4
    return one_line(title, most=most)


def _head(section: str) -> str:
    return f"# {section}"


def _line(text: str) -> str:
    return f"- {text}"
