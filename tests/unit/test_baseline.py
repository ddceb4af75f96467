"""What was missed is found out exactly: nothing that happened is left out, nothing that was told is told again."""

import posixpath
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from omnimem.model import Access
from omnimemd.domain.baseline import Look, missed, recovered
from omnimemd.domain.bursts import MANY
from omnimemd.domain.clock import Millis
from omnimemd.domain.coalescing import Observed
from omnimemd.domain.file_events import FileFacts
from omnimemd.domain.news import Told
from tests.support.clock import NOON, SECOND

#: When nobody was looking first, and when somebody looked again.
LOST = Millis(NOON + 10 * SECOND)
LOOKED = Millis(NOON + 20 * SECOND)
BURST = "burst_0123456789ab"


def a_file(
    name: str = "a.py", *, inode: int = 1, size: int = 1, at: int = NOON, changed: int | None = None
) -> FileFacts:
    return FileFacts(name, inode, size, at * 1_000_000, (at if changed is None else changed) * 1_000_000)


def found(
    before: Sequence[FileFacts] | None,
    now: Sequence[FileFacts],
    told: dict[str, Told] | None = None,
    *,
    directory: str = "/w",
) -> list[tuple[Access, str]]:
    return [
        (one.access, one.facts.name) for one in missed(a_look(before, now, directory=directory), told or {}, since=LOST)
    ]


def a_look(before: Sequence[FileFacts] | None, now: Sequence[FileFacts], *, directory: str = "/w") -> Look:
    known = None if before is None else {one.name: one for one in before}
    return Look(directory, ("/w",), known, now, LOOKED)


def same(one: FileFacts, other: FileFacts) -> bool:
    """Return whether nobody wrote to it; it may have been away, under another name."""
    return (one.inode, one.size, one.mtime_ns) == (other.inode, other.size, other.mtime_ns)


class TestAgainstABaseline:
    def test_what_is_as_it_was_is_not_missed(self) -> None:
        assert found([a_file()], [a_file()]) == []

    def test_a_change_of_the_mode_is_no_write(self) -> None:
        assert found([a_file()], [a_file(changed=LOST)]) == []

    def test_times_that_were_set_before_are_no_write(self) -> None:
        assert found([a_file()], [a_file(at=NOON - SECOND, changed=LOST - 2 * SECOND)]) == []
        assert found([a_file()], [a_file(size=2, changed=LOST - 2 * SECOND)]) == [(Access.WRITE, "a.py")]

    def test_another_content_another_time_or_another_file_is_a_write(self) -> None:
        for now in (a_file(size=2), a_file(at=LOST), a_file(inode=2)):
            assert found([a_file()], [now]) == [(Access.WRITE, "a.py")]

    def test_what_came_and_what_went(self) -> None:
        assert found([a_file("old")], [a_file("new", at=LOST)]) == [(Access.DELETE, "old"), (Access.CREATE, "new")]

    def test_an_old_file_that_a_rule_ignored_until_now_is_not_new(self) -> None:
        assert found([a_file("known")], [a_file("known"), a_file("a.log")]) == []

    def test_the_old_files_of_a_directory_that_moved_here_are_new(self) -> None:
        assert found([], [a_file()]) == [(Access.CREATE, "a.py")]


class TestAgainstWhatWasTold:
    def test_a_change_that_was_told_is_not_told_again(self) -> None:
        told = {"a.py": Told(LOST, present=True)}

        assert found([a_file()], [a_file(size=2, at=LOST)], told) == []
        assert found([a_file()], [], {"a.py": Told(LOST, present=False)}) == []
        assert found([a_file("b")], [a_file("b"), a_file(at=LOST)], told) == []

    def test_a_later_change_of_the_same_file_is_told(self) -> None:
        later = a_file(size=2, at=LOST + 1)

        assert found([a_file()], [later], {"a.py": Told(LOST, present=True)}) == [(Access.WRITE, "a.py")]
        assert found([a_file()], [later], {"a.py": Told(LOST, present=False)}) == [(Access.CREATE, "a.py")]
        assert found([a_file()], [], {"a.py": Told(LOST, present=True)}) == [(Access.DELETE, "a.py")]
        assert found([], [], {"a.py": Told(LOST, present=True)}) == [(Access.DELETE, "a.py")]

    def test_what_is_told_after_the_look_is_known_better(self) -> None:
        for present in (True, False):
            told = {"a.py": Told(LOOKED, present=present)}
            for before in ([], [a_file()]):
                for now in ([], [a_file(size=2, at=LOST)]):
                    assert found(before, now, told) == []

    def test_a_file_that_only_a_tool_spoke_of_is_not_gone(self) -> None:
        told = {"a.py": Told(LOST, present=True, seen=False)}

        assert found([], [], told) == []
        assert found([a_file()], [], told) == [(Access.DELETE, "a.py")]

    def test_a_file_that_left_with_its_directory_and_came_back_is_there_again(self) -> None:
        assert found([a_file()], [a_file()], {"a.py": Told(NOON, present=False)}) == [(Access.CREATE, "a.py")]


class TestWithoutABaseline:
    def test_only_what_changed_since_then_is_told(self) -> None:
        assert found(None, [a_file("old", at=LOST - 1), a_file("new", at=LOST)]) == [(Access.WRITE, "new")]

    def test_what_was_told_is_known_all_the_same(self) -> None:
        told = {"gone": Told(NOON, present=True), "back": Told(NOON, present=False)}

        assert found(None, [a_file("back")], told) == [(Access.DELETE, "gone"), (Access.CREATE, "back")]


