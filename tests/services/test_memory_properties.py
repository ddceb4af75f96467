"""Whatever is done to memories, in whatever order: no chain forks or loses, nothing expired is read, the past stays."""

import asyncio
import json
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from omnimem.errors import MemoryNotFound, VersionMismatch
from omnimem.model import MemoryCreate, MemoryRestore, MemoryRewind, MemoryUpdate
from omnimemd.domain.clock import Millis
from omnimemd.domain.memories import Memory, MemoryVersion
from tests.support.clock import HOUR, MINUTE, NOON
from tests.support.house import House, a_house, a_world
from tests.support.waiting import until

T = TypeVar("T")
KEYS = ("a", "b", "c")
keys = st.sampled_from(KEYS)
values = st.sampled_from(["one", "two"])
metadata = st.sampled_from([{}, {"n": 1}, {"n": True}])
ttls = st.none() | st.sampled_from([0.001, 1.0, 60.0, 3600.0])
files = st.none() | st.sampled_from([[], ["x.py"], ["y.py"]])


class Said(NamedTuple):
    """What a memory says; the model of one that is not deleted."""

    value: str
    metadata: str
    files: tuple[str, ...]
    expires_at: int | None

    def live(self, now: int) -> bool:
        return self.expires_at is None or self.expires_at > now


def said(memory: Memory) -> Said:
    return Said(memory.value, json.dumps(memory.metadata), memory.files, memory.expires_at)


