"""Nothing that is committed leans on the machine it was written on."""

import re
from pathlib import Path

import pytest

from tests.contracts.checkout import ROOT, committed_files

#: What a reader of the repository cannot follow, by the reason why. In an example, "me" and "somebody" are nobody.
UNFOLLOWABLE = {
    "a home directory": rb"(?<![\w.}])/(?:root/|(?:home|Users)/(?!(?:me|somebody)\b)\w)",
    "a folder beside the repository": rb"\bshared/(?:[A-Z]|hooks|recipes|retrieval)",
    # In pieces, so that it is not named here either.
    "a package index": rb"py" + rb"pi\.org|python" + rb"hosted\.org",
}

#: A paper by name, as in `STYLE §9`, `STYLE.md` or `(STYLE: …)`.
PAPER = re.compile(rb"\b(CONTRACT|DESIGN|INTEGRATIONS|SERVICE|STYLE)(?:\.md\b|:| \xc2\xa7)")


def places(pattern: re.Pattern[bytes], files: list[Path]) -> list[str]:
    """Where the pattern is found, as `file:line: text`."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.decode(errors='replace').strip()}"
        for path in files
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return [path for path in committed_files() if path != Path(__file__)]


@pytest.mark.needs("git")
@pytest.mark.parametrize("what", UNFOLLOWABLE)
def test_no_file_refers_to(what: str, files: list[Path]) -> None:
    assert places(re.compile(UNFOLLOWABLE[what]), files) == []


@pytest.mark.needs("git")
def test_a_paper_that_is_cited_is_in_the_repository(files: list[Path]) -> None:
    own = {path.stem for path in files if path.suffix == ".md"}

    cited = [
        place
        for place in places(PAPER, files)
        if not {match.decode() for match in PAPER.findall(place.encode())} <= own
    ]

    assert cited == []
