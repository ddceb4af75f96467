"""A snippet shows where in a text something was found, on one harmless line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.search_terms import terms
from omnimemd.domain.snippets import snippet

FILLER = "word " * 100


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        ("We use PostgreSQL.", "postgresql", "We use «PostgreSQL»."),
        ("call getUserName() here", "user", "call «getUserName»() here"),
        ("数据库连接池", "据库", "数«据库»连接池"),
        ("数据库连接池", "库", "数据«库»连接池"),
        ("データベースの接続プール", "接続プール", "データベースの«接続プール»"),
        ("ขนาดของฐานข้อมูลคือยี่สิบ", "ฐานข้อมูล", "ขนาดของ«ฐานข้อมูล»คือยี่สิบ"),
        ("書庫の鍵", "文庫", "書«庫»の鍵"),
        ("one\ntwo\t three\r\n", "two", "one «two» three"),
        ("nothing of it", "else", "nothing of it"),
        ("\x1b[31mred\x07 alert\u202e", "alert", "[31mred «alert»"),
        ("", "x", ""),
    ],
)
def test_what_was_found_is_marked(text: str, question: str, expected: str) -> None:
    assert snippet(text, terms(question)) == expected


def test_it_is_cut_around_what_was_found() -> None:
    shown = snippet(f"{FILLER}needle {FILLER}", ["needl"])

    assert shown.startswith("…word ")
    assert shown.endswith(" word…")
    assert "«needle»" in shown
    assert len(shown) <= 160 + 4


def test_it_shows_where_most_different_words_are() -> None:
    shown = snippet(f"alpha {FILLER} alpha alpha {FILLER} alpha and beta {FILLER}", ["alpha", "beta"])

    assert "«alpha» and «beta»" in shown


@pytest.mark.parametrize("character", ["👩‍👩‍👧", "e\u0301", "🇩🇪", "👍🏽", "ก็"])
@pytest.mark.parametrize("ahead", range(8))
def test_what_a_reader_takes_for_one_character_is_not_cut(character: str, ahead: int) -> None:
    text = "x" * ahead + character * 400

    assert set(snippet(text, []).strip("x…").split(character)) == {""}


@given(st.text(), st.text(max_size=5))
def test_any_text_is_one_harmless_line(text: str, question: str) -> None:
    shown = snippet(text, terms(question))

    assert all(unicodedata.category(character) not in ("Cc", "Cs") for character in shown)
    assert shown.count("«") - text.count("«") == shown.count("»") - text.count("»") or "…" in shown


def test_a_word_repeated_ten_thousand_times_is_no_matter() -> None:
    assert snippet("again " * 10_000, ["again"]).startswith("«again» «again»")