class TestNaming:
    def named(self, *looks: Look) -> list[Observed]:
        changes = [one for look in looks for one in missed(look, {}, since=LOST)]
        return recovered(changes, since=LOST, until=LOOKED, new_burst_id=lambda: BURST)

    def test_a_file_that_is_unchanged_under_another_name_has_moved(self) -> None:
        at = LOST + 5
        look = a_look([a_file("old", inode=7)], [a_file("new", inode=7, changed=at)])
        there = a_look([], [a_file("b", inode=8)], directory="/w/sub")
        here = a_look([a_file("b", inode=8)], [], directory="/w")

        assert self.named(look) == [Observed(("/w",), "/w/new", Access.MOVE, Millis(at), "/w/old")]
        assert self.named(here, there) == [Observed(("/w",), "/w/sub/b", Access.MOVE, LOST, "/w/b")]

    def test_a_file_written_to_shortly_before_has_moved_if_its_inode_says_so(self) -> None:
        told = {"old": Told(Millis(LOST - 1), present=True)}
        for written, accesses in ((LOST - 2, [Access.MOVE]), (LOST + 2, [Access.CREATE, Access.DELETE])):
            look = a_look([a_file("old", inode=7)], [a_file("new", inode=7, size=2, at=written, changed=LOST + 2)])
            changes = missed(look, told, since=LOST)
            named = recovered(changes, since=LOST, until=LOOKED, new_burst_id=lambda: BURST)

            assert [one.access for one in named] == accesses

    def test_a_file_moved_onto_another_is_a_move(self) -> None:
        look = a_look([a_file("a", inode=7), a_file("b", inode=8)], [a_file("b", inode=7, changed=LOST)])

        assert [(one.access, one.path, one.old_path) for one in self.named(look)] == [(Access.MOVE, "/w/b", "/w/a")]

    def test_what_changed_happened_when_the_file_says_within_the_gap(self) -> None:
        look = a_look(
            [a_file("a"), a_file("b"), a_file("gone", inode=3)],
            [
                a_file("a", inode=4, at=LOST + 7),
                a_file("b", inode=5, at=LOOKED + SECOND),
                a_file("c", inode=6, at=LOST),
            ],
        )

        assert [(one.path, one.access, one.at) for one in self.named(look)] == [
            ("/w/c", Access.CREATE, LOST),
            ("/w/a", Access.WRITE, LOST + 7),
            ("/w/b", Access.WRITE, LOOKED),
            ("/w/gone", Access.DELETE, LOOKED),
        ]

    def test_as_many_as_make_a_burst_are_of_one(self) -> None:
        for count, burst_id in ((MANY - 1, None), (MANY, BURST)):
            look = a_look([], [a_file(f"f{number}", inode=number, at=LOST + number) for number in range(count)])

            assert [one.burst_id for one in self.named(look)] == [burst_id] * count

    def test_what_editors_make_beside_a_file_is_left_out(self) -> None:
        look = a_look([a_file("a")], [a_file("a"), a_file(".a.swp", inode=2, at=LOST)])

        assert self.named(look) == []


class TestModel:
    """A model of one directory in which each step is told or not, and takes one millisecond."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["write", "delete", "move"]),
                st.sampled_from("abc"),
                st.sampled_from("abc"),
                st.booleans(),
            ),
            max_size=12,
        ),
        st.sets(st.sampled_from("abc")),
    )
    def test_whoever_follows_what_was_told_and_what_was_missed_knows_what_is_there(
        self, steps: list[tuple[str, str, str, bool]], first: set[str]
    ) -> None:
        files = {name: a_file(name, inode=number) for number, name in enumerate(sorted(first), 1)}
        before = list(files.values())
        told: dict[str, Told] = {}
        changed_last: dict[str, int] = {}  # when each file changed last
        known_last: dict[str, int] = dict.fromkeys("abc", NOON)  # the last change that was told
        for number, (what, name, other, seen) in enumerate(steps, 1):
            at = Millis(LOST + number)
            touched: dict[str, bool] = {}
            if what == "write":
                inode = files[name].inode if name in files else 100 + number
                files[name] = a_file(name, inode=inode, size=number, at=at)
                touched[name] = True
            elif name in files and what == "delete":
                del files[name]
                touched[name] = False
            elif name in files and name != other:
                was = files.pop(name)
                files[other] = FileFacts(other, was.inode, was.size, was.mtime_ns, at * 1_000_000)
                touched |= {name: False, other: True}
            for path, present in touched.items():
                changed_last[path] = at
                if seen:
                    told[path], known_last[path] = Told(at, present=present), at

        changes = list(missed(a_look(before, list(files.values())), told, since=LOST))
        follower = {name for name in "abc" if (told[name].present if name in told else name in first)}
        for one in changes:
            assert changed_last[one.facts.name] > known_last[one.facts.name], "it was told already"
            (follower.discard if one.access is Access.DELETE else follower.add)(one.facts.name)

        assert follower == set(files)
        silent = {name for name, at in changed_last.items() if at > known_last[name] and name in files}
        unchanged = {one.name for one in before if one.name in files and same(one, files[one.name])}
        assert silent - unchanged <= {one.facts.name for one in changes}
        accesses = recovered(changes, since=LOST, until=LOOKED, new_burst_id=lambda: BURST)
        paths = [posixpath.basename(path) for one in accesses for path in (one.path, one.old_path) if path]
        assert sorted(paths) == sorted(one.facts.name for one in changes)
