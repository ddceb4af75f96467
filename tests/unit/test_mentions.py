"""The words of a text that may be files: what looks like a path, and nothing that merely contains one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.mentions import may_mention, mentions

_names = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12).filter(
    lambda name: name[0].isalpha()
)
_extensions = st.sampled_from([".py", ".c", ".tsx", ".toml", ".md", ".h"])
_paths = st.builds(
    lambda start, folders, name, extension: start + "".join(f"{one}/" for one in folders) + name + extension,
    st.sampled_from(["", "./", "../", "/"]),
    st.lists(_names, max_size=4),
    _names,
    _extensions,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The entry point is src/app.py.", ["src/app.py"]),
        ("See src/app.py:12, src/b.py:3:4 and lib/c.rb#L10-L20!", ["src/app.py", "src/b.py", "lib/c.rb"]),
        ("run tests/test_x.py::TestY::test_z", ["tests/test_x.py"]),
        ("(src/app.py) [it](docs/it.md) **a/b.c** <x/y.h>", ["src/app.py", "docs/it.md", "a/b.c", "x/y.h"]),
        ("`src/app.py`'s \"lib/x.py\" and 'README.md'", ["src/app.py", "lib/x.py", "README.md"]),
        ("@src/at.py is in /abs/in/x.c, not ./rel/y.c", ["src/at.py", "/abs/in/x.c", "./rel/y.c"]),
        ("Makefile, Dockerfile and bin/run", ["Makefile", "Dockerfile", "bin/run"]),
        (".env and .github/workflows/ci.yml", [".env", ".github/workflows/ci.yml"]),
        ("請看src/app.py。", ["請看src/app.py", "src/app.py"]),
        ("--config=etc/a.toml x=y/z.py", ["etc/a.toml", "y/z.py"]),
        ("a/b.py — c/d.py…e/f.py→g/h.py", ["a/b.py", "c/d.py", "e/f.py", "g/h.py"]),
        ("src/app.py, once more src/app.py", ["src/app.py"]),
    ],
)
def test_paths_are_found(text: str, found: list[str]) -> None:
    assert [*mentions(text)] == found


def test_a_name_with_spaces_is_one_in_backticks() -> None:
    assert "docs/my notes.md" in mentions("See `docs/my notes.md`.")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/src/app.py",
        "www.example.org/a.html",
        "file:///w/src/app.py",
        "git@example.org:a/b.git",
        "me@example.org",
        "1.2.3 v1.2.3 3.11 2026/01/31 12:30 50/50",
        "~/notes.md",
        "src/ lib/ / ./ ..",
        "C:\\src\\app.py",
        "No path at all. It was fine! Was it? Yes...",
        "",
    ],
)
def test_what_is_none_is_not_found(text: str) -> None:
    assert mentions(text) == ()


@given(
    path=_paths,
    before=st.sampled_from(["", "see ", "(", "`", "'", "\u2013 ", "、"]),
    after=st.sampled_from(["", ".", ",", ")", "`", ":7", "。"]),
)
def test_a_path_is_found_in_whatever_stands_around_it(path: str, before: str, after: str) -> None:
    assert path in mentions(f"{before}{path}{after} and so on")


@given(st.text())
def test_any_text_is_safe_and_what_is_found_stands_in_it(text: str) -> None:
    found = mentions(text)

    assert all(path in text for path in found)
    assert len(set(found)) == len(found)
    assert not found or may_mention(text)


def test_no_more_is_taken_than_anybody_writes() -> None:
    assert len(mentions(" ".join(f"src/f{number}.py" for number in range(1000)))) == 256
