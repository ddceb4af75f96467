"""How much of what is remembered has to do with what somebody is about to do: by its words, by files, by company.

* **Words**: the share of the asker's words that a text has, the rare ones counting more; or its score in a search, if
  that is more.
* **Files** at hand: the same file, one in the same folder, words of its name.
* **Company**: what a session did within minutes of something related has to do with it as well (the file that was
  written behind a decision, the decision that was made while a file was at hand).

A relation is between 0, none, and 1.
"""

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from omnimemd.domain import ranking
from omnimemd.domain.clock import Millis
from omnimemd.domain.ranking import Candidate, Corpus
from omnimemd.domain.search_terms import terms

#: What is left of the weight of a word that is nowhere: something is asked that nobody spoke of.
_UNKNOWN: Final = 0.3
#: What the same folder, and a word of a file's name, tell.
_SAME_FOLDER: Final = 0.35
_NAMED: Final = 0.7
#: What is left of a relation in its company, at the same moment; and after how long of that half.
_IN_COMPANY: Final = 0.4
_HALVED_MS: Final = 300_000
#: Relations weaker than this are passed on to nobody.
_TOO_WEAK: Final = 0.2
#: Texts whose terms are kept, paths among them: those of a dozen projects.
_READ: Final = 4_000
#: Words that stand in most paths, and say nothing of a file.
_PLACES: Final = frozenset(
    "src lib test tests spec index main mod init app common util utils helper py ts tsx js jsx rs go java rb c h cc "
    "cpp md json toml yaml yml css html sql sh txt lock".split()
)


class Said(msgspec.Struct, frozen=True, gc=False):
    """Something that was said."""

    source: str
    at: Millis
    session_id: str | None  #: None: it stands for itself
    place: int  #: in its session
    text: str


def terms_of(text: str) -> frozenset[str]:
    """Return the different terms of *text*."""
    return _read(text).terms


def scores(asked: Sequence[str], said: Sequence[Said]) -> dict[str, float]:
    """Return the score, 0…1, of each of *said* that a search for the terms *asked* finds, by source.

    It is that of the search, but for being told of no more than *said*: what else is in the index, and when it came
    there, changes nothing.
    """
    if not asked:
        return {}
    texts = [_read(one.text) for one in said]
    candidates = [
        Candidate(
            document=number,
            terms=text.joined,
            length=text.length,
            at=one.at,
            session=one.session_id,
            place=one.place,
        )
        for number, (one, text) in enumerate(zip(said, texts, strict=True))
    ]
    corpus = Corpus(
        documents=len(texts),
        length=sum(text.length for text in texts),
        frequency={term: sum(term in text.terms for text in texts) for term in dict.fromkeys(asked)},
    )
    return {said[one.document].source: min(one.score, 1.0) for one in ranking.rank(asked, candidates, corpus)}


class _Text(msgspec.Struct, frozen=True):
    terms: frozenset[str]
    joined: str  #: all of them in their order, with a space between two
    length: int  #: how many


@lru_cache(maxsize=_READ)
def _read(text: str) -> _Text:
    found = terms(text)
    return _Text(frozenset(found), " ".join(found), len(found))


class Words:
    """What somebody asks about, each subject by its words; a text has to do with it as with its nearest subject."""

    def __init__(self, subjects: Iterable[Iterable[str]], documents: Sequence[Collection[str]]) -> None:
        """Take down the words of each of *subjects*, weighed by how rare they are in *documents*."""
        self._weights: dict[str, list[tuple[int, float]]] = {}  # of each word, the subjects that have it
        for number, subject in enumerate(subjects):
            for word, weight in _weighed(subject, documents).items():
                self._weights.setdefault(word, []).append((number, weight))
        self._words = frozenset(self._weights)

    def __bool__(self) -> bool:
        """Return whether there is any word that a text may have."""
        return bool(self._words)

    def related(self, found: frozenset[str]) -> float:
        """Return what a text with the terms *found* has to do with the nearest of the subjects."""
        common = self._words & found
        if not common:
            return 0.0
        told: dict[int, float] = {}
        for word in sorted(common):  # in one order, so that the sum is the same each time
            for number, weight in self._weights[word]:
                told[number] = told.get(number, 0.0) + weight
        return max(told.values())


def _weighed(words: Iterable[str], documents: Sequence[Collection[str]]) -> dict[str, float]:
    """Return what each of *words* tells, all of them together 1 at most; those that are nowhere count less."""
    known: dict[str, float] = {}
    unknown = 0.0
    for word in dict.fromkeys(words):
        frequency = sum(word in document for document in documents)
        weight = ranking.weight(word, frequency, len(documents))
        if frequency:
            known[word] = weight
        else:
            unknown += _UNKNOWN * weight
    whole = sum(known.values()) + unknown
    return {word: weight / whole for word, weight in known.items()}


class FilesAtHand:
    """The files somebody works with: relative to the project's folder, as all paths here."""

    def __init__(self, paths: Iterable[str], documents: Sequence[Collection[str]]) -> None:
        """Take down *paths*; texts speak of them by words weighed by how rare they are in *documents*."""
        self._paths = frozenset(paths)
        self._folders = frozenset(folder for path in self._paths if (folder := posixpath.dirname(path)))
        self._names = Words(map(_name_words, sorted(self._paths)), documents)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._paths)

    def has(self, path: str) -> bool:
        """Return whether the file at *path* is one of them."""
        return path in self._paths

    def near(self, path: str) -> float:
        """Return what the file at *path* has to do with them."""
        if not self._paths:
            return 0.0
        if path in self._paths:
            return 1.0
        return _SAME_FOLDER if posixpath.dirname(path) in self._folders else 0.0

    def named(self, found: frozenset[str]) -> float:
        """Return what a text with the terms *found* has to do with them."""
        return _NAMED * self._names.related(found)


def _name_words(path: str) -> list[str]:
    """Return the words by which a file is spoken of: those of its name and of its folder's."""
    folder, name = posixpath.split(path)
    return sorted({*terms(f"{posixpath.basename(folder)} {name}")} - _PLACES)


class Node(msgspec.Struct, frozen=True, gc=False):
    """Something a session had to do with, and when."""

    source: str
    at: Millis


def with_company(nodes: Sequence[Node], related: Mapping[str, float]) -> dict[str, float]:
    """Return the relation of those of *nodes*, all of one session, to which their company adds, with that.

    Args:
        nodes: in any order.
        related: the relation of some of them by itself.
    """
    own = [related.get(one.source, 0.0) for one in nodes]
    centres = [(one.at, relation) for one, relation in zip(nodes, own, strict=True) if relation >= _TOO_WEAK]
    found = {}
    for one, relation in zip(nodes, own, strict=True):
        near = [strength / (1 + abs(one.at - at) / _HALVED_MS) for at, strength in centres if strength > relation]
        if near:
            found[one.source] = either(relation, _IN_COMPANY * max(near))
    return found


def sharpened(relations: Mapping[str, float]) -> dict[str, float]:
    """Return *relations* as they are to be weighed: half as related as the most related is a quarter as much."""
    best = max(relations.values(), default=0.0)
    return {source: relation * (relation / best) for source, relation in relations.items() if relation}


def either(*relations: float) -> float:
    """Return the relation of what has several: each adds to what the others leave open."""
    left = 1.0
    for one in relations:
        left *= 1 - one
    return 1 - left
