"""How long until the watcher tells of an operation: while nothing else happens, in a storm, and beside a large move?

A program writes files, and notes before each when it begins. The floor and the daemon's watcher (its two threads, and a
loop with a listener that only notes the time) hear of it in turn.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.bench import trees
from tests.bench.findings import Finding, Scale, percentile
from tests.bench.hearing import hearing
from tests.bench.probing import probing
from tests.bench.readers import compiled, reading
from tests.bench.running import folder

_FLOOR = "a program in C that reads inotify hears of the same"
#: How long after a move of a directory what else happens counts as beside it.
_BESIDE = 0.3


class _Act(msgspec.Struct, frozen=True):
    """What was done."""

    began: dict[int, int]  #: when each probe began, CLOCK_MONOTONIC nanoseconds by its number
    reads: int = 0  #: of files, beside the probes
    moves: tuple[int, ...] = ()  #: when a directory was moved away


class _Heard(msgspec.Struct, frozen=True):
    """What was done and what was heard of it."""

    act: _Act
    probes: dict[int, int]  #: as `began`
    reads: int
    losses: int

    def latencies(self, *, beside_moves: bool = False) -> list[float]:
        """Return the milliseconds from when each probe began until it was heard of, of those that were."""
        return [
            (self.probes[number] - began) / 1e6
            for number, began in self.act.began.items()
            if number in self.probes
            and (not beside_moves or any(0 <= began - move <= _BESIDE * 1e9 for move in self.act.moves))
        ]

    @property
    def share(self) -> float:
        """Percent of all that was done."""
        return 100 * (len(self.probes) + self.reads) / (len(self.act.began) + self.act.reads)


def measure(scale: Scale) -> list[Finding]:
    """Probe in three situations."""
    files = scale.of(50_000, quick=1_000)
    moves = scale.of(10, quick=1)
    with folder() as place:
        (root := place / "project").mkdir()
        (probed := root / "probed").mkdir()
        trees.plant(root / "src", directories=files // 20, files=files)
        for number in range(moves):
            directories = scale.of(1_000, quick=100)
            trees.plant(root / f"large_{number}", directories=directories, files=2 * directories)
        idle = _in_turn(place, root, lambda: _only_probe(probed, count=scale.of(400, quick=10)))
        storm = _in_turn(place, root, lambda: _grep(root, probed, files, count=scale.of(600, quick=20)))
        moved = _in_turn(place, root, lambda: _move(root, probed, moves), after=lambda: _move_back(root, moves))
    return [
        _latency("file written → the listener is told, nothing else going on", idle, at_most=5),
        _latency(f"the same while `grep -r` goes over {files:,} files again and again", storm, at_most=25),
        Finding(
            what="reads and writes of that storm that the listener is told of",
            floor=_FLOOR,
            figures=(storm[1].share,),
            unit="%",
            at_least=100,
            aside=f"of {storm[1].act.reads + len(storm[1].act.began):,}; floor {storm[0].share:.1f} % "
            f"of {storm[0].act.reads + len(storm[0].act.began):,}; {storm[1].losses} losses told",
        ),
        _latency(
            f"the same in the {_BESIDE} s after {scale.of(1_000, quick=100):,} directories were moved out of the tree",
            moved,
            at_most=5,
            beside_moves=True,
        ),
    ]


def _in_turn(
    place: Path, root: Path, do: Callable[[], _Act], *, after: Callable[[], None] = lambda: None
) -> tuple[_Heard, _Heard]:
    """Let the floor hear what is done, then the watcher; *after* that, each time, nobody hears."""
    with reading(compiled(place), trees.directories_of(root)) as reader:
        act = do()
        reader.seconds()
    after()
    floor = _Heard(act, reader.probes, reader.heard.reads, reader.heard.overflows)
    with hearing(place, root) as ear:
        act = do()
    after()
    return floor, _Heard(act, ear.probes, ear.reads, ear.losses)


def _only_probe(probed: Path, *, count: int) -> _Act:
    with probing(probed, count=count, every=0.01) as probes:
        return _Act(probes.done())


def _grep(root: Path, probed: Path, files: int, *, count: int) -> _Act:
    """Probe while the files in `src` are read again and again."""
    with probing(probed, count=count, every=0.01) as probes:
        greps = 0
        while probes.at_work():
            trees.grep(root / "src")
            greps += 1
        return _Act(probes.done(), reads=greps * files)


def _move(root: Path, probed: Path, moves: int) -> _Act:
    """Probe while directories are moved out of the tree."""
    outside = root.with_name("outside")
    outside.mkdir(exist_ok=True)
    with probing(probed, count=int(moves * 2 * _BESIDE / 0.004) + 100, every=0.003) as probes:
        moved = []
        for number in range(moves):
            time.sleep(2 * _BESIDE)
            moved.append(time.monotonic_ns())
            (root / f"large_{number}").rename(outside / f"large_{number}")
        time.sleep(_BESIDE)
        return _Act(probes.done(), moves=tuple(moved))


def _move_back(root: Path, moves: int) -> None:
    for number in range(moves):
        (root.with_name("outside") / f"large_{number}").rename(root / f"large_{number}")


def _latency(what: str, heard: tuple[_Heard, _Heard], *, at_most: float, beside_moves: bool = False) -> Finding:
    floor, ours = (one.latencies(beside_moves=beside_moves) for one in heard)
    never = len(heard[1].act.began) - len(heard[1].probes)
    return Finding(
        what=f"{what}, 99th percentile",
        floor=_FLOOR,
        figures=tuple(ours),
        reading="p99",
        unit="ms",
        at_most=at_most,
        aside=f"p50 {percentile(ours, 50):.2f} ms, {never} never; "
        f"floor p50 {percentile(floor, 50):.2f}, p99 {percentile(floor, 99):.2f} ms",
    )
