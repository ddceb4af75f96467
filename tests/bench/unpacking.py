"""Is every file known that a program brought in one go?

Most of these files lie in directories that were made moments before: what is done in them before the watch on them
stands, inotify never tells.
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from omnimem import Client
from tests.bench import trees
from tests.bench.findings import Finding, Scale
from tests.bench.recorded import flush, recorded
from tests.bench.running import daemon, folder

_FLOOR = "the files there are afterwards"
_GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0")


class _Unpacked:
    """What became known of one go."""

    def __init__(self, share: float, seconds: float, alone: float) -> None:
        self.share = share  #: percent
        self.seconds = seconds  #: until the program was done and all that it did recorded
        self.alone = alone  #: until the program was done


def measure(scale: Scale) -> list[Finding]:
    """Unpack an archive, check a branch out, and check it out of the way again."""
    files = scale.of(20_000, quick=400)
    directories = files // 20
    with folder() as place, daemon(place) as (path, _), Client(path, timeout=60) as client:
        packed, repository = _archive(place, directories, files), _repository(place, directories, files)
        (tree := place / "project").mkdir()
        unpacked, checked_out, put_back = [], [], []
        session = client.create_session(tool_id="bench", workspace_path=str(tree)).session_id
        in_git = client.create_session(tool_id="bench", workspace_path=str(repository)).session_id
        for number in range(scale.of(3, quick=1)):
            (into := tree / f"unpacked_{number}").mkdir()
            unpacked.append(_share(client, session, lambda: trees.run("tar", "xf", packed, "-C", into), into))
            checked_out.append(_share(client, in_git, lambda: _checkout(repository, "full"), repository / "src"))
            put_back.append(_share(client, in_git, lambda: _checkout(repository, "empty"), repository / "src"))
    return [
        _finding(f"`tar xf` of {files:,} files into {directories:,} new directories", unpacked),
        _finding(f"`git checkout` that brings {files:,} files", checked_out),
        _finding(f"`git checkout` that takes {files:,} files away", put_back),
    ]


def _finding(what: str, found: list[_Unpacked]) -> Finding:
    return Finding(
        what=f"{what}: files known, the least of all runs",
        floor=_FLOOR,
        figures=tuple(one.share for one in found),
        reading="least",
        unit="%",
        at_least=100,
        aside=f"recorded {statistics.median(one.seconds - one.alone for one in found):.2f} s after the program, which "
        f"took {statistics.median(one.alone for one in found):.2f} s",
    )


def _share(client: Client, session: str, work: Callable[[], object], tree: Path) -> _Unpacked:
    """Do *work*; return how many of the files are known that came to be below *tree*, or were there no more."""
    flush(client)
    after = recorded(client, session).last
    before = _files(tree)
    started = time.monotonic()
    work()
    alone = time.monotonic() - started
    flush(client)
    seconds = time.monotonic() - started
    now = _files(tree)
    found = recorded(client, session, after=after)
    known = len((now - before) & found.written.keys()) + len((before - now) & found.gone.keys())
    return _Unpacked(100 * known / len(now ^ before), seconds, alone)


def _files(tree: Path) -> set[str]:
    return {f"{folder}/{name}" for folder, _, names in os.walk(tree) for name in names}


def _archive(place: Path, directories: int, files: int) -> Path:
    trees.plant(place / "packed", directories=directories, files=files)
    trees.run("tar", "cf", place / "packed.tar", "-C", place / "packed", ".")
    return place / "packed.tar"


def _repository(place: Path, directories: int, files: int) -> Path:
    """Make a repository of two branches: `empty`, which is checked out, and `full`."""
    repository = place / "repository"
    trees.run(*_GIT, "init", "-q", "-b", "empty", repository)
    trees.run(*_GIT, "commit", "-q", "--allow-empty", "-m", "nothing", cwd=repository)
    trees.run(*_GIT, "checkout", "-q", "-b", "full", cwd=repository)
    trees.plant(repository / "src", directories=directories, files=files)
    trees.run(*_GIT, "add", "-A", cwd=repository)
    trees.run(*_GIT, "commit", "-q", "-m", "everything", cwd=repository)
    _checkout(repository, "empty")
    return repository


def _checkout(repository: Path, branch: str) -> None:
    trees.run(*_GIT, "checkout", "-q", branch, cwd=repository)
