"""What a database cannot be kept on: a disk of another machine, where its log's shared memory is of this one alone."""

import os
from pathlib import Path

from omnimemd.system.errors import PlaceRefused
from omnimemd.system.watcher.mounts import Mounts, read_mounts


def check_disk(path: Path, mounts: Mounts | None = None) -> None:
    """Refuse *path*, which need not be there yet, where its disk is another machine's.

    SQLite's write-ahead log is for one machine: "all processes using a database must be on the same host computer"
    (wal.html). There is no setting against this: a database that is damaged by it is no use to anybody.

    Raises:
        PlaceRefused: it is behind a network, or a folder that the host of this virtual machine shares.
    """
    mount = (mounts or read_mounts()).of(os.path.realpath(path))
    if mount is not None and (mount.is_network or mount.is_shared):
        raise PlaceRefused(
            f"{path} is on {mount.point}, a {mount.kind} file system: a database would be damaged there. Choose a "
            "directory of this machine's own disk: `data_dir` in config.toml, OMNIMEM_DATA_DIR, or --data-dir"
        )
