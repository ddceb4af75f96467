"""The chain of versions: it only grows, never forks, and expires at its millisecond."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from omnimem.errors import VersionMismatch
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import (
    Draft,
    MemoryVersion,
    begin,
    check_version,
    delete,
    find_version,
    restore,
    version_of,
    write,
)
from tests.support.clock import HOUR, NOON
from tests.support.factories import a_memory
from tests.support.strategies import a_draft


@pytest.mark.parametrize(("ttl", "lives"), [(1, 1000), (0.5, 500), (0.0001, 1), (1e-9, 1), (86_400, 86_400_000)])
def test_a_memory_lives_until_its_millisecond(ttl: float, lives: int) -> None:
    memory = begin(Draft(value="v", ttl_seconds=ttl), memory_id="m", project_id="p", key="k", now=NOON)

    assert memory.live(now=Millis(NOON + lives - 1))
    assert not memory.live(now=Millis(NOON + lives))


@given(st.floats(1e-6, 3e9), st.integers(-HOUR, HOUR))
def test_a_memory_lives_at_least_a_millisecond_and_no_longer_than_asked(ttl: float, later: int) -> None:
    memory = begin(Draft(value="v", ttl_seconds=ttl), memory_id="m", project_id="p", key="k", now=NOON)

    assert memory.expires_at is not None
    assert abs(memory.expires_at - NOON - ttl * 1000) <= 1
    assert memory.expires_at > NOON


@pytest.mark.parametrize(("expected", "passes"), [(None, True), (3, True), (2, False), (4, False), (0, False)])
def test_the_current_version_is_what_is_expected(expected: int | None, passes: bool) -> None:
    memory = a_memory(version=3)

    if passes:
        check_version(memory, expected, now=NOON)
    else:
        with pytest.raises(VersionMismatch):
            check_version(memory, expected, now=NOON)


@pytest.mark.parametrize("memory", [None, a_memory(deleted=True), a_memory(ttl_seconds=1, at=NOON - 1000)])
def test_zero_expects_that_there_is_no_live_one(memory: None) -> None:
    check_version(memory, 0, now=NOON)
    with pytest.raises(VersionMismatch):
        check_version(memory, 1, now=NOON)


def test_a_deleted_version_cannot_be_found_to_be_written_again() -> None:
    memory = a_memory()
    versions = [version_of(delete(memory, now=NOON)), version_of(memory)]

    assert find_version(versions, 1) == version_of(memory)
    assert find_version(versions, 2) is None
    assert find_version(versions, 3) is None


class Chain(RuleBasedStateMachine):
    """Whatever is done to a memory, with a clock that jumps both ways: its history is one chain without a gap."""

    @initialize(draft=a_draft())
    def begin(self, draft: Draft) -> None:
        self.now = NOON
        self.memory = begin(draft, memory_id="m", project_id="p", key="k", now=self.now)
        self.versions: list[MemoryVersion] = [version_of(self.memory)]

    @rule(jump=st.integers(-HOUR, HOUR))
    def let_time_pass(self, jump: int) -> None:
        self.now = Millis(self.now + jump)

    @rule(draft=a_draft())
    def say(self, draft: Draft) -> None:
        before = self.memory
        self.memory = write(before, draft, now=self.now)
        self._keep()
        assert self.memory.value == draft.value
        assert repr(self.memory.metadata) == repr(draft.metadata)
        assert self.memory.live(now=self.now)
        assert self.memory.ttl_seconds == draft.ttl_seconds
        unchanged = before.live(now=self.now) and (before.value, repr(before.metadata)) == (
            draft.value,
            repr(draft.metadata),
        )
        assert self.memory.version == before.version + (not unchanged)

    @rule()
    def unsay(self) -> None:
        self.memory = delete(self.memory, now=self.now)
        self._keep()
        assert not self.memory.live(now=self.now)

    @rule(data=st.data())
    def say_again(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.versions)))
        version = find_version(self.versions, number)
        if version is None:
            return
        self.memory = restore(self.memory, version, now=self.now)
        self._keep()
        assert (self.memory.value, self.memory.version) == (version.value, len(self.versions))
        assert self.memory.live(now=self.now)

    def _keep(self) -> None:
        version = version_of(self.memory)
        if version.version == self.versions[-1].version:
            last = self.versions[-1]
            same = replace(version, files=last.files, ttl_seconds=last.ttl_seconds, expires_at=last.expires_at)
            assert same == last
        else:
            self.versions.append(version)

    @invariant()
    def versions_follow_each_other(self) -> None:
        if not hasattr(self, "versions"):
            return
        assert [one.version for one in self.versions] == list(range(1, len(self.versions) + 1))
        times = [one.created_at for one in self.versions]
        assert times == sorted(times)
        assert self.memory.version == len(self.versions)
        assert (self.memory.memory_id, self.memory.key, self.memory.created_at) == ("m", "k", NOON)


TestChain = Chain.TestCase
TestChain.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
