"""A database is kept on a disk of this machine alone."""

from pathlib import Path

import pytest

from omnimemd.system.disks import check_disk
from omnimemd.system.errors import PlaceRefused
from omnimemd.system.watcher.mounts import Mount, Mounts


def mounted(kind: str, source: str = "") -> Mounts:
    return Mounts((Mount(1, 0, "/", "ext4"), Mount(2, 1, "/home", kind, source)))


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "virtiofs", "ceph"])
def test_a_disk_of_another_machine_is_refused_with_what_to_do(kind: str) -> None:
    with pytest.raises(PlaceRefused, match=rf"/home, a {kind} file system.*OMNIMEM_DATA_DIR"):
        check_disk(Path("/home/me/.local/share/omnimemd"), mounted(kind))


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs", "zfs", "tmpfs", "overlay", "fuse.gocryptfs", "apfs"])
def test_any_other_is_taken(kind: str) -> None:
    check_disk(Path("/home/me/.local/share/omnimemd"), mounted(kind))


def test_this_machines_own_is_taken(tmp_path: Path) -> None:
    check_disk(tmp_path / "not-there-yet")
