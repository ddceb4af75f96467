"""A marker passes once everything before it was told, and waits for nothing that came later."""

from collections.abc import Iterator

import pytest

from omnimemd.system.watcher.gate import Gate

Said = list[int | str]


def says(said: Said, word: str) -> Iterator[None]:
    yield
    said.append(word)


@pytest.fixture
def said() -> Said:
    return []


@pytest.fixture
def gate(said: Said) -> Gate:
    return Gate(said.append)


def arrive(gate: Gate, *numbers: int) -> None:
    for number in numbers:
        list(gate.arrive(number))


def test_a_marker_passes(gate: Gate, said: Said) -> None:
    arrive(gate, 1, 2)

    assert said == [1, 2]


def test_what_waits_for_a_marker_is_done_before_it_passes(gate: Gate, said: Said) -> None:
    gate.after(2, says(said, "two"))

    arrive(gate, 2)

    assert said == ["two", 2]


def test_a_marker_waits_for_what_is_told_behind_a_later_one(gate: Gate, said: Said) -> None:
    gate.after(2, says(said, "two"))

    arrive(gate, 1)
    assert said == []

    arrive(gate, 2)
    assert said == ["two", 1, 2]


def test_a_marker_does_not_wait_for_what_began_after_it(gate: Gate, said: Said) -> None:
    gate.after(2, says(said, "two"))
    arrive(gate, 1)
    gate.after(3, says(said, "three"))

    arrive(gate, 2)

    assert said == ["two", 1]


def test_a_marker_that_was_dropped_is_stood_for_by_the_next(gate: Gate, said: Said) -> None:
    gate.after(2, says(said, "two"))
    gate.after(4, says(said, "four"))

    arrive(gate, 5)

    assert said == ["two", "four", 5]


def test_a_closed_gate_holds_markers_until_it_was_opened_as_often(gate: Gate, said: Said) -> None:
    gate.close()
    gate.close()
    arrive(gate, 1, 2)

    gate.open()
    assert said == []

    gate.open()
    assert said == [2]
