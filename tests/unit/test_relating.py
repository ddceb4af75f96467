"""What has to do with the asker: by words, by files, by company."""

from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.clock import Millis
from omnimemd.domain.relating import (
    FilesAtHand,
    Node,
    Said,
    Words,
    either,
    scores,
    sharpened,
    terms_of,
    with_company,
)
from omnimemd.domain.search_terms import terms
from tests.support.clock import MINUTE, NOON

TEXTS = (
    "carrier calls retry with full jitter",
    "labels are drawn with reportlab",
    "the label barcode stays 8 mm from the edge",
    "webhooks answer at once",
)
DOCUMENTS = [terms_of(text) for text in TEXTS]


def related(asked: str) -> list[float]:
    words = Words([terms(asked)], DOCUMENTS)
    return [words.related(document) for document in DOCUMENTS]


def said(*texts: str) -> list[Said]:
    return [Said(text, Millis(NOON), None, 0, text) for text in texts]


class TestWords:
    def test_what_has_the_rarer_words_is_more_related(self) -> None:
        retries, reportlab, barcode, webhooks = related("the barcode of a label")

        assert barcode > reportlab > 0
        assert retries == webhooks == 0

    def test_words_of_grammar_tell_little(self) -> None:
        assert max(related("with the at")) <= 1
        assert related("the jitter with")[0] > 3 * related("the jitter with")[1]

    def test_a_word_that_nobody_spoke_of_makes_the_others_tell_less(self) -> None:
        assert 0 < related("labels zebra")[1] < related("labels")[1] == 1.0

    def test_who_asks_nothing_is_related_to_nothing(self) -> None:
        assert not Words([terms("")], DOCUMENTS)
        assert related("") == [0.0] * 4

    def test_of_several_subjects_the_nearest_counts(self) -> None:
        both = Words([terms("jitter"), terms("reportlab labels")], DOCUMENTS)

        assert [round(both.related(document), 2) for document in DOCUMENTS[:2]] == [1.0, 1.0]


class TestScores:
    def test_the_score_is_that_of_a_search(self) -> None:
        found = scores(terms("why reportlab for labels"), said(*TEXTS))

        assert max(found, key=lambda source: found[source]) == TEXTS[1]
        assert all(0 <= score <= 1 for score in found.values())

    def test_nothing_is_found_for_no_question(self) -> None:
        assert scores([], said(*TEXTS)) == {}
        assert scores(terms("jitter"), []) == {}


class TestFilesAtHand:
    def test_the_same_file_is_nearest_then_one_beside_it(self) -> None:
        at_hand = FilesAtHand(["src/jobs/worker.py"], [])

        assert at_hand.has("src/jobs/worker.py")
        assert at_hand.near("src/jobs/worker.py") == 1.0
        assert 0 < at_hand.near("src/jobs/retry.py") < 1.0
        assert at_hand.near("src/app.py") == 0.0

    def test_files_at_the_top_are_not_beside_each_other(self) -> None:
        assert FilesAtHand(["README.md"], []).near("Makefile") == 0.0

    def test_a_text_speaks_of_a_file_by_its_name_and_not_by_its_place(self) -> None:
        documents = [terms_of("the worker takes rows"), terms_of("the source tree of src")]
        at_hand = FilesAtHand(["src/worker.py"], documents)

        assert at_hand.named(documents[0]) > 0
        assert at_hand.named(documents[1]) == 0

    def test_nothing_at_hand_is_false(self) -> None:
        assert not FilesAtHand([], DOCUMENTS)


class TestCompany:
    def test_what_was_done_soon_after_has_to_do_with_it(self) -> None:
        nodes = [
            Node("it", Millis(NOON)),
            Node("soon", Millis(NOON + MINUTE)),
            Node("later", Millis(NOON + 90 * MINUTE)),
        ]

        found = with_company(nodes, {"it": 1.0})

        assert 1 > found["soon"] > found["later"] > 0
        assert "it" not in found

    def test_what_is_hardly_related_has_no_company(self) -> None:
        assert with_company([Node("it", Millis(NOON)), Node("other", Millis(NOON))], {"it": 0.1}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0.001, 1), max_size=9))
def test_the_most_related_stays_and_others_fall_behind(relations: dict[str, float]) -> None:
    found = sharpened(relations)

    assert found.keys() == relations.keys()
    for source, relation in found.items():
        assert 0 <= relation <= relations[source] + 1e-9
    assert max(found.values(), default=0) == max(relations.values(), default=0)


@given(st.lists(st.floats(0, 1), min_size=1))
def test_several_relations_are_at_least_the_strongest_and_never_over_1(relations: list[float]) -> None:
    assert max(relations) - 1e-9 <= either(*relations) <= 1
