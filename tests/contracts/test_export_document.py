"""docs/EXPORT.md describes every line of an export, and every member of each."""

import re

import msgspec
import pytest

from omnimemd.domain import export_lines as lines
from tests.contracts.checkout import ROOT

DOCUMENT = (ROOT / "docs/EXPORT.md").read_text()
SECTIONS = dict(re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", DOCUMENT, re.MULTILINE))
#: What every entry has stands in a section of its own.
COMMON = {field.name for field in msgspec.structs.fields(lines.EntryLine)} | {"kind"}


def named(section: str) -> list[str]:
    """The members that a section lists."""
    return re.findall(r"^\| `(\w+)` \|", SECTIONS[section], re.MULTILINE)


def members(kind: type[lines.Line]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(kind)]


def section_of(name: tuple[str, str]) -> str:
    return ": ".join(filter(None, name))


def test_the_document_has_every_line_and_no_other() -> None:
    assert set(SECTIONS) == {section_of(name) for name in lines.TYPES} | {"entry"}


@pytest.mark.parametrize("name", lines.TYPES, ids=section_of)
def test_the_document_lists_every_member_in_its_order(name: tuple[str, str]) -> None:
    own = [one for one in members(lines.TYPES[name]) if one not in ("type", *(COMMON if name[1] else ()))]

    assert named(section_of(name)) == own


def test_the_document_lists_what_every_entry_has() -> None:
    assert named("entry") == [*members(lines.EntryLine)[1:], "kind"]


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("header", lines.Scope),
        ("project", lines.Folder),
        ("session", lines.ProcessLine),
        ("end", lines.Counts),
        ("checkpoint", lines.CheckpointFile),
        ("checkpoint", lines.CheckpointDecision),
        ("checkpoint", lines.CheckpointSearch),
        ("checkpoint", lines.CheckpointMemory),
    ],
)
def test_the_document_names_what_is_inside_a_member(section: str, kind: type[lines.Line]) -> None:
    assert all(f"`{name}`" in SECTIONS[section] for name in members(kind))


def test_the_document_is_of_the_present_version() -> None:
    assert f"version {lines.VERSION} of the format" in DOCUMENT
