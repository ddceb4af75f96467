"""Text and times as a terminal may show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.cli import times
from omnimemd.cli.text import clip, clip_path, counted, safe, safe_lines, shown_path, size, width


@given(st.text())
def test_nothing_in_any_text_can_control_a_terminal(text: str) -> None:
    assert safe(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 漢字", "plain, é, 漢字"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_does_not_print_is_written_out(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_lines_and_tabs_of_a_text_stay_where_lines_are_shown() -> None:
    assert safe_lines("a\tb\nc\x1b") == "a\tb\nc\\x1b"


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])), st.integers(1, 30))
def test_a_clipped_text_fits(text: str, room: int) -> None:
    assert width(clip(text, room)) <= room
    assert width(clip_path(text, room)) <= room


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("", 0)])
def test_columns_are_counted_as_a_terminal_does(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("path", "room", "shown"),
    [
        ("/home/me/src/app", 40, "/home/me/src/app"),
        ("/home/me/src/app", 11, "…/src/app"),
        ("/home/me/src/application", 10, "…plication"),
        ("/home/me/src/app", None, "/home/me/src/app"),
    ],
)
def test_a_long_path_keeps_its_end_in_whole_names(path: str, room: int | None, shown: str) -> None:
    assert clip_path(path, room) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/me", "~"),
        ("/home/me/src", "~/src"),
        ("/home/me" + "an/src", "/home/me" + "an/src"),  # begins alike, and is another user's
        ("/w/app/a.py", "a.py"),
        ("/w/app", "/w/app"),
        ("/w/apple/a.py", "/w/apple/a.py"),
        ("/w/app/\x1b", r"\x1b"),
    ],
)
def test_a_path_is_shown_from_the_workspace_or_the_home(path: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert shown_path(path, below="/w/app") == shown


def test_one_of_a_thing_is_no_plural() -> None:
    assert [counted(1, "file"), counted(0, "file"), counted(2, "directory", "directories")] == [
        "1 file",
        "0 files",
        "2 directories",
    ]


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9949, "9.9 kB"), (9950, "10 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (12_345_678, "12 MB"), (4_000_000_000_000, "4000 GB")],
)  # fmt: skip
def test_a_number_of_bytes_is_short(octets: int, shown: str) -> None:
    assert size(octets) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0 s"), (0.2, "0 s"), (59.6, "1 min"), (60, "1 min"), (206, "3 min 26 s"), (7200, "2 h"), (7205, "2 h"),
     (90_000, "1 day 1 h"), (86_400 * 3 + 60, "3 days")],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(seconds: float, shown: str) -> None:
    assert times.span(seconds) == shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("7d", 604_800), ("2w", 1_209_600), ("0.5s", 0.5)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert times.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "7x", "-1", "1 h", "1h30", "inf", "nan", "1e3", "٣"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 it says no more
        times.seconds(text)
