"""Cut English words down to their stems: M. F. Porter, "An algorithm for suffix stripping", Program 14 (3), 1980.

The same stems as SQLite's `porter` tokenizer, which a test holds it against; here, so that what is indexed, asked for
and marked in an answer is cut by one rule that needs no database.
"""

import re
from typing import Final

_C: Final = "[^aeiou][^aeiouy]*"
_V: Final = "[aeiouy][aeiou]*"
#: The measure m of a stem is how often a vowel is followed by a consonant.
_HAS_ONE: Final = re.compile(f"(?:{_C})?{_V}{_C}").match
_IS_ONE: Final = re.compile(f"(?:{_C})?{_V}{_C}(?:{_V})?").fullmatch
_HAS_TWO: Final = re.compile(f"(?:{_C})?{_V}{_C}{_V}{_C}").match
_HAS_VOWEL: Final = re.compile(f"(?:{_C})?[aeiouy]").match
_SHORT: Final = re.compile(f"{_C}[aeiouy][^aeiouwxy]").fullmatch
_DOUBLED: Final = re.compile(r"([^aeiouylsz])\1$").search

_STEP_2: Final = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "logi": "log",
    "bli": "ble",
    "alli": "al",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
}
_STEP_3: Final = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4: Final = "ement ment ance ence able ible ant ent ism ate iti ous ive ize al er ic ou".split()


def stem(word: str) -> str:
    """Return the stem of *word*, which is lower-case a to z; one of one or two letters is its own."""
    if len(word) < 3:
        return word
    initial_y = word.startswith("y")  # a consonant there
    if initial_y:
        word = "Y" + word[1:]
    word = _final(_fourth(_replaced(_replaced(_y(_ed_ing(_plural(word))), _STEP_2), _STEP_3)))
    return "y" + word[1:] if initial_y else word


def _plural(word: str) -> str:
    if (word.endswith("sses") and len(word) > 4) or (word.endswith("ies") and len(word) > 3):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _ed_ing(word: str) -> str:
    if word.endswith("eed") and len(word) > 3:
        return word[:-1] if _HAS_ONE(word[:-3]) else word
    rest = word[:-2] if word.endswith("ed") else word[:-3] if word.endswith("ing") else None
    if rest is None or not _HAS_VOWEL(rest):
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if _DOUBLED(rest):
        return rest[:-1]
    return rest + "e" if _SHORT(rest) else rest


def _y(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and _HAS_VOWEL(word[:-1]) else word


def _replaced(word: str, endings: dict[str, str]) -> str:
    ending = next((one for one in endings if word.endswith(one)), None)
    if ending is not None and _HAS_ONE(rest := word[: -len(ending)]):
        return rest + endings[ending]
    return word


def _fourth(word: str) -> str:
    if word.endswith(("sion", "tion")):
        return word[:-3] if _HAS_TWO(word[:-3]) else word
    ending = next((one for one in _STEP_4 if word.endswith(one)), None)
    if ending is not None and _HAS_TWO(rest := word[: -len(ending)]):
        return rest
    return word


def _final(word: str) -> str:
    rest = word[:-1]
    if word.endswith("e") and (_HAS_TWO(rest) or (_IS_ONE(rest) and not _SHORT(rest))):
        word = rest
    return word[:-1] if word.endswith("ll") and _HAS_TWO(word) else word
