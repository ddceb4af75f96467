"""Which mount a path is on, as mountinfo texts of real machines have it."""

import pytest

from omnimemd.system.watcher.mounts import Mounts, from_mountinfo, from_partitions

LAPTOP = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:25 / /home rw,nosuid shared:1 master:2 propagate_from:3 unbindable - btrfs /dev/sda2 rw
41 30 0:44 / /home/me/my\040docs rw - nfs4 server:/docs rw,vers=4.2
42 30 0:45 / /home/me/tab\011and\134slash rw shared:9 - cifs //nas/share rw
43 30 0:46 / /home/me/line\012feed rw - fuse.sshfs me@host: rw,user_id=1000
44 30 0:47 / /home/me/caf\303\251 rw - tmpfs tmpfs rw
45 30 0:48 / /home/me/\351 rw - 9p share rw
46 30 0:49 / /home/me/s3 rw - fuse mountpoint-s3 rw
47 30 0:50 / /home/me/dav rw - fuse https://dav.example.org/ rw
48 30 0:51 / /home/me/ntfs rw - fuseblk /dev/sdb1 rw
49 30 0:52 / /home/me/secret rw - fuse.gocryptfs /home/me/.secret rw
50 30 0:53 / /home/me/odd rw - fuse.somethingnew new rw
"""


def kind_of(mounts: Mounts, path: str) -> str | None:
    mount = mounts.of(path)
    return None if mount is None else mount.kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home", "btrfs"),
        ("/homes", "ext4"),
        ("/home/me/src", "btrfs"),
        ("/home/me/my docs", "nfs4"),
        ("/home/me/my docs/a/b.py", "nfs4"),
        ("/home/me/my docs2", "btrfs"),
        ("/home/me/tab\tand\\slash/x", "cifs"),
        ("/home/me/line\nfeed/x", "fuse.sshfs"),
        ("/home/me/café/x", "tmpfs"),
        ("/home/me/\udce9/x", "9p"),
        ("/proc/self", "proc"),
    ],
)
def test_a_path_is_on_the_mount_at_or_above_it(path: str, kind: str) -> None:
    assert kind_of(from_mountinfo(LAPTOP), path) == kind


@pytest.mark.parametrize(
    ("path", "network", "shared"),
    [
        ("/home/me/my docs", True, False),
        ("/home/me/tab\tand\\slash", True, False),
        ("/home/me/line\nfeed", True, False),
        ("/home/me/s3", True, False),
        ("/home/me/dav", True, False),
        ("/home/me/\udce9", False, True),
        ("/home/me/ntfs", False, False),
        ("/home/me/secret", False, False),
        ("/home/me/odd", False, False),
        ("/", False, False),
    ],
)
def test_what_other_machines_may_change_is_told_apart(path: str, network: bool, shared: bool) -> None:
    mount = from_mountinfo(LAPTOP).of(path)

    assert mount is not None
    assert (mount.is_network, mount.is_shared) == (network, shared)


def test_of_several_at_one_place_the_last_wins() -> None:
    mounts = from_mountinfo(
        b"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        b"2 1 0:1 / /data rw - nfs server:/data rw\n"
        b"3 2 0:2 / /data rw - tmpfs tmpfs rw\n"
    )

    assert kind_of(mounts, "/data/x") == "tmpfs"
    assert [mount.number for mount in mounts.below("/")] == [3]


def test_what_a_later_mount_covers_is_not_seen() -> None:
    mounts = from_mountinfo(
        b"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        b"2 1 8:2 / /data rw - ext4 /dev/sdb rw\n"
        b"3 2 0:1 / /data/share rw - nfs server:/share rw\n"
        b"4 2 0:2 / /data rw - tmpfs tmpfs rw\n"
    )

    assert kind_of(mounts, "/data/share/x") == "tmpfs"
    assert [mount.number for mount in mounts.below("/")] == [4]


def test_mounts_are_found_in_any_order() -> None:
    lines = LAPTOP.strip().split(b"\n")

    assert kind_of(from_mountinfo(b"\n".join(reversed(lines))), "/home/me/my docs/x") == "nfs4"


def test_a_table_without_a_root_says_what_it_can() -> None:
    mounts = from_mountinfo(b"5 4 0:1 / /srv rw - nfs server:/srv rw\n")  # in a chroot

    assert kind_of(mounts, "/srv/x") == "nfs"
    assert mounts.of("/home") is None


def test_lines_that_are_not_understood_are_left_out() -> None:
    mounts = from_mountinfo(b"\nnonsense\n1 2 3\n1 0 8:1 / / rw - ext4 /dev/sda rw\nx y 8:1 / /y rw - nfs a:/b rw\n")

    assert [mount.kind for mount in mounts.every] == ["ext4"]


def test_mounts_below_a_path_are_those_strictly_inside() -> None:
    mounts = from_mountinfo(LAPTOP)

    assert [mount.point for mount in mounts.below("/home/me/my docs")] == []
    assert [mount.point for mount in mounts.below("/home") if mount.is_network] == [
        "/home/me/dav",
        "/home/me/line\nfeed",
        "/home/me/my docs",
        "/home/me/s3",
        "/home/me/tab\tand\\slash",
    ]


def test_a_container_has_its_own_root_for_itself() -> None:
    mounts = from_mountinfo(b"1 0 0:1 / / rw - 9p none rw\n2 1 0:2 / /mnt/c rw - 9p drvfs rw\n")

    at_root, at_share = mounts.of("/home/me"), mounts.of("/mnt/c/src")
    assert at_root is not None
    assert at_share is not None
    assert (at_root.is_shared, at_share.is_shared) == (False, True)


def test_partitions_of_macos_are_in_the_order_of_mounting() -> None:
    mounts = from_partitions(
        [
            ("/", "apfs"),
            ("/System/Volumes/Data", "apfs"),
            ("/Volumes/share", "smbfs"),
            ("/Volumes/share", "apfs"),
            ("/Volumes/other", "webdav"),
        ]
    )

    assert kind_of(mounts, "/Volumes/share/x") == "apfs"
    assert kind_of(mounts, "/Volumes/other/x") == "webdav"
    assert kind_of(mounts, "/Users/me") == "apfs"
