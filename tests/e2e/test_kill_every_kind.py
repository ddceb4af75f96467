"""`kill -9` at any moment while eight callers send every kind of write: what was answered is there, once and whole."""

import itertools
import random
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest

from omnimem import CallFailed, Client, DaemonNotRunning, MemoryNotFound, SessionNotFound, WorkspaceNotFound
from omnimem.model import SessionState, Verdict
from tests.e2e.daemons import Daemon
from tests.e2e.databases import assert_sound
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.waiting import eventually
from tests.e2e.writes import KINDS, Kind, Place, Write
from tests.support.whole import times

pytestmark = pytest.mark.needs("inotify", "pidfd")

ROUNDS: Final = times(8, whole=200)
WRITERS: Final = 8
#: What the end of the daemon looks like to a caller.
GONE: Final = (DaemonNotRunning, CallFailed)


class Writer(threading.Thread):
    """Sends one write after the other, of each kind in turn, until nobody answers."""

    def __init__(self, place: Place, kinds: Sequence[Kind], name: str) -> None:
        super().__init__(name=name)
        self._place = place
        self._kinds = kinds
        self.answered: list[Write] = []
        self.in_doubt: list[Write] = []
        self.refused: list[str] = []
        self.start()

    def run(self) -> None:
        with Client(self._place.home.socket, timeout=30) as client:
            place = self._place._replace(client=client)
            for number, kind in enumerate(itertools.cycle(self._kinds)):
                try:
                    write = Write(kind, place, f"{self.name}_{number}")
                except GONE:
                    return
                self.in_doubt.append(write)
                try:
                    write.send(place)
                except GONE:
                    return
                except Exception as error:  # noqa: BLE001 the test says what it was
                    self.refused.append(f"{kind.name}: {error!r}")
                    return
                self.answered.append(self.in_doubt.pop())


@contextmanager
def writing(place: Place, name: str, chance: random.Random) -> Iterator[list[Writer]]:
    """Have eight write, each the kinds in another order, until the daemon is gone; it must be when the block ends."""
    writers = [Writer(place, chance.sample(KINDS, len(KINDS)), f"{name}w{number}") for number in range(WRITERS)]
    try:
        yield writers
    finally:
        for writer in writers:
            writer.join(60)


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(empty_home: Home, programs: Programs) -> None:
    chance = random.Random(9)  # noqa: S311 the same moments each time, as far as a machine can repeat them
    answered: dict[str, int] = dict.fromkeys((kind.name for kind in KINDS), 0)
    in_doubt = 0
    for number in range(ROUNDS):
        tool = programs.tool()
        daemon = Daemon(empty_home).ready()
        try:
            with daemon.client(timeout=30) as client:
                session = client.create_session(
                    tool_id="t", workspace_path=str(empty_home.folder()), process_id=tool.pid
                )
                place = Place(empty_home, client, session, tool.pid)
                with writing(place, f"r{number}", chance) as writers:
                    wait_for(writers, chance.randrange(1, 160))
                    daemon.kill()
        finally:
            daemon.kill()
        assert [one for writer in writers for one in writer.refused] == []
        assert_sound(empty_home)

        daemon = Daemon(empty_home).ready()
        try:
            with daemon.client(timeout=30) as client:
                assert client.status().losses == [], daemon.log
                after = Place(empty_home, client, session, tool.pid)
                for writer in writers:
                    for write in writer.answered:
                        assert write.effects(after) == 1, f"round {number}: {write.kind.name} was answered and is lost"
                        answered[write.kind.name] += 1
                    for write in writer.in_doubt:
                        in_doubt += 1
                        write.effects(after)  # at most once, and whole
                        again(write, after)
                        assert write.effects(after) == 1, f"round {number}: {write.kind.name}, sent again"
                assert client.get_session(session.session_id).state is SessionState.ACTIVE
                assert [one for one in client.checks().checks if one.verdict is Verdict.FAIL] == []
                for workspace in client.list_workspaces().workspaces:
                    if workspace.by_hand:
                        client.remove_workspace(path=workspace.path)
            daemon.stop()
            assert not daemon.complaints(), daemon.log
        finally:
            daemon.kill()
            tool.kill()
    sys.stdout.write(f"{ROUNDS} kills, {in_doubt} writes in doubt, {sum(answered.values())} answered: {answered}\n")
    assert min(answered.values()) > 0, f"of some kind none was answered: {answered}"


def wait_for(writers: Sequence[Writer], count: int) -> None:
    """Return when *count* writes were answered, or when somebody was refused."""
    eventually(
        lambda: sum(len(one.answered) for one in writers) >= count or not all(one.is_alive() for one in writers),
        f"{count} answers",
    )


def again(write: Write, place: Place) -> None:
    """Send a write again that nobody knows of whether it was stored."""
    try:
        write.send(place)
    except (SessionNotFound, MemoryNotFound, WorkspaceNotFound):
        assert write.kind.operation.method == "DELETE"  # what is to go is gone
