"""Work on a repository, as people and their tools do it, by somebody who knows all that was written."""

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tests.bench import trees

_GIT: Final = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0")
_BRANCHES: Final = ("one", "other")
#: Between two writes of a file by one hand: what comes faster is one write to a person.
_APART = 0.25


class Done(msgspec.Struct, frozen=True):
    """What was done, by path."""

    written: Counter[str] = msgspec.field(default_factory=Counter)  #: files written, made, moved to
    gone: Counter[str] = msgspec.field(default_factory=Counter)  #: files deleted, moved from


class Repository:
    """A git repository with sources, tests and notes, of two branches."""

    def __init__(self, root: Path, *, files: int) -> None:
        """Make it in *root*, with *files* sources, of which a fifth is worked on: not ever more of them."""
        self.root = root
        self._choose = random.Random(files)  # noqa: S311 - work that can be had again
        root.mkdir()
        self._sources = trees.plant(root / "src", directories=files // 20, files=files)
        self._worked_on = self._sources[: files // 5]
        self._notes = trees.plant(root / "notes", directories=2, files=60)
        self._tests = [f"{root}/tests/test_{number}.py" for number in range(20)]
        (root / "tests").mkdir()
        for path in self._tests:
            trees.write(path, b"def test_answer() -> None:\n    assert 6 * 7 == 42\n")
        trees.run(*_GIT, "init", "-q", "-b", _BRANCHES[0], root)
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "everything")
        self._git("checkout", "-q", "-b", _BRANCHES[1])

    def switch(self, done: Done) -> None:
        """Leave the branch that is checked out for the other."""
        here, there = _BRANCHES if self._branch() == _BRANCHES[0] else _BRANCHES[::-1]
        changed = self._git("diff", "--name-only", "--no-renames", "-z", here, there).split("\0")[:-1]
        self._git("checkout", "-q", there)
        done.written.update(f"{self.root}/{path}" for path in changed)
        time.sleep(_APART)

    def edit(self, done: Done, *, files: int) -> None:
        """Change *files* sources, every second as editors do that write a new file and move it over the old one."""
        for number, path in enumerate(self._choose.sample(self._worked_on, files)):
            text = Path(path).read_bytes() + b"# %d\n" % self._choose.randrange(10**9)
            if number % 2:
                trees.write(path, text)
            else:
                trees.write(f"{path}.tmp", text)
                os.replace(f"{path}.tmp", path)  # noqa: PTH105
            done.written[path] += 1
            time.sleep(0.02)

    def commit(self) -> None:
        """Commit what was edited."""
        self._git("commit", "-q", "-a", "--allow-empty", "-m", "edited")

    def compile(self, done: Done) -> None:
        """Compile every source that changed, beside the source."""
        before = self._compiled()
        trees.run(sys.executable, "-m", "compileall", "-q", "-b", self.root / "src")
        done.written.update(path for path, facts in self._compiled().items() if before.get(path) != facts)

    def test(self) -> None:
        """Run the tests."""
        command = (sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "tests")
        trees.run(*command, cwd=self.root)

    def rearrange(self, done: Done) -> None:
        """Make files, move them, delete them."""
        paths = [f"{self.root}/scratch_{number}.txt" for number in range(8)]
        for path in paths:
            trees.write(path, b"scratch\n")
            done.written[path] += 1
        time.sleep(_APART)
        for path in paths[:4]:
            os.rename(path, f"{path}.moved")  # noqa: PTH104
            done.gone[path] += 1
            done.written[f"{path}.moved"] += 1
        time.sleep(_APART)
        for path in (*(f"{path}.moved" for path in paths[:4]), *paths[4:]):
            os.unlink(path)  # noqa: PTH108
            done.gone[path] += 1

    def search(self) -> int:
        """Read every source; return how many files that are."""
        trees.grep(self.root / "src")
        return sum(len(names) for _, _, names in os.walk(self.root / "src"))

    @contextmanager
    def somebody_else(self, done: Done) -> Iterator[None]:
        """Have another hand write notes, one after the other, for as long as the block runs."""
        over = threading.Event()

        def write() -> None:
            number = 0
            while not over.wait(_APART):
                path = self._notes[number % len(self._notes)]
                trees.write(path, b"note %d\n" % number)
                done.written[path] += 1
                number += 1

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _branch(self) -> str:
        return self._git("branch", "--show-current").strip()

    def _compiled(self) -> dict[str, tuple[int, int]]:
        facts = {}
        for folder, _, names in os.walk(self.root / "src"):
            for name in names:
                if name.endswith(".pyc"):
                    status = os.stat(f"{folder}/{name}")  # noqa: PTH116
                    facts[f"{folder}/{name}"] = status.st_ino, status.st_mtime_ns
        return facts

    def _git(self, *words: str) -> str:
        return trees.run(*_GIT, *words, cwd=self.root)
