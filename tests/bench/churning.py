"""After an hour of fifty sessions that come and go, is the daemon as small as before, and has it let go of everything?

Fifty programs are at work in ten folders, each with a session bound to it. All the time one of them is killed and
another begins, files are read and written, and callers say, seek and ask for whatever the API has. At the end everybody
goes: what the daemon then has open is compared with what it had open when everybody went the first time.
"""

import random
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from omnimem import Client, OmnimemError
from tests.bench.findings import Finding, Scale
from tests.bench.memory import memory
from tests.bench.running import connected, daemon, folder

_MINUTES = 60
_SESSIONS = 50
_FOLDERS = 10
_FILES = 40  # in each folder
#: Of the time, what does not count: everything is done without a pause, so that each cache is as full as it gets.
_WARM_UP = 0.25
#: Seconds between two deeds after that, and between two looks.
_PAUSE = 0.02
_LOOK = 5.0
#: Deeds between the deaths of two programs.
_LIFE = 50
_GONE_SECONDS = 30.0
_WORDS = (
    "upload",
    "resume",
    "token",
    "cents",
    "retry",
    "parser",
    "index",
    "clock",
    "socket",
    "budget",
    "chunk",
    "queue",
)


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon has open while nobody is there."""

    descriptors: int
    threads: int
    tasks: int


class _Look(msgspec.Struct, frozen=True):
    """Its memory at a moment."""

    hours: float
    resident: int  #: bytes
    unshared: int  #: bytes


class _Worker(msgspec.Struct):
    """A program that lives, and its session."""

    process: "subprocess.Popen[bytes]"
    session_id: str
    project_id: str
    folder: Path
    socket: Path


class _Crowd:
    """Everybody who is at work."""

    def __init__(self, place: Path, socket: Path, client: Client, chance: random.Random) -> None:
        self._socket = socket
        self._client = client
        self._chance = chance
        self._folders = [place / f"project-{number}" for number in range(_FOLDERS)]
        self.workers: list[_Worker] = []
        self.begun = 0
        self.deeds = 0
        for one in self._folders:
            (one / ".git" / "objects").mkdir(parents=True)
            (one / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
            for number in range(_FILES):
                (one / f"file_{number}.py").write_text(f"number = {number}\n")

    def fill(self) -> None:
        """Have as many at work as are to be."""
        while len(self.workers) < _SESSIONS:
            place = self._chance.choice(self._folders)
            process = subprocess.Popen(["sleep", "86400"], cwd=place, stdin=subprocess.DEVNULL)
            made = self._client.create_session(tool_id="bench", workspace_path=str(place), process_id=process.pid)
            self.workers.append(_Worker(process, made.session_id, made.project_id, place, self._socket))
            self.begun += 1

    def kill(self) -> None:
        """Have one of them die."""
        self.workers.sort(key=lambda _: self._chance.random())
        worker = self.workers.pop()
        worker.process.kill()
        worker.process.wait()

    def disperse(self) -> None:
        """Have all of them die, and wait until the daemon knows."""
        while self.workers:
            self.kill()
        deadline = time.monotonic() + _GONE_SECONDS
        while self._client.status().sessions.active and time.monotonic() < deadline:
            time.sleep(_PAUSE)

    def act(self) -> None:
        """Have one of them do something."""
        self.deeds += 1
        if self.deeds % _LIFE == 0:
            self.kill()
            self.fill()
        worker = self._chance.choice(self.workers)
        deed = self._chance.choice(_DEEDS)
        deed(self._client, worker, self._chance)


def _said(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=8)) + f" {chance.randrange(200)}"


def _writes(_: Client, worker: _Worker, chance: random.Random) -> None:
    (worker.folder / f"file_{chance.randrange(_FILES)}.py").write_text(f"number = {chance.random()}\n")


def _reads(_: Client, worker: _Worker, chance: random.Random) -> None:
    (worker.folder / f"file_{chance.randrange(_FILES)}.py").read_text()


def _makes_and_removes(_: Client, worker: _Worker, chance: random.Random) -> None:
    path = worker.folder / f"made_{chance.randrange(20)}"
    path.write_text("x")
    path.unlink()


def _appends(client: Client, worker: _Worker, chance: random.Random) -> None:
    client.append_context(worker.session_id, file_path=f"file_{chance.randrange(_FILES)}.py", access="write")


def _decides(client: Client, worker: _Worker, chance: random.Random) -> None:
    client.append_context(worker.session_id, decision=_said(chance))


def _searches(client: Client, worker: _Worker, chance: random.Random) -> None:
    client.append_context(worker.session_id, search_query=_said(chance))
    client.search_memories(worker.project_id, q=chance.choice(_WORDS))


def _remembers(client: Client, worker: _Worker, chance: random.Random) -> None:
    client.create_memory(worker.project_id, key=f"key-{chance.randrange(50)}", value=_said(chance))


def _asks(client: Client, worker: _Worker, chance: random.Random) -> None:
    match chance.randrange(6):
        case 0:
            client.get_context(worker.session_id)
        case 1:
            client.list_sessions(limit=20)
        case 2:
            client.briefing(worker.project_id, session_id=worker.session_id)
        case 3:
            client.summary(worker.session_id)
        case 4:
            client.list_memories(worker.project_id)
        case _:
            client.health()


def _takes_a_checkpoint(client: Client, worker: _Worker, _: random.Random) -> None:
    client.create_checkpoint(worker.session_id)


def _comes_and_goes(_: Client, worker: _Worker, __: random.Random) -> None:
    with Client(worker.socket) as other, suppress(OmnimemError):
        other.get_session(worker.session_id)
        other.get_session("nobody")


#: What is done, as often as it is in the list.
_DEEDS: tuple[Callable[[Client, _Worker, random.Random], None], ...] = (
    *(_writes, _reads, _appends) * 6,
    *(_decides, _searches, _asks, _comes_and_goes) * 2,
    *(_remembers, _makes_and_removes, _takes_a_checkpoint),
)


def measure(scale: Scale) -> list[Finding]:
    """Have them work until the time is over."""
    seconds = scale.of(_MINUTES * 60, quick=3)
    settled = scale.seconds(5, quick=0.3)
    looks: list[_Look] = []
    with folder() as place, _plain(place) as (path, pid), Client(path, timeout=60) as client:
        with _at_work(place, path, client) as crowd:
            began = time.monotonic()
            warm = began + seconds * _WARM_UP
            _work(crowd, warm, lambda: None, pause=0)
            crowd.disperse()
            before = _open(path, pid, settled)
            crowd.fill()
            _work(crowd, began + seconds, lambda: looks.append(_look(pid, began)), pause=_PAUSE)
            crowd.disperse()
            after = _open(path, pid, settled)
            status = client.status()
            deeds, begun = crowd.deeds, crowd.begun
        complaints = [line for line in (place / "daemon.log").read_text().splitlines() if " ERROR " in line]
    return [
        _slope(looks, deeds=deeds, begun=begun, stored=status.database.bytes),
        Finding(
            what="descriptors, threads and tasks more than before, when everybody has gone; the most of the three",
            floor="the same daemon after a quarter of the time",
            figures=(
                after.descriptors - before.descriptors,
                after.threads - before.threads,
                after.tasks - before.tasks,
            ),
            reading="most",
            unit="more",
            at_most=0,
            aside=f"{after.descriptors} descriptors, {after.threads} threads, {after.tasks} tasks",
        ),
        Finding(
            what="sessions that are active although their program died, and errors in the daemon's log",
            floor="every program was killed",
            figures=(status.sessions.active + len(complaints),),
            unit="times",
            at_most=0,
            aside=f"of {begun:,} sessions" + "".join(f"; {line}" for line in complaints[:3]),
        ),
    ]


@contextmanager
def _plain(place: Path) -> Iterator[tuple[Path, int]]:
    """Run a daemon as it is installed by itself: the vectors of the extra take memory for each text that is stored."""
    config = place / ".config" / "omnimemd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[semantic]\nenabled = false\n")
    with daemon(place) as running:
        yield running


@contextmanager
def _at_work(place: Path, socket: Path, client: Client) -> Iterator[_Crowd]:
    crowd = _Crowd(place, socket, client, random.Random(6))  # noqa: S311 the same deeds each time
    try:
        crowd.fill()
        yield crowd
    finally:
        for worker in crowd.workers:
            worker.process.kill()
            worker.process.wait()


def _work(crowd: _Crowd, until: float, look: Callable[[], None], *, pause: float) -> None:
    """Have the crowd act until that moment (time.monotonic), and *look* now and then."""
    look()
    looked = time.monotonic()
    while (now := time.monotonic()) < until:
        crowd.act()
        if now - looked >= _LOOK:
            look()
            looked = now
        time.sleep(pause)


def _look(pid: int, began: float) -> _Look:
    found = memory(pid)
    return _Look((time.monotonic() - began) / 3600, found.resident, found.unshared)


def _open(socket: Path, pid: int, seconds: float) -> _Open:
    """Count the fewest that are open at any moment of so many *seconds*: what ends takes a while."""
    fewest = _counted(socket, pid)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.1)
        now = _counted(socket, pid)
        fewest = _Open(
            descriptors=min(fewest.descriptors, now.descriptors),
            threads=min(fewest.threads, now.threads),
            tasks=min(fewest.tasks, now.tasks),
        )
    return fewest


def _counted(socket: Path, pid: int) -> _Open:
    with connected(socket) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: omnimemd\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    told = re.search(r"^omnimemd_tasks (\d+)$", answer, re.MULTILINE)
    threads = re.search(r"^Threads:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert told is not None
    assert threads is not None
    return _Open(descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())), threads=int(threads[1]), tasks=int(told[1]))


def _slope(looks: list[_Look], *, deeds: int, begun: int, stored: int) -> Finding:
    def fitted(figure: Callable[[_Look], int]) -> float:
        if len(looks) < 2:
            return 0.0
        return statistics.linear_regression([one.hours for one in looks], [figure(one) for one in looks])[0] / 2**20

    return Finding(
        what="growth of its memory (RSS) by the hour, least squares over the looks after the warm-up",
        floor="the same daemon after a quarter of the time",
        figures=(fitted(lambda one: one.resident),),
        unit="MiB",
        at_most=1,
        aside=f"USS {fitted(lambda one: one.unshared):+.2f} MiB; RSS {looks[0].resident / 2**20:.1f} MiB then, "
        f"{looks[-1].resident / 2**20:.1f} at the end, in {(looks[-1].hours - looks[0].hours) * 60:.0f} minutes; "
        f"{deeds:,} deeds, {begun:,} sessions, {stored / 1e6:.1f} MB stored",
    )
