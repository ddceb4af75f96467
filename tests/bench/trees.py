"""Trees of files that a benchmark works on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_TEXT = b"def answer() -> int:\n    return 42\n"


def plant(root: Path, *, directories: int, files: int, text: bytes = _TEXT) -> list[str]:
    """Make *files* files with *text* in *directories* directories below *root*; return their paths, in order.

    The directories stand in groups of 50; each has the same number of files, the last ones may have fewer.
    """
    folders = [f"{root}/group_{number // 50}/package_{number}" for number in range(directories)]
    for folder in folders:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - tens of thousands, and the same in all here
    each = -(-files // directories)
    paths = [f"{folders[number // each]}/module_{number}.py" for number in range(files)]
    for path in paths:
        write(path, text)
    return paths


def write(path: str, text: bytes) -> None:
    """Write *text* to the file *path*, as a program does."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def directories_of(root: Path) -> Iterator[str]:
    """Give *root* and every directory below it."""
    for folder, _, _ in os.walk(root):
        yield folder


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program to its end, which must succeed; return what it said."""
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        raise RuntimeError(f"{command} failed: {done.stderr or done.stdout}")
    return done.stdout


def grep(root: Path) -> None:
    """Read every file below *root* once, and find nothing."""
    run("sh", "-c", 'grep -r "no such words anywhere" "$1" || test $? = 1', "sh", root)
