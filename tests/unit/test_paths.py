"""Paths: absolute, normal, and whatever bytes they are made of."""

import base64
import os

import pytest
from hypothesis import given

from omnimemd.domain.paths import absolute, escaped, is_within, raw, shown, unescaped
from tests.support.strategies import paths


@pytest.mark.parametrize(
    ("given_path", "expected"),
    [
        ("a", "/w/a"),
        ("./a/../b", "/w/b"),
        ("/a//b/", "/a/b"),
        ("//a", "/a"),
        ("..", "/"),
        ("../../..", "/"),
        (".", "/w"),
        ("a\nb", "/w/a\nb"),
    ],
)
def test_a_path_is_taken_from_the_workspace(given_path: str, expected: str) -> None:
    assert absolute(given_path, workspace="/w") == expected


@pytest.mark.parametrize(
    ("path", "root", "within"),
    [
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
        ("/", "/", True),
    ],
)
def test_a_folder_holds_itself_and_what_is_below_it(path: str, root: str, within: bool) -> None:
    assert is_within(path, root) is within


@given(paths)
def test_no_byte_of_a_path_is_lost(path: str) -> None:
    content = os.fsencode(path)

    assert unescaped(escaped(path)) == path
    assert shown(path).encode("utf-8")
    encoded = raw(path)
    if encoded is None:
        assert shown(path) == path
        assert path.encode("utf-8") == content
    else:
        assert base64.b64decode(encoded) == content
        assert shown(path) != path


@pytest.mark.parametrize(
    ("path", "text"), [("/ü", "/ü"), ("/\udcff", "/\\xff"), ("/🧠\udc80", "/🧠\\x80"), ("/\\xff", "/\\xff")]
)
def test_odd_bytes_are_shown_in_hexadecimal(path: str, text: str) -> None:
    assert shown(path) == text
