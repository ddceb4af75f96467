"""A user's directories, empty and below one short path, for daemons and clients to live in."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: A user that no machine has: neither root nor whoever runs the tests.
OTHER_UID: Final = 61_234
#: What a daemon or client must not take from whoever runs the tests.
_PERSONAL = ("OMNIMEM_", "XDG_", "GIT_", "NOTIFY_SOCKET")


class Home:
    """Where one user keeps everything."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "home"
        self.runtime = base / "run"
        self.data_dir = base / "data" / "omnimemd"
        self.config_file = base / "config" / "omnimemd" / "config.toml"
        self.socket = self.runtime / "omnimemd" / "omnimemd.sock"
        self.database = self.data_dir / "omnimem.db"
        for directory in (self.home, self.runtime, base / "data", base / "config"):
            directory.mkdir(mode=0o700)
        self._numbers = itertools.count(1)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of this user's programs."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PERSONAL)}
        return inherited | {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_DATA_HOME": str(self.base / "data"),
            "XDG_CONFIG_HOME": str(self.base / "config"),
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
        }

    def configure(self, text: str) -> None:
        """Write the configuration file."""
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(text)

    def folder(self, files: Mapping[str, str] | None = None, *, name: str | None = None) -> Path:
        """Return a new folder outside the user's own places, with *files* (text by relative path) in it."""
        folder = self.base / "work" / (name or f"w{next(self._numbers)}")
        folder.mkdir(parents=True)
        fill(folder, files or {})
        return folder

    def give_to(self, uid: int) -> None:
        """Make everything there is *uid*'s."""
        for path in (self.base, *self.base.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)


def fill(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files*, text by relative path, below *folder*."""
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Have the tests' own process, which is root's, connect and read files as *uid* until the block ends."""
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextmanager
def a_home() -> Iterator[Home]:
    """Make a home for as long as the block runs. Its path is short: a socket's has at most 107 bytes."""
    base = Path(tempfile.mkdtemp(prefix="om-")).resolve()
    try:
        yield Home(base)
    finally:
        shutil.rmtree(base, ignore_errors=True)
