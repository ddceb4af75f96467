"""`kill -9` while entries are compressed and checkpoints are taken: nothing is lost, and nothing is there twice."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Final

import pytest

from omnimem import CallFailed, Client
from omnimem.model import Access, AccessEntry, CheckpointEntry, CheckpointReason, ContextAppend, Entry, GapEntry
from tests.e2e.daemons import Daemon
from tests.e2e.databases import assert_sound, segments_held
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import assert_consistent, entries
from tests.e2e.waiting import eventually
from tests.support.whole import times

pytestmark = [pytest.mark.needs("inotify", "pidfd"), pytest.mark.slow]

ROUNDS: Final = times(2, whole=12)
#: What one writer sends in each round: several segments, beside what of a live session is not compressed yet.
BATCH: Final = 100
BATCHES: Final = 30
#: Seconds between two checkpoints: each holds what all of the session was about.
PAUSE: Final = 0.1
#: Seconds after which the daemon is killed, from its start on: some before it begins to compress, most while it does.
MOMENTS: Final = (1.5, 4.0)
#: How often the compression alone is killed, and how many entries one request may have.
KILLS: Final = times(2, whole=16)
A_BATCH: Final = 1_000


class Told:
    """What one thread asked for: by its token, whether it was answered."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.answered: list[str] = []
        self.in_doubt: list[str] = []


def until_it_is_gone(ask: Callable[[str], None], tokens: Iterable[str], told: Told) -> None:
    """Ask again and again, with another token each time."""
    for token in tokens:
        told.sent.append(token)
        try:
            ask(token)
        except CallFailed:
            told.in_doubt.append(token)
            return
        told.answered.append(token)


@contextmanager
def threads(*works: Callable[[], None]) -> Iterator[None]:
    running = [threading.Thread(target=work) for work in works]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        for thread in running:
            thread.join(60)


class Asking:
    """Appends to a session, and takes checkpoints of it, from several threads, round after round."""

    def __init__(self, home: Home, session_id: str) -> None:
        self._home = home
        self._session_id = session_id
        self.batches = Told()
        self.singles = Told()
        self.taken = Told()

    @contextmanager
    def through(self, name: str) -> Iterator[None]:
        """Go on until the daemon is gone, which it has to be by the end of the block."""
        clients = [Client(self._home.socket, timeout=30) for _ in range(3)]
        with threads(
            lambda: until_it_is_gone(lambda one: self._append(clients[0], one, BATCH), some(f"{name}-a"), self.batches),
            lambda: until_it_is_gone(lambda one: self._append(clients[1], one, 1), endless(f"{name}-b"), self.singles),
            lambda: until_it_is_gone(lambda one: self._take(clients[2], one), endless(f"{name}-c"), self.taken),
        ):
            yield
        for client in clients:
            client.close()

    def _append(self, client: Client, token: str, count: int) -> None:
        seen = [ContextAppend(file_path=f"{token}.{number}", access=Access.WRITE) for number in range(count)]
        client.append_batch(self._session_id, entries=seen)

    def _take(self, client: Client, token: str) -> None:
        client.create_checkpoint(self._session_id, name=token)
        threading.Event().wait(PAUSE)


def some(prefix: str) -> list[str]:
    return [f"{prefix}-{number}" for number in range(BATCHES)]


def endless(prefix: str) -> Iterator[str]:
    return (f"{prefix}-{number}" for number in itertools.count())


def test_each_entry_and_each_checkpoint_is_there_once_after_many_kills(empty_home: Home, programs: Programs) -> None:
    chance = random.Random(5)  # noqa: S311 the same moments each time, as far as that goes
    workspace = str(empty_home.folder())
    daemon = Daemon(empty_home).ready()
    client = daemon.client(timeout=30)
    try:
        session = client.create_session(tool_id="t", workspace_path=workspace, process_id=programs.tool().pid)
        asking = Asking(empty_home, session.session_id)
        ended: list[str] = []
        for number in range(ROUNDS):
            moment = time.monotonic() + chance.uniform(*MOMENTS)
            ended.append(client.create_session(tool_id="t", workspace_path=workspace).session_id)
            client.append_context(ended[-1], decision=f"the work of round {number} is done")
            goal = BATCHES * (number + 1)
            with asking.through(f"r{number}"):
                eventually(partial(has_come, asking.batches, goal), "answers")
                client.end_session(ended[-1])
                time.sleep(max(moment - time.monotonic(), 0))  # the moment is what is tried: no event goes with it
                daemon.kill()
            assert_sound(empty_home)

            daemon = Daemon(empty_home).ready()

            assert_told(client, session.session_id, asking)
            for one in ended:
                assert_kept_once(client, one)

        eventually(lambda: client.get_context(session.session_id).compressed, "compressed")
        assert segments_held(empty_home) > ROUNDS
        assert_told(client, session.session_id, asking)
        daemon.stop()
        assert not daemon.complaints(), daemon.log
        assert_sound(empty_home)
    finally:
        client.close()
        daemon.kill()


