"""Is everything still right after half an hour of mixed work on a repository, and is the daemon as small as before?

In each round one branch is left for the other, files are edited in place and by renaming, made, moved and deleted, the
sources are compiled, tests run, everything is searched, and what was edited is committed, while somebody else writes
notes beside all that. The program knows what it wrote, and asks after each round what was recorded.
"""

import statistics
import time
from pathlib import Path

import msgspec

from omnimem import Client
from tests.bench.findings import Finding, Scale
from tests.bench.memory import memory
from tests.bench.recorded import flush, recorded
from tests.bench.running import daemon, folder
from tests.bench.working import Done, Repository

_MINUTES = 30
#: Of the time, what does not count for the memory: caches are filled, every session's context is folded once.
_WARM_UP = 0.25


class _Round(msgspec.Struct, frozen=True, kw_only=True):
    """What was done and recorded in one round."""

    written: int
    missed: int  #: writes that were done and are not recorded
    invented: int  #: writes that are recorded and were not done
    gone: int
    kept: int  #: deletions that are not recorded
    read: int  #: by the search
    reads: int  #: recorded of it
    gaps: int
    at: float  #: minutes since the start
    unshared: int  #: bytes of memory of the daemon's own


def measure(scale: Scale) -> list[Finding]:
    """Work until the time is over."""
    seconds = scale.of(_MINUTES * 60, quick=4)
    with folder() as place, daemon(place) as (path, pid), Client(path, timeout=60) as client:
        repository = Repository(place / "project", files=200 if scale.quick else 3_000)
        session = client.create_session(tool_id="bench", workspace_path=str(repository.root)).session_id
        rounds: list[_Round] = []
        after = 0
        started = time.monotonic()
        while not rounds or time.monotonic() - started < seconds:
            one, after = _round(client, session, pid, repository, after, started)
            rounds.append(one)
        status = client.status()
        complaints = _complaints(place / "daemon.log")
    return [
        *_counted(rounds),
        Finding(
            what="gaps that nothing explains, and complaints in the daemon's log",
            floor="nothing was done that has to lose events",
            figures=(sum(one.gaps for one in rounds) + len(complaints),),
            unit="times",
            at_most=0,
            aside=f"{status.watch.events_seen:,} events seen, {status.watch.overflows} overflows"
            + "".join(f"; {line}" for line in complaints[:3]),
        ),
        _memory(rounds),
    ]


def _round(
    client: Client, session: str, pid: int, repository: Repository, after: int, started: float
) -> tuple[_Round, int]:
    """Do one round of everything; return what came of it, and the last entry of the session."""
    done, other = Done(), Done()
    repository.commit()  # what the other hand wrote last: git does not overwrite it
    repository.switch(done)
    with repository.somebody_else(other):
        repository.edit(done, files=20)
        repository.compile(done)
        repository.test()
        repository.rearrange(done)
        repository.commit()
    flush(client)
    found = recorded(client, session, after=after)
    read = repository.search()
    flush(client)
    searched = recorded(client, session, after=found.last)
    written = done.written + other.written
    return (
        _Round(
            written=written.total(),
            missed=(written - found.written).total(),
            invented=(found.written - written).total() + searched.written.total(),
            gone=done.gone.total(),
            kept=(done.gone - found.gone).total(),
            read=read,
            reads=searched.reads,
            gaps=found.gaps + searched.gaps,
            at=(time.monotonic() - started) / 60,
            unshared=memory(pid).unshared,
        ),
        searched.last,
    )


def _counted(rounds: list[_Round]) -> list[Finding]:
    def counted(what: str, share: tuple[int, int], floor: str, aside: str = "") -> Finding:
        recorded, done = share
        return Finding(what=what, floor=floor, figures=(100 * recorded / done,), unit="%", at_least=100, aside=aside)

    sums = {name: sum(getattr(one, name) for one in rounds) for name in _Round.__struct_fields__ if name != "at"}
    written, missed, gone, kept = (sums[name] for name in ("written", "missed", "gone", "kept"))
    return [
        counted(
            "writes recorded, each file as often as it was written",
            (written - missed, written),
            "what the program wrote",
            f"{missed:,} of {written:,} missed, in {len(rounds)} rounds of {rounds[-1].at:.0f} minutes",
        ),
        Finding(
            what="writes recorded that nobody did",
            floor="what the program wrote",
            figures=(sums["invented"],),
            unit="writes",
            at_most=0,
        ),
        counted("deletions recorded", (gone - kept, gone), "what the program deleted", f"{kept} of {gone:,} missed"),
        Finding(
            what="reads of a search recorded, in rows or scans, more or fewer than there were; the most of all",
            floor="every source is read once",
            figures=tuple(abs(one.reads - one.read) for one in rounds),
            reading="most",
            unit="reads",
            at_most=0,
            aside=f"of {sums['read']:,}",
        ),
    ]


def _memory(rounds: list[_Round]) -> Finding:
    warm = rounds[int(len(rounds) * _WARM_UP) :]
    fifth = max(len(warm) // 5, 1)
    first, last = (statistics.median(one.unshared for one in part) for part in (warm[:fifth], warm[-fifth:]))
    slope = statistics.linear_regression([one.at for one in warm], [one.unshared for one in warm])[0] if warm[1:] else 0
    return Finding(
        what="memory of its own (USS) at the end",
        floor="the same daemon after a quarter of the time",
        figures=(last / first,),
        at_most=1.05,
        aside=f"{last / 2**20:.1f} and {first / 2**20:.1f} MiB; {slope * 60 / 2**20:+.2f} MiB an hour (least squares)",
    )


def _complaints(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if " WARNING " in line or " ERROR " in line]
