"""The measures of retrieval, and the sets they are taken of, read right. How good anything is, no test says."""

import json
import math
from pathlib import Path

import pytest

from tests.bench.plain_search import PlainSearch
from tests.bench.questions import sets
from tests.bench.relevance import Relevance, firsts, mean, relevance

CHAT = {
    "conversation": {
        "session_1_date_time": "1 May",
        "session_1": [
            {"dia_id": "D1:1", "speaker": "Ann", "text": "Hello"},
            {"dia_id": "D1:2", "speaker": "Ben", "text": "Look", "blip_caption": "a boat"},
        ],
        "session_2_date_time": "2 May",
        "session_2": [{"dia_id": "D2:1", "speaker": "Ann", "text": "Bye"}],
    },
    "qa": [
        {"question": "Who greets?", "evidence": ["D1:1; D2:1"], "category": 4},
        {"question": "What boat?", "evidence": ["D1:2"], "category": 5},
        {"question": "Nothing?", "evidence": ["D"], "category": 1},
    ],
}


def test_the_only_answer_stands_first() -> None:
    assert relevance(["a", "b"], {"a"}) == Relevance(1, 1, 1, 1, 1)


def test_an_answer_that_is_not_found_counts_nothing() -> None:
    assert relevance(["a", "b"], {"c"}) == Relevance(0, 0, 0, 0, 0)
    assert relevance([], {"c"}) == Relevance(0, 0, 0, 0, 0)


def test_each_measure_of_several_answers() -> None:
    found = relevance(["x", "a", "y", "z", "v", "b", *"ABCDE", "c"], {"a", "b", "c", "d"})

    assert (found.recall_1, found.recall_5, found.recall_10) == (0, 0.25, 0.5)
    assert found.mrr == 0.5
    gained = 1 / math.log2(3) + 1 / math.log2(7)
    possible = 1 + 1 / math.log2(3) + 1 / math.log2(4) + 1 / math.log2(5)
    assert found.ndcg_10 == pytest.approx(gained / possible)


def test_all_of_more_than_ten_answers_cannot_be_had_in_ten() -> None:
    answers = [str(number) for number in range(20)]

    found = relevance(answers, set(answers))

    assert found.recall_10 == 0.5
    assert found.ndcg_10 == pytest.approx(1)


def test_a_mean_is_one_of_each_measure() -> None:
    assert mean([Relevance(0, 0, 1, 0.5, 0.25), Relevance(1, 1, 1, 1, 0.75)]) == Relevance(0.5, 0.5, 1, 0.75, 0.5)


def test_a_session_stands_where_its_first_message_does() -> None:
    assert firsts(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


def test_the_chats_are_read_turn_by_turn_and_session_by_session(tmp_path: Path) -> None:
    (tmp_path / "locomo-dev.json").write_text(json.dumps([CHAT]))

    turns, sessions = sets(tmp_path)

    assert [one.value for one in turns.projects[0].kept] == ["Ann: Hello", "Ben: Look [shares a boat]", "Ann: Bye"]
    assert [one.right for one in turns.projects[0].questions] == [{"D1:1", "D2:1"}]
    assert sessions.projects[0].kept[0].value == "1 May\nAnn: Hello\nBen: Look [shares a boat]"
    assert [one.right for one in sessions.projects[0].questions] == [{"1", "2"}, {"1"}]


def test_the_messages_of_a_session_answer_for_it(tmp_path: Path) -> None:
    session = {"id": "S1", "project": "shop", "messages": [{"content": "Hi"}, {"content": "Ho"}]}
    asked = {"question": "Hi?", "type": "greeting", "gold": ["S1"]}
    (tmp_path / "devmem-sessions.json").write_text(json.dumps([session]))
    (tmp_path / "devmem-questions-dev.json").write_text(json.dumps([asked]))

    (found,) = sets(tmp_path)

    assert [(one.value, one.answer) for one in found.projects[0].kept] == [("[shop] Hi", "S1"), ("[shop] Ho", "S1")]
    assert [(one.kind, one.right) for one in found.projects[0].questions] == [("greeting", frozenset({"S1"}))]


def test_a_folder_without_the_sets_has_none(tmp_path: Path) -> None:
    assert list(sets(tmp_path)) == []


def test_the_floor_finds_by_stems_and_leaves_out_common_words() -> None:
    search = PlainSearch(["the cat was running", "what is the time", "dogs"])

    assert search.ranked("what runs?", 5) == [0]
    assert search.ranked("what", 5) == [1]
    assert search.ranked("?!", 5) == []
