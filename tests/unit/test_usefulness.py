"""What uses something that was shown: only what comes afterwards, what is the session's own, and what was meant."""

import pytest
from msgspec.structs import replace

from omnimem.model import Access, Attribution
from omnimemd.domain.clock import Millis
from omnimemd.domain.entries import Entry, Numbered
from omnimemd.domain.usefulness import Item, ItemKind, Outcome, Use, Used, Watched, find_uses, mark_of, reported
from tests.support.clock import NOON
from tests.support.factories import a_decision, an_access

FILE = Item(ItemKind.FILE, "s-0", mark_of("/w/src/a.py"))
DECISION = Item(ItemKind.DECISION, "s-0:3")


def watched(item: Item = FILE, *, after: int = 0, **members: object) -> Watched:
    return Watched(item, NOON, after, **members)  # type: ignore[arg-type]  # members of it


def uses(one: Watched, *entries: Entry) -> dict[Item, Used]:
    numbered = [Numbered(seq, entry) for seq, entry in enumerate(entries, start=1)]
    return {item: use.how for item, use in find_uses([one], numbered).items()}


def test_a_read_afterwards_is_a_use() -> None:
    assert uses(watched(), an_access("/w/src/a.py", Access.READ)) == {FILE: Used.READ}
    assert uses(watched(after=1), an_access("/w/src/a.py", Access.READ)) == {}


@pytest.mark.parametrize("members", [{"burst_id": "b-1"}, {"attribution": Attribution.AMBIGUOUS, "others": ("s-2",)}])
def test_what_a_burst_swept_up_and_what_may_be_anothers_is_none(members: dict[str, object]) -> None:
    assert uses(watched(), replace(an_access("/w/src/a.py", Access.READ), **members)) == {}


def test_to_move_a_file_uses_it() -> None:
    assert uses(watched(), an_access("/w/b.py", Access.MOVE, old_path="/w/src/a.py")) == {FILE: Used.WRITTEN}


@pytest.mark.parametrize(("path", "used"), [("/w/src/a.py", True), ("/w/other/a.py", False), ("/w/mysrc/a.py", False)])
def test_a_path_in_words_is_the_end_of_a_path(path: str, used: bool) -> None:
    one = watched(DECISION, tails=frozenset(("src/a.py",)))

    assert uses(one, an_access(path, Access.READ)) == ({DECISION: Used.TOUCHED} if used else {})


def test_a_plain_use_takes_the_place_of_a_weak_one_and_keeps_its_time() -> None:
    memory = Item(ItemKind.MEMORY, "mem_0123456789ab", mark_of("/w/src/a.py"))
    weak = Use(Millis(NOON + 1), Used.TOUCHED)
    read = Numbered(5, an_access("/w/src/a.py", Access.READ, at=NOON + 9))

    assert find_uses([watched(memory, use=weak)], [read]) == {memory: Use(Millis(NOON + 1), Used.READ)}
    assert find_uses([watched(memory, use=Use(weak.at, Used.FOUND))], [read]) == {}


@pytest.mark.parametrize(
    ("text", "used"),
    [("jitter for uploads that retry", True), ("uploads are resumable", False), ("something else", False)],
)
def test_much_the_same_words_are_some_and_a_part_of_them(text: str, used: bool) -> None:
    one = watched(DECISION, words=frozenset(("upload", "retri", "jitter", "full")))

    assert uses(one, a_decision(text)) == ({DECISION: Used.SAID} if used else {})


def test_a_report_is_by_kind_with_the_median_time_to_the_first_use() -> None:
    used = [Outcome(ItemKind.FILE, NOON, Use(Millis(NOON + delay), Used.READ)) for delay in (1000, 5000, 3000)]
    unused = Outcome(ItemKind.FILE, NOON, None)
    weak = Outcome(ItemKind.MEMORY, NOON, Use(NOON, Used.TOUCHED))

    files, memories = reported([weak, *used, unused])

    assert (files.kind, files.shown, files.used, files.plainly, files.median_ms) == (ItemKind.FILE, 4, 3, 3, 3000)
    assert (memories.used, memories.plainly) == (1, 0)
