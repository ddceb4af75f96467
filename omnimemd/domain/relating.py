"""How much of what is remembered has to do with what somebody is about to do: by its words, by files, by company.

Three things relate a node (a decision, a search, a memory that a session used, a file it worked with) to an asker:

* **words**: the share of the asker's words that it has, the rare ones counting more; or what the search says, if more.
* **files** at hand: the same file, one in the same folder, words of its name.
* **company**: what a session did within minutes of something related has to do with it as well: the file that was
  written behind a decision, the decision that was made while a file was at hand.

A relation is between 0, none, and 1.
"""

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from omnimemd.domain import ranking
from omnimemd.domain.clock import Millis
from omnimemd.domain.search_terms import terms

#: What is left of the weight of a word that is nowhere: something is asked that nobody spoke of.
_UNKNOWN: Final = 0.3
#: What the same folder, and a word of a file's name, tell.
_SAME_FOLDER: Final = 0.35
_NAMED: Final = 0.7
#: What is left of a relation in its company, at the same moment; and after how long of that half.
_IN_COMPANY: Final = 0.5
_HALVED_MS: Final = 300_000
#: Relations weaker than this are passed on to nobody.
_TOO_WEAK: Final = 0.2
#: Words that stand in most paths, and say nothing of a file.
_PLACES: Final = frozenset(
    "src lib test tests spec index main mod init app common util utils helper py ts tsx js jsx rs go java rb c h cc "
    "cpp md json toml yaml yml css html sql sh txt lock".split()
)


class Words(msgspec.Struct, frozen=True):
    """What somebody asks about: what each word tells, all together 1 at most; none where nothing was asked."""

    weights: Mapping[str, float]

    def related(self, found: Collection[str]) -> float:
        """Return what the words in *found* tell."""
        return sum(weight for word, weight in self.weights.items() if word in found)


def words(asked: Iterable[str], documents: Sequence[Collection[str]]) -> Words:
    """Return the words of what is *asked*, weighed by how rare they are in *documents*; those in none count less."""
    known: dict[str, float] = {}
    unknown = 0.0
    for word in dict.fromkeys(asked):
        frequency = sum(word in document for document in documents)
        weight = ranking.weight(word, frequency, len(documents))
        if frequency:
            known[word] = weight
        else:
            unknown += _UNKNOWN * weight
    whole = sum(known.values()) + unknown
    return Words({word: weight / whole for word, weight in known.items()} if whole else {})


def names(paths: Iterable[str], documents: Sequence[Collection[str]]) -> list[Words]:
    """Return the words by which each of *paths* is spoken of: those of its name and of its folder's."""
    found = []
    for path in paths:
        folder, name = posixpath.split(path)
        found.append(words(sorted({*terms(f"{posixpath.basename(folder)} {name}")} - _PLACES), documents))
    return found


def named(names: Iterable[Words], found: Collection[str]) -> float:
    """Return what a text with the terms *found* has to do with the files that have these *names*."""
    return _NAMED * max((one.related(found) for one in names), default=0.0)


class Node(msgspec.Struct, frozen=True):
    """Something a session had to do with, and when."""

    source: str
    at: Millis


def spread(nodes: Sequence[Node], related: Mapping[str, float]) -> dict[str, float]:
    """Return what the relation of each of *nodes*, all of one session, is by its company; those without one left out.

    Args:
        nodes: in any order.
        related: the relation of some of them by itself.
    """
    centres = [(one.at, related[one.source]) for one in nodes if related.get(one.source, 0.0) >= _TOO_WEAK]
    found = {}
    for one in nodes:
        own = related.get(one.source, 0.0)
        best = max(
            (strength / (1 + abs(one.at - at) / _HALVED_MS) for at, strength in centres if strength > own), default=0.0
        )
        if best:
            found[one.source] = best * _IN_COMPANY
    return found


def sharpened(relations: Mapping[str, float]) -> dict[str, float]:
    """Return *relations* as they are to be weighed: half as related as the most related is a quarter as much."""
    best = max(relations.values(), default=0.0)
    return {source: relation * relation / best for source, relation in relations.items() if relation}


def either(*relations: float) -> float:
    """Return the relation of what has several: each adds to what the others leave open."""
    left = 1.0
    for one in relations:
        left *= 1 - min(max(one, 0.0), 1.0)
    return 1 - left


class FilesAtHand:
    """The files somebody works with: relative to the project's folder, as all paths here."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take down *paths*, those that matter most first."""
        self.paths = tuple(dict.fromkeys(paths))
        self._paths = frozenset(self.paths)
        self._folders = frozenset(folder for path in self.paths if (folder := posixpath.dirname(path)))

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.paths)

    def near(self, path: str) -> float:
        """Return what the file at *path* has to do with them."""
        if path in self._paths:
            return 1.0
        return _SAME_FOLDER if posixpath.dirname(path) in self._folders else 0.0
