"""Importance: more use never makes it less, more time never makes it more, and noise stays noise."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnimemd.domain.clock import Millis
from omnimemd.domain.importance import Use, importance, is_noise, slot_of

counts = st.integers(0, 10**6)
slots = st.integers(1, 10**4)
uses = st.builds(
    lambda reads, writes, slots, latest, gone: Use(
        reads=reads if reads + writes else 1, writes=writes, slots=slots, latest=slots + latest, gone=gone
    ),
    counts,
    counts,
    slots,
    counts,
    st.booleans(),
)
any_use = uses | st.just(Use())


@given(any_use, counts, st.booleans())
def test_it_lies_between_0_and_1_and_is_the_same_each_time(use: Use, later: int, noise: bool) -> None:
    found = importance(use, now=use.latest + later, noise=noise)

    assert 0 <= found <= 1
    assert found == round(found, 2) == importance(use, now=use.latest + later, noise=noise)


@given(any_use, counts, st.booleans(), st.booleans())
def test_one_more_use_never_makes_it_less(use: Use, later: int, noise: bool, write: bool) -> None:
    now = use.latest + later + 1

    assert importance(use.again(write=write, slot=now), now=now, noise=noise) >= importance(use, now=now, noise=noise)


@given(uses, st.integers(1, 10**6), counts)
def test_each_of_reads_writes_and_slots_counts_for_itself(use: Use, more: int, later: int) -> None:
    now = use.latest + later
    base = importance(use, now=now)

    for other in (
        Use(use.reads + more, use.writes, use.slots, use.latest, use.gone),
        Use(use.reads, use.writes + more, use.slots, use.latest, use.gone),
        Use(use.reads, use.writes, use.slots + more, use.latest, use.gone),
    ):
        assert importance(other, now=now) >= base


@given(uses, counts)
def test_a_write_counts_at_least_as_much_as_a_read(use: Use, later: int) -> None:
    now = use.latest + later + 1
    read, written = use.again(write=False, slot=now), use.again(write=True, slot=now)

    assert importance(written, now=now) >= importance(read, now=now)
    if use.reads:
        instead = Use(use.reads - 1, use.writes + 1, use.slots, use.latest, use.gone)
        assert importance(instead, now=now) >= importance(use, now=now)


@given(any_use, counts, counts, st.booleans())
def test_time_never_makes_it_more(use: Use, later: int, still: int, noise: bool) -> None:
    now = use.latest + later

    assert importance(use, now=now + still, noise=noise) <= importance(use, now=now, noise=noise)


@given(any_use, counts)
def test_noise_and_what_only_bursts_touched_stay_at_most_a_tenth(use: Use, later: int) -> None:
    assert importance(use, now=use.latest + later, noise=True) <= 0.1
    assert importance(Use(), now=later) <= 0.1


@given(any_use, any_use)
def test_a_file_that_takes_over_another_means_at_least_as_much_as_either(one: Use, other: Use) -> None:
    both = one.taking_over(other)
    now = both.latest

    alive = Use(other.reads, other.writes, other.slots, other.latest, one.gone)
    assert importance(both, now=now) >= max(importance(one, now=now), importance(alive, now=now))


#: Each row of the document's table: what a person would nod at.
EXAMPLES = {
    "read once, a moment ago": (Use(reads=1, slots=1, latest=1), 1, False),
    "read five times, a moment ago": (Use(reads=5, slots=1, latest=1), 1, False),
    "read in each of four slots": (Use(reads=4, slots=4, latest=4), 4, False),
    "written once, a moment ago": (Use(writes=1, slots=1, latest=1), 1, False),
    "read twice and written three times": (Use(reads=2, writes=3, slots=1, latest=1), 1, False),
    "read 40 times and written 20 times, over an hour": (Use(reads=40, writes=20, slots=6, latest=6), 6, False),
    "the same, three hours of work ago": (Use(reads=40, writes=20, slots=6, latest=6), 25, False),
    "read once, an hour of work ago": (Use(reads=1, slots=1, latest=1), 8, False),
    "read once, four hours of work ago": (Use(reads=1, slots=1, latest=1), 26, False),
    "made, and deleted again": (Use(writes=2, slots=1, latest=1, gone=True), 1, False),
    "written 30 times, but is a lock file, or below `dist/`": (Use(writes=30, slots=3, latest=3), 3, True),
    "seen in a burst only: `grep -r`, a checkout, a build": (Use(), 1, False),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "WATCHING.md"
PROMISED = dict(re.findall(r"^\| (.+) \| (\d\.\d\d) \|$", DOCUMENT.read_text(), re.MULTILINE))


def test_the_document_has_every_example() -> None:
    assert list(PROMISED) == list(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_document_says_what_is_so(example: str) -> None:
    use, now, noise = EXAMPLES[example]

    assert importance(use, now=now, noise=noise) == float(PROMISED[example])


def test_a_fresh_read_is_a_half_and_stays_it_through_the_next_slot() -> None:
    use = Use(reads=1, slots=1, latest=1)

    assert [importance(use, now=now) for now in (1, 2, 3)] == [0.5, 0.5, 0.46]


def test_slots_are_ten_minutes() -> None:
    assert slot_of(Millis(0)) == slot_of(Millis(599_999)) < slot_of(Millis(600_000))


@pytest.mark.parametrize(
    "name",
    [
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock"),
        *("Cargo.lock", "Gemfile.lock", "composer.lock", "flake.lock", "go.sum", "sub/.terraform.lock.hcl"),
        *(
            "dist/app.js",
            "packages/x/build/lib/a.py",
            "target/debug/app",
            "htmlcov/index.html",
            "app.egg-info/PKG-INFO",
        ),
        *(
            "static/app.min.js",
            "a.css.map",
            "a.pyc",
            "api_pb2.py",
            "api_pb2_grpc.py",
            "api.pb.go",
            "schema.generated.ts",
        ),
        *(".coverage", ".coverage.host.1", "coverage.xml", "lcov.info", "server.log", "data.db-wal", "main.o"),
    ],
)
def test_lock_files_and_generated_files_are_noise(name: str) -> None:
    assert is_noise(f"/w/{name}", workspace="/w")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a.py",
            "build.py",
            "dist",
            "lock.py",
            "locks/a.py",
            "package.json",
            "Cargo.toml",
            "go.mod",
            "src/builder/a.rs",
        ),
        *("roadmap", "map.ts", "generated.md", "logs.py", "docs/coverage.md", "Dockerfile", ".github/workflows/ci.yml"),
    ],
)
def test_what_people_write_is_not_noise(name: str) -> None:
    assert not is_noise(f"/w/{name}", workspace="/w")
