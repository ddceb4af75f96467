"""Files that the command writes: readable by their user alone, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from omnimemd.cli.errors import CannotGoOn
from omnimemd.cli.text import shown_path


@contextmanager
def new_file(name: str, *, replace: bool) -> Iterator[BinaryIO]:
    """Give a file to write, which is *name* once the block ends without an error; else nothing is left of it.

    Raises:
        CannotGoOn: something is there and not to be replaced, or it cannot be written there.
    """
    path = Path(name).resolve() if Path(name).is_symlink() else Path(name)
    _check(path, replace=replace)
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    except OSError as error:
        raise CannotGoOn(
            f"{shown_path(str(path))} cannot be written: {error.strerror}.", hint="Choose another place."
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        _check(path, replace=replace)  # what came there meanwhile is somebody's
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise


def _check(path: Path, *, replace: bool) -> None:
    if path.exists() and not path.is_file():
        raise CannotGoOn(f"{shown_path(str(path))} is no ordinary file.", hint="Name another one.")
    if path.exists() and not replace:
        raise CannotGoOn(f"{shown_path(str(path))} is there already.", hint="Add --force to replace it.")
