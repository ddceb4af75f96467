"""What the documents say is so: their commands exist, their links lead somewhere."""

import re
from pathlib import Path

import pytest

from scripts.dev import VERBS
from tests.contracts.checkout import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

COMMAND = re.compile(r"python3 scripts/dev\.py ([a-z-]+)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(<?(?P<path>[^)>#\s]*)(?:#(?P<heading>[^)>\s]*))?>?\)")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(document: Path) -> set[str]:
    """The anchors a reader can jump to, as code forges make them from headings."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def broken_links(document: Path) -> list[str]:
    """The links of a document that lead nowhere; those to other sites are not looked at."""
    links = LINK.finditer(CODE.sub("", document.read_text()))
    return [link[0] for link in links if ":" not in link["path"] and not leads_somewhere(link, document)]


def leads_somewhere(link: re.Match[str], document: Path) -> bool:
    """Whether a link leads to a file of the checkout, and to a heading in it if it names one."""
    target = (document.parent / link["path"]).resolve() if link["path"] else document
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not link["heading"] or target.suffix != ".md" or link["heading"] in headings(target)


@pytest.mark.parametrize("verb", ["run", "test"])
def test_the_readme_names_the_commands_that_run_and_test_it(verb: str) -> None:
    assert verb in COMMAND.findall((ROOT / "README.md").read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_development_command_in_a_document_exists(document: Path) -> None:
    assert set(COMMAND.findall(document.read_text())) <= VERBS.keys()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_inside_the_checkout_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", "LICENSE", "docs/ARCHITECTURE.md"])
def test_a_visitor_finds_the_documents_every_project_has(document: str) -> None:
    assert (ROOT / document).is_file()
