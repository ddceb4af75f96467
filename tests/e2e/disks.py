"""Disks of a test's own: small ones that fill up, and some that turn read-only under whoever writes."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

#: Of a disk in memory.
MIB: Final = 4


class Disk:
    """A small file system in memory."""

    def __init__(self, place: Path) -> None:
        """Mount it at *place*, which is made."""
        self.place = place
        place.mkdir(mode=0o700, parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={MIB}m,mode=0700", "tmpfs", place)

    def __enter__(self) -> Self:
        """Return the disk itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Take it away, whoever still uses it."""
        _run("umount", "-l", self.place)

    def fill(self, *, but: int = 0) -> None:
        """Leave no room, or *but* bytes."""
        with (self.place / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        if but:
            with (self.place / "filler").open("ab") as file:
                file.truncate(max(file.tell() - but, 0))

    def make_room(self) -> None:
        """Undo `fill`."""
        (self.place / "filler").unlink()

    def forbid_writing(self) -> None:
        """Make it read-only; nobody may have a file of it open for writing."""
        _run("mount", "-o", "remount,ro", self.place)

    def allow_writing(self) -> None:
        """Undo `forbid_writing`."""
        _run("mount", "-o", "remount,rw", self.place)


class FailingDisk:
    """An ext4 in a file, which turns read-only when it is told that it is broken, as most systems have it."""

    def __init__(self, place: Path, file: Path) -> None:
        """Make it in *file*, and mount it at *place*, which is made."""
        self.place = place
        self._file = file
        place.mkdir(mode=0o700, parents=True)
        with file.open("wb") as image:
            image.truncate(64 * 1024 * 1024)
        _run("mkfs.ext4", "-q", file)
        self._mount()
        place.chmod(0o700)
        (place / "lost+found").rmdir()

    def __enter__(self) -> Self:
        """Return the disk itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Take it away, whoever still uses it."""
        _run("umount", "-l", self.place)

    def fail(self) -> None:
        """Have the kernel find something wrong with it: nothing can be written from then on."""
        device = self.place.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("as a test wants it")

    def repair(self) -> None:
        """Do as a person does: unmount it, have it checked, and mount it again."""
        _run("umount", self.place)
        checked = subprocess.run(["fsck.ext4", "-p", self._file], capture_output=True, check=False)
        assert checked.returncode in (0, 1), checked  # 1: what was wrong was corrected (fsck(8))
        self._mount()
        (self.place / "lost+found").rmdir()

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", self._file, self.place)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
