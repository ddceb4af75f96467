"""Temporary files that become real ones, and files that are but renamed."""

import pytest

from omnimemd.domain.temporary import becomes, is_dropping


@pytest.mark.parametrize(
    ("temporary", "real"),
    [
        ("sedAbC123", "a.py"),
        (".a.py.swp", "a.py"),
        (".a.py.swx", "a.py"),
        (".a.py.swpx", "a.py"),
        ("a.py~", "a.py"),
        ("4913~", "a.py"),
        (".goutputstream-X1Y2Z3", "a.py"),
        ("a.py___jb_tmp___", "a.py"),
        ("a.py___jb_old___", "a.py"),
        ("#a.py#", "a.py"),
        ("a.py.tmp", "a.py"),
        ("a.py.tmp.1234.5678", "a.py"),
        (".a.py.tmp-1234", "a.py"),
        (".tmp_a.py", "a.py"),
        ("tmpabcd1234", "a.py"),
        ("a.py.new", "a.py"),
        ("a.py.crswap", "a.py"),
        ("index.lock", "index"),
        (".a.py.X7Yz1Q", "a.py"),
        ("a.py.1234567", "a.py"),
    ],
)
def test_it_was_but_the_making_of_the_real_one(temporary: str, real: str) -> None:
    assert becomes(temporary, real)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a.py", "b.py"),
        ("a.py", "a.pyi"),
        ("template.py", "t.py"),
        ("temperature.py", "t.py"),
        ("sed.py", "b.py"),
        ("attempt.py", "b.py"),
        ("news.md", "b.md"),
        ("a.pyx", "a.py"),
        ("main2.py", "main.py"),
    ],
)
def test_it_is_a_file_that_was_renamed(old: str, new: str) -> None:
    assert not becomes(old, new)


@pytest.mark.parametrize(
    "name", [".a.py.swp", ".a.py.swo", ".a.py.swx", ".a.py.swpx", "a.py.swp", "4913", "a.py~", ".#a"]
)
def test_it_is_an_editors_own(name: str) -> None:
    assert is_dropping(name)


@pytest.mark.parametrize("name", ["a.swf", "main.swift", ".swp", "4913.txt", "a.sw", "~"])
def test_it_is_somebodys(name: str) -> None:
    assert not is_dropping(name)