@pytest.mark.needs("strace")
def test_a_kill_at_any_write_of_the_compression_leaves_each_entry_once(empty_home: Home) -> None:
    workspace = str(empty_home.folder())
    expected: list[Entry] = []
    daemon = Daemon(empty_home).ready()
    client = daemon.client(timeout=30)
    session = client.create_session(tool_id="t", workspace_path=workspace)
    try:
        for number in range(KILLS):
            seen = [ContextAppend(file_path=f"{number}.{one % 40}", access=Access.WRITE) for one in range(A_BATCH)]
            for _ in range(3):  # long enough, together with what a live session keeps as it is
                client.append_batch(session.session_id, entries=seen)
            client.end_session(session.session_id)
            expected += entries(client, session.session_id, after=len(expected))
            daemon.kill()

            # SQLite writes a commit page by page: the next one dies at one of those writes, each time at another.
            fault = f"inject=pwrite64:signal=KILL:when={40 + 23 * number}"
            wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", fault]
            daemon = Daemon(empty_home, wrapper=wrapper)
            assert daemon.exit_status(within=60) != 0
            assert_sound(empty_home)

            daemon = Daemon(empty_home).ready()
            found = entries(client, session.session_id)
            assert [one for one in found if not isinstance(one, GapEntry)] == expected
        eventually(lambda: client.get_context(session.session_id).compressed, "compressed")
    finally:
        client.close()
        daemon.kill()


def has_come(told: Told, goal: int) -> bool:
    return len(told.answered) >= goal


def assert_told(client: Client, session_id: str, asking: Asking) -> None:
    """Check that what was answered is there, once, whole and in order, and what was not, once at most."""
    every = assert_consistent(client, session_id)
    said = [entry.path.rpartition("/")[2].rpartition(".") for entry in every if isinstance(entry, AccessEntry)]
    requests = [(token, [int(number) for _, _, number in one]) for token, one in groupby(said, key=itemgetter(0))]
    for told, size in ((asking.batches, BATCH), (asking.singles, 1)):
        sent = set(told.sent)
        found = [token for token, _ in requests if token in sent]
        assert_each(found, told)
        assert all(numbers == list(range(size)) for token, numbers in requests if token in sent), "not whole"
        places = {token: place for place, token in enumerate(told.sent)}
        assert found == sorted(found, key=places.__getitem__), "not in the order in which they were sent"
    assert {token for token, _ in requests} <= {*asking.batches.sent, *asking.singles.sent}, "nobody sent it"
    kept = [one for one in client.list_checkpoints(session_id, limit=500).checkpoints if one.name is not None]
    assert_each([str(one.name) for one in kept], asking.taken)
    noted = Counter(entry.checkpoint_id for entry in every if isinstance(entry, CheckpointEntry))
    assert noted.total() == len(noted), "a checkpoint is noted twice"
    assert {one.checkpoint_id for one in kept} <= set(noted), "a checkpoint is not noted"


def assert_each(found: list[str], told: Told) -> None:
    """Check that *found* has each of what was answered, once, and nothing else but what is in doubt, once."""
    assert len(found) == len(set(found)), "something is there twice"
    assert set(told.answered) <= set(found), "something that was answered is lost"
    assert set(found) <= {*told.answered, *told.in_doubt}, "something is there that nobody sent"


def assert_kept_once(client: Client, session_id: str) -> None:
    """Check that the checkpoint of a session's end is taken, once, however often the daemon was killed meanwhile."""

    def of_the_end() -> list[str]:
        kept = client.list_checkpoints(session_id).checkpoints
        return [one.checkpoint_id for one in kept if one.reason is CheckpointReason.ENDED]

    eventually(of_the_end, "the checkpoint of the end")
    assert len(of_the_end()) == 1