class Chains(RuleBasedStateMachine):
    """Real memories in a real database beside a model: for each moment, what every key said then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        world = a_world()
        self.clock = world.clock
        self.place = a_house(Path(self.folder.name), world=world)
        house = self.do(self._entered())
        self.memories, self.history = house.services.memories, house.services.history
        house.expiry._next = Millis(0)  # nothing is sooner: it leaves the sweeping to the rule
        self.now_said: dict[str, Said] = {}
        self.version: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        self.at: dict[int, dict[str, Said]] = {NOON - 1: {}}
        self.chains: dict[str, list[MemoryVersion]] = {}

    async def _entered(self) -> House:
        house = await self.place.__aenter__()
        await until(lambda: house.expiry._delay() is None)
        return house

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.do(self._left())
        self.runner.close()
        self.folder.cleanup()

    async def _left(self) -> None:
        await self.place.__aexit__(None, None, None)

    @property
    def now(self) -> int:
        return self.clock.now()

    def is_live(self, key: str) -> bool:
        return key in self.now_said and self.now_said[key].live(self.now)

    def remember(self) -> None:
        """Note what everything says at this moment."""
        self.at[self.now] = dict(self.now_said)

    def expiry(self, ttl: float | None) -> int | None:
        return None if ttl is None else self.now + round(ttl * 1000)

    @rule(later=st.sampled_from([0, 1, 999, 1000, MINUTE, HOUR]))
    def let_time_pass(self, later: int) -> None:
        self.clock.advance(later)

    @rule(key=keys, value=values, about=metadata, ttl=ttls, names=files, expected=st.none() | st.integers(0, 3))
    def create(
        self,
        key: str,
        value: str,
        about: dict[str, Any],
        ttl: float | None,
        names: list[str] | None,
        expected: int | None,
    ) -> None:
        live, current = self.is_live(key), self.version.get(key, 0)
        request = MemoryCreate(
            key=key, value=value, metadata=about, ttl_seconds=ttl, files=names, expected_version=expected
        )
        try:
            written = self.do(self.memories.create("p", request))
        except VersionMismatch:
            assert expected not in (None, current if live else 0)
            return
        assert expected in (None, current if live else 0)
        before = self.now_said.get(key) if live else None
        same = before is not None and (before.value, before.metadata) == (value, json.dumps(about))
        kept = before.files if same and before is not None and names is None else tuple(names or ())
        self.now_said[key] = Said(value, json.dumps(about), kept, self.expiry(ttl))
        self.version[key] = current + (not same)
        assert self.ids.setdefault(key, written.memory.memory_id) == written.memory.memory_id
        assert (written.memory.version, written.was_live) == (self.version[key], live)
        self.remember()

    @precondition(lambda self: self.ids)
    @rule(key=keys, value=values, data=st.data())
    def update(self, key: str, value: str, data: st.DataObject) -> None:
        if key not in self.ids:
            return
        ttl = data.draw(ttls)
        timed = data.draw(st.booleans())
        change = MemoryUpdate(value=value, ttl_seconds=ttl) if timed else MemoryUpdate(value=value)
        try:
            after = self.do(self.memories.update("p", self.ids[key], change))
        except MemoryNotFound:
            assert not self.is_live(key)
            return
        before = self.now_said[key]
        assert before.live(self.now)
        self.version[key] += before.value != value
        self.now_said[key] = before._replace(value=value, expires_at=self.expiry(ttl) if timed else before.expires_at)
        assert after.version == self.version[key]
        self.remember()

    @rule(key=keys)
    def delete(self, key: str) -> None:
        try:
            self.do(self.memories.delete("p", self.ids.get(key, "none"), purge=False))
        except MemoryNotFound:
            assert not self.is_live(key)
            return
        assert self.is_live(key)
        del self.now_said[key]
        self.version[key] += 1
        self.remember()

    @rule(key=keys)
    def purge(self, key: str) -> None:
        if key in self.ids:
            self.do(self.memories.delete("p", self.ids.pop(key), purge=True))
            for then in (self.now_said, self.version, self.chains, *self.at.values()):
                then.pop(key, None)  # type: ignore[attr-defined]  # all of them are dicts by key

    @rule(key=keys, data=st.data())
    def restore(self, key: str, data: st.DataObject) -> None:
        kept = [one for one in self.chains.get(key, []) if not one.deleted]
        if kept:
            wanted = data.draw(st.sampled_from(kept))
            after = self.do(self.memories.restore("p", self.ids[key], MemoryRestore(version=wanted.version)))
            self.version[key] += 1
            assert (after.version, after.value) == (self.version[key], wanted.value)
            self.now_said[key] = said(after)._replace(value=wanted.value or "", metadata=json.dumps(wanted.metadata))
            self.remember()

    @rule(key=keys)
    def confirm(self, key: str) -> None:
        try:
            self.do(self.memories.confirm("p", self.ids.get(key, "none")))
        except MemoryNotFound:
            assert not self.is_live(key)

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        due = [key for key, one in self.now_said.items() if not one.live(self.now)]
        assert self.do(self.memories.expire(limit=limit)) == min(limit, len(due))
        while self.do(self.memories.expire(limit=limit)):
            pass
        for key in due:
            del self.now_said[key]
            self.version[key] += 1
        self.remember()

    @rule(data=st.data())
    def rewind(self, data: st.DataObject) -> None:
        to = data.draw(st.sampled_from(sorted(self.at)).flatmap(lambda at: st.integers(at, min(at + 1000, self.now))))
        then = self.then(to)
        request = MemoryRewind(to=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=to))
        self.do(self.memories.rewind("p", request))
        wanted = {key: one for key, one in then.items() if one.live(self.now)}
        live = {one.key: one for one in self.do(self.memories.latest("p", limit=9, touch=False))}

        assert {key: said(one) for key, one in live.items()} == wanted
        assert self.do(self.memories.rewind("p", request)) == []

        self.now_said = wanted | {
            key: one for key, one in self.now_said.items() if not one.live(self.now) and key not in wanted
        }
        for key, memory_id in self.ids.items():
            self.version[key] = self.memories.versions("p", memory_id)[0].version
        self.remember()

    def then(self, at: int) -> dict[str, Said]:
        """Return what was live at a moment, by the model."""
        latest = max(moment for moment in self.at if moment <= at)
        return {key: one for key, one in self.at[latest].items() if one.live(at)}

    @invariant()
    def a_chain_only_grows(self) -> None:
        for key, memory_id in self.ids.items():
            versions = self.memories.versions("p", memory_id)[::-1]
            told = [one.created_at for one in versions]
            before = self.chains.get(key, [])

            assert [one.version for one in versions] == list(range(1, self.version[key] + 1))
            assert told == sorted(told)
            assert [fixed(one) for one in versions[: len(before)]] == [fixed(one) for one in before]
            self.chains[key] = versions

    @invariant()
    def every_path_reads_what_is_live_and_nothing_else(self) -> None:
        live = {key: one for key, one in self.now_said.items() if one.live(self.now)}
        listed = self.do(self.memories.latest("p", limit=9, touch=True))

        assert {one.key: said(one) for one in listed} == live
        for key, memory_id in self.ids.items():
            for read in (self.memories.by_key("p", key, touch=False), self.memories.get("p", memory_id, touch=True)):
                try:
                    assert said(self.do(read)) == live[key]
                except MemoryNotFound:
                    assert key not in live
        gone = {one.key for one in self.do(self.history.gone("p", limit=9))}
        assert gone == self.ids.keys() - live.keys()

    @invariant()
    def the_past_stays_as_it_was(self) -> None:
        for at in self.at:
            for moment in (at, at + 500):
                as_of = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)
                found = self.do(self.history.then("p", as_of, limit=9))
                if moment <= self.now:
                    assert {one.key: said(one) for one in found} == self.then(moment)


def fixed(version: MemoryVersion) -> tuple[object, ...]:
    """Return what never changes of a version."""
    return (
        version.version,
        version.value,
        json.dumps(version.metadata),
        version.created_at,
        version.session_id,
        version.deleted,
        version.expired,
    )


TestChains = Chains.TestCase
TestChains.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
