"""What of all that could be told fits a budget of tokens: the most worth for each token, as one document.

Theory of operation. Candidates are taken by their worth per token, each with the head of its section if it is the first
there, as long as they fit; of one that does not, the shorter wordings are tried in turn. So what is left of the budget
at the end is filled by what is small. One that says the same as one that was taken is passed over (`likeness`). All of
it is counted in the parts of tokens that `price` gives, which add up exactly: the document is not counted again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from omnimem.model import BriefingItem, BriefingSection
from omnimemd.domain.fencing import framed, one_line
from omnimemd.domain.likeness import Said
from omnimemd.domain.tokens import NEWLINE, TOKEN, estimate, price, tokens

#: The smallest budget there is: the frame of a document fits it.
LEAST_TOKENS: Final = 50
#: Characters of a title.
_TITLE: Final = 80


class Candidate(msgspec.Struct, frozen=True):
    """Something that could be told."""

    section: str  #: the title of the section that it belongs to
    text: str  #: one harmless line, see `one_line`
    source: str  #: an id by which to look it up
    worth: float  #: to the asker, above 0; only the proportion to that of others matters
    shorter: tuple[str, ...] = ()  #: other wordings, each shorter than the one before


class Packed(msgspec.Struct, frozen=True):
    """What was taken."""

    sections: list[BriefingSection]
    tokens: int  #: of all of the document
    left_out: int  #: candidates that were not taken
    markdown: str  #: the document


class _Taken(msgspec.Struct, frozen=True):
    item: BriefingItem
    line: str


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
    title = _title(title, max_tokens)
    room = max_tokens * TOKEN - price(framed((), title=title)) - TOKEN
    taken: dict[int, _Taken] = {}
    heads: set[str] = set()
    said = Said()
    for index in _by_worth(candidates):
        candidate = candidates[index]
        head = 0 if candidate.section in heads else price(_head(candidate.section)) + NEWLINE
        for text in (candidate.text, *candidate.shorter):
            line = _line(text, candidate.source)
            cost = price(line) + NEWLINE
            if head + cost <= room:
                if said.alike(candidate.text):
                    break
                said.add(candidate.text)
                heads.add(candidate.section)
                taken[index] = _Taken(BriefingItem(text=text, source=candidate.source, tokens=tokens(cost)), line)
                room -= head + cost
                break
    by_section: dict[str, list[_Taken]] = {section: [] for section in order}
    for index in sorted(taken):
        by_section.setdefault(candidates[index].section, []).append(taken[index])
    markdown = framed(_lines(by_section), title=title)
    return Packed(
        sections=[
            BriefingSection(title=section, items=[one.item for one in ones])
            for section, ones in by_section.items()
            if ones
        ],
        tokens=estimate(markdown),
        left_out=len(candidates) - len(taken),
        markdown=markdown,
    )


def _by_worth(candidates: Sequence[Candidate]) -> list[int]:
    densities = [
        candidate.worth / (price(_line(candidate.text, candidate.source)) + NEWLINE) for candidate in candidates
    ]
    return sorted(range(len(candidates)), key=lambda index: -densities[index])


def _title(title: str, max_tokens: int) -> str:
    """Return *title* as one line that leaves room: the smallest budget has some for a dozen letters."""
    most = _TITLE
    while estimate(framed((), title=one_line(title, most=most))) > max(LEAST_TOKENS, max_tokens // 4):
        most = most * 3 // 4
    return one_line(title, most=most)


def _lines(by_section: Mapping[str, Iterable[_Taken]]) -> Iterable[str]:
    for section, ones in by_section.items():
        if ones:
            yield _head(section)
            yield from (one.line for one in ones)


def _head(section: str) -> str:
    return f"# {section}"


def _line(text: str, source: str) -> str:
    return f"- {text} [{source}]"
