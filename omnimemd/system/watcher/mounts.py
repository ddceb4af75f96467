"""Which file systems are mounted where, and which of them tell of every change of their files.

Changes are told by the kernel that makes them. What another machine writes to a share reaches this one as
content, never as an event, and a look at a share whose server is gone may hang for minutes; so a file system
behind a network is not watched at all. A folder that a virtual machine shares with its host is served at
memory speed, and all that programs in here do is told: it is watched, with a remark. What is not known to be
either is watched.

Read here: /proc/self/mountinfo (proc_pid_mountinfo(5)) on Linux, getfsstat(2) through psutil elsewhere.
Neither touches the file systems themselves.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import psutil

#: Served by another machine: its other clients change files too. FUSE says which program serves it as
#: `fuse.NAME`.
NETWORK: Final = frozenset((
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "afs", "coda", "ncpfs", "davfs", "webdav", "ftp",
    "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "beegfs_nodev", "fhgfs", "orangefs", "pvfs2", "panfs",
    # Disks that several machines mount at once.
    "ocfs2", "gfs2", "vmfs",
    "fuse.sshfs", "fuse.rclone", "fuse.curlftpfs", "fuse.davfs2", "fuse.smbnetfs", "fuse.gvfsd-fuse",
    "fuse.gvfs-fuse-daemon", "fuse.kio-fuse", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.juicefs",
    "fuse.mfs", "fuse.moosefs", "fuse.seaweedfs", "fuse.cvmfs2", "fuse.hdfs", "fuse.fuse_dfs",
    "fuse.s3fs", "fuse.s3ql", "fuse.goofys", "fuse.gcsfuse", "fuse.mount-s3", "fuse.blobfuse", "fuse.blobfuse2",
    "fuse.google-drive-ocamlfuse", "fuse.onedriver", "fuse.dbxfs", "fuse.ipfs",
))  # fmt: skip
#: A folder of the host, seen in a virtual machine: what runs on the host changes files too.
SHARED: Final = frozenset((
    "9p", "virtiofs", "vboxsf", "prl_fs", "vmhgfs", "fuse.vmhgfs-fuse", "drvfs", "fuse.grpcfuse", "fuse.osxfs",
))  # fmt: skip

#: Programs behind FUSE that do not give the type a name.
_NETWORK_SOURCES: Final = frozenset(("mountpoint-s3", "s3fs", "rclone", "sshfs"))

_MOUNTINFO: Final = "/proc/self/mountinfo"
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(msgspec.Struct, frozen=True):
    """One file system at one place."""

    number: int  #: the kernel's; another one when something else is mounted at the same place later
    parent: int  #: the mount that *point* is in
    point: str  #: absolute, as its mounter's namespace has it; "/" for the root
    kind: str  #: the file system's type; FUSE's has the serving program's name, as in "fuse.sshfs"
    source: str = ""  #: what is mounted, as its program calls it

    @property
    def is_network(self) -> bool:
        """Tell whether other machines may change its files."""
        unnamed = self.kind == "fuse" and ("://" in self.source or self.source in _NETWORK_SOURCES)
        return unnamed or self.kind in NETWORK

    @property
    def is_shared(self) -> bool:
        """Tell whether the host of this virtual machine may change its files.

        A container whose own root is such a file system (gVisor's, Kata's) has it for itself.
        """
        return self.kind in SHARED and self.point != "/"


class Mounts:
    """Every mount, and which of them a path is on."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        """Take *mounts* in any order."""
        self.every: Sequence[Mount] = tuple(mounts)
        numbers = {mount.number for mount in self.every}
        self._inside: dict[int | None, list[Mount]] = {}
        for mount in self.every:
            above = mount.parent if mount.parent in numbers and mount.parent != mount.number else None
            self._inside.setdefault(above, []).append(mount)

    def of(self, path: str) -> Mount | None:
        """Return the mount that *path* (absolute, real) is on, None when the table does not say.

        The path is followed as the kernel does: of the mounts inside the one it is on, the first on the way is
        entered. So the last of several at one place wins, and what a later one covers is not seen.
        """
        current: Mount | None = None
        while True:
            inside = self._inside.get(None if current is None else current.number, ())
            on_the_way = [mount for mount in inside if _is_at_or_below(path, mount.point)]
            if not on_the_way:
                return current
            nearest = min(len(mount.point) for mount in on_the_way)
            current = next(mount for mount in reversed(on_the_way) if len(mount.point) == nearest)

    def below(self, path: str) -> list[Mount]:
        """Return the mounts that are seen below *path*, *path* itself left out, by their place."""
        inside = [mount for mount in self.every if mount.point != path and _is_at_or_below(mount.point, path)]
        return sorted((mount for mount in inside if self.of(mount.point) is mount), key=lambda mount: mount.point)


def read_mounts() -> Mounts:
    """Return what is mounted now; nothing when the platform does not say."""
    if sys.platform != "linux":
        return from_partitions((each.mountpoint, each.fstype) for each in psutil.disk_partitions(all=True))
    try:
        with open(_MOUNTINFO, "rb") as file:
            return from_mountinfo(file.read())
    except OSError:  # no /proc in this container
        return Mounts(())


def from_mountinfo(text: bytes) -> Mounts:
    """Return the mounts that the lines of a mountinfo file name; a line that is not understood is left out."""
    return Mounts(mount for line in text.split(b"\n") if (mount := _mount(line)) is not None)


def from_partitions(partitions: Iterable[tuple[str, str]]) -> Mounts:
    """Return mounts of (point, kind) pairs, in the order in which they were mounted."""
    mounts: list[Mount] = []
    for number, (point, kind) in enumerate(partitions, 1):
        above = Mounts(mounts).of(point)
        mounts.append(Mount(number, 0 if above is None else above.number, point, kind))
    return Mounts(mounts)


def _mount(line: bytes) -> Mount | None:
    # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    # The optional fields before the dash are any number; the kernel escapes blanks in all others.
    before, _, after = line.partition(b" - ")
    fields, kinds = before.split(b" "), after.split(b" ")
    if len(kinds) < 2 or len(fields) < 6 or not fields[0].isdigit() or not fields[1].isdigit():
        return None
    return Mount(int(fields[0]), int(fields[1]), _unescaped(fields[4]), _unescaped(kinds[0]), _unescaped(kinds[1]))


def _unescaped(field: bytes) -> str:
    raw = _ESCAPE.sub(lambda found: bytes((int(found[1], 8) & 0xFF,)), field)
    return raw.decode("utf-8", "surrogateescape")


def _is_at_or_below(path: str, top: str) -> bool:
    return path == top or path.startswith("/" if top == "/" else f"{top}/")
