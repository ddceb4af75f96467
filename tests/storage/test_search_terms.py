"""What the program makes of a text, SQLite takes as it is."""

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnimemd.domain.search_terms import terms
from omnimemd.domain.stemming import stem

_db = apsw.Connection(":memory:")
_LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20)
_ENDINGS = st.sampled_from(
    "s es ies ed ing eed at bl iz ational izer biliti alism iveness icate ful ness ment ement sion ate ll e y".split()
)


def tokens(text: str, tokenizer: str) -> list[str]:
    """Return what SQLite's *tokenizer* makes of *text*."""
    made = _db.fts5_tokenizer(tokenizer, ["ascii"] if tokenizer == "porter" else [])
    found = made(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False)
    return [str(token[0]) for token in found]


@given(_LETTERS, _ENDINGS)
def test_stems_are_those_of_sqlite(beginning: str, ending: str) -> None:
    assert [stem(beginning + ending)] == tokens(beginning + ending, "porter")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text())
def test_terms_are_tokens(text: str) -> None:
    assert tokens(" ".join(terms(text)), "ascii") == terms(text)


@pytest.mark.parametrize("text", ["ﷺ ⒈ ⑴ ½ \uff02 x⃝", "İstanbul ǅ ß ŉ", "naïve_Bayes don\u2019t", "ที่นี่ नमस्ते"])
def test_terms_of_odd_letters_are_tokens(text: str) -> None:
    assert tokens(" ".join(terms(text)), "ascii") == terms(text)
