"""Read a document of stored text as strictly as its fence is meant."""

import re
import unicodedata
from typing import NamedTuple

from omnimemd.domain.fencing import ABOUT, FENCE, WHAT

#: Controls, surrogates, private use, unassigned, ends of lines and paragraphs.
_NEVER = frozenset(("Cc", "Cs", "Co", "Cn", "Zl", "Zp"))
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e0fff]")
_SOURCE = re.compile(r"(?P<text>.*) \[(?:(?P<letter>[a-z])=)?(?P<owner>[^]=]+?)(?P<entry>:\d+)?\]")


class Item(NamedTuple):
    """A line of a document."""

    text: str
    source: str  #: written out


class Document(NamedTuple):
    """What a document holds."""

    title: str
    sections: dict[str, list[Item]]


def read(document: str) -> Document:
    """Return what *document* holds; it fails where anything stored could be taken for something else."""
    first, opening, about, *lines, closing, end = document.split("\n")
    assert (first, opening, closing, end) == (WHAT, FENCE, FENCE, "")
    assert about.startswith(ABOUT)
    check_harmless(about)
    sections: dict[str, list[Item]] = {}
    items: list[Item] = []
    owners: dict[str, str] = {}
    for line in lines:
        check_harmless(line)
        if line.startswith("# "):
            items = sections.setdefault(line.removeprefix("# "), [])
        else:
            assert line.startswith("- ")
            assert sections
            items.append(_item(line.removeprefix("- "), owners))
    return Document(about.removeprefix(ABOUT), sections)


def check_harmless(line: str) -> None:
    """Fail where *line* holds what could close a fence, open a tag, or hide."""
    assert not re.search(r"`{3}|~{3}|<[A-Za-z/!?|_$]", line), line
    assert not _NEVER & {unicodedata.category(one) for one in line}, line
    assert not _INVISIBLE.search(line), line


def _item(line: str, owners: dict[str, str]) -> Item:
    found = _SOURCE.fullmatch(line)
    assert found, line
    owner = found["owner"]
    if found["letter"]:
        assert found["letter"] not in owners
        owners[found["letter"]] = owner
    return Item(found["text"], owners.get(owner, owner) + (found["entry"] or ""))
