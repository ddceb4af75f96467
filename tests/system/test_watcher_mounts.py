"""What is behind a network is not watched, and the report says why; the mount table is the kernel's."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.file_events import Change
from omnimemd.domain.ports import Watcher
from omnimemd.system.watcher import open_watcher
from omnimemd.system.watcher.mounts import Mount, Mounts, read_mounts
from tests.support.watching import Recorder, WallClock, tree


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def table() -> list[Mount]:
    """The mount table of this test's machine: put mounts into it."""
    return [Mount(1, 0, "/", "ext4")]


class MountChanges:
    """Tells of a change of the mount table when a test says so."""

    def hear(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.say = changed
        return lambda: None


@pytest.fixture
def changes() -> MountChanges:
    return MountChanges()


@pytest.fixture
async def watcher(
    tmp_path: Path, recorder: Recorder, table: list[Mount], changes: MountChanges
) -> AsyncIterator[Watcher]:
    watcher = open_watcher(
        clock=WallClock(),
        private=tmp_path / "private",
        environ={"HOME": str(tmp_path / "home")},
        read_mounts=lambda: Mounts(table),
        hear_mounts=changes.hear,
    )
    await watcher.start(recorder)
    yield watcher
    await watcher.close()


async def test_a_root_on_a_network_disk_is_refused_with_the_reason(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount]
) -> None:
    root = tree(tmp_path / "w", "a.py")
    table.append(Mount(2, 1, str(tmp_path), "nfs4"))

    report = await watcher.watch(str(root))
    (root / "a.py").write_text("new")
    await watcher.barrier()

    assert (report.state, report.directories, report.reads_observed) == (WorkspaceState.DEGRADED, 0, False)
    assert "nfs4" in (report.problem or "")
    assert "local copy" in (report.problem or "")
    assert (recorder.events, recorder.reports) == ([], [report])
    assert watcher.report(str(root)) == report
    assert watcher.counts().directories <= 1  # the barrier's own

    assert await watcher.sight(str(root), str(root / "a.py"), is_dir=False) is None
    await watcher.unwatch(str(root))
    assert watcher.report(str(root)) is None


async def test_a_local_disk_mounted_over_a_network_disk_is_watched(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount]
) -> None:
    root = tree(tmp_path / "w", "sub/a.py")
    table.extend([Mount(2, 1, str(root / "sub"), "nfs"), Mount(3, 2, str(root / "sub"), "ext4")])

    report = await watcher.watch(str(root))
    (root / "sub/a.py").write_text("new")
    await watcher.barrier()

    assert (report.state, report.directories) == (WorkspaceState.WATCHING, 2)
    assert {event.path for event in recorder.events} == {str(root / "sub/a.py")}


async def test_a_refused_root_is_watched_once_it_is_local(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount]
) -> None:
    root = tree(tmp_path / "w", "a.py")
    table.append(Mount(2, 1, str(tmp_path), "nfs4"))
    await watcher.watch(str(root))

    table.pop()
    report = await watcher.watch(str(root))

    assert report.state is WorkspaceState.WATCHING
    assert watcher.report(str(root)) == report == recorder.reports[-1]


async def test_a_network_disk_inside_a_root_is_not_entered_and_said(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount]
) -> None:
    root = tree(tmp_path / "w", "a.py", "far/b.py", "farther/c.py")
    table.append(Mount(2, 1, str(root / "far"), "fuse.sshfs"))
    table.append(Mount(3, 1, str(root / "farther"), "cifs"))

    report = await watcher.watch(str(root))
    tree(root, "far/new.py", "new.py")
    await watcher.barrier()

    assert (report.state, report.directories) == (WorkspaceState.DEGRADED, 1)
    assert f"{root}/far (fuse.sshfs) and 1 more" in (report.problem or "")
    assert {event.path for event in recorder.events} == {str(root / "new.py")}
    assert recorder.reports[-1] == report
    assert await watcher.sight(str(root), f"{root}/far/b.py", is_dir=False) == Sight(f"{root}/far", Obstacle.NETWORK)


async def test_a_folder_of_the_host_is_watched_with_a_remark(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount]
) -> None:
    root = tree(tmp_path / "w", "a.py")
    table.append(Mount(2, 1, str(root), "virtiofs"))

    report = await watcher.watch(str(root))
    (root / "a.py").write_text("new")
    await watcher.barrier()

    assert (report.state, report.directories) == (WorkspaceState.DEGRADED, 1)
    assert "host" in (report.problem or "")
    assert (Change.WRITTEN, str(root / "a.py")) in {(event.change, event.path) for event in recorder.events}


async def test_a_root_that_a_network_disk_covers_is_judged_anew(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount], changes: MountChanges
) -> None:
    root = tree(tmp_path / "w", "a.py")
    await watcher.watch(str(root))

    table.append(Mount(2, 1, str(root), "nfs"))
    changes.say()
    gone = watcher.report(str(root))
    refused = await watcher.watch(str(root))
    table.pop()
    changes.say()
    back = recorder.reports[-1]
    watched = await watcher.watch(str(root))

    assert gone is not None
    assert (gone.state, gone.back) == (back.state, back.back) == (WorkspaceState.GONE, True)
    assert (refused.state, watched.state) == (WorkspaceState.DEGRADED, WorkspaceState.WATCHING)


async def test_a_network_disk_that_appears_inside_a_root_is_left(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount], changes: MountChanges
) -> None:
    root = tree(tmp_path / "w", "a.py", "far/b.py")
    await watcher.watch(str(root))

    table.append(Mount(2, 1, str(root / "far"), "cifs"))
    changes.say()
    await watcher.barrier()
    (root / "far/b.py").write_text("by somebody")
    await watcher.barrier()

    report = watcher.report(str(root))
    assert report is not None
    assert (report.state, report.directories) == (WorkspaceState.DEGRADED, 1)
    assert recorder.events == []
    assert [loss.reason for loss in recorder.losses] == ["remounted"]


async def test_a_root_that_is_unmounted_stays_gone_until_it_is_mounted_again(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount], changes: MountChanges
) -> None:
    root = tree(tmp_path / "w", "a.py")
    disk = Mount(2, 1, str(root), "ext4")
    table.append(disk)
    await watcher.watch(str(root))

    table.remove(disk)
    changes.say()
    gone = recorder.reports[-1]
    still_gone = await watcher.watch(str(root))
    tree(root, "in-the-empty-folder.py")
    await watcher.barrier()
    table.append(disk)
    changes.say()
    back = recorder.reports[-1]
    watched = await watcher.watch(str(root))

    assert (gone.state, gone.back) == (still_gone.state, still_gone.back) == (WorkspaceState.GONE, False)
    assert (back.state, back.back, watched.state) == (WorkspaceState.GONE, True, WorkspaceState.WATCHING)
    assert recorder.events == []


async def test_a_mount_that_is_found_while_another_root_is_added_is_told_all_the_same(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount], changes: MountChanges
) -> None:
    first, second = tree(tmp_path / "first", "a.py"), tree(tmp_path / "second", "b.py")
    await watcher.watch(str(first))

    table.append(Mount(2, 1, str(first), "ext4"))
    await watcher.watch(str(second))

    report = watcher.report(str(first))
    assert report is not None
    assert report.back


async def test_mounts_elsewhere_change_nothing(
    tmp_path: Path, watcher: Watcher, recorder: Recorder, table: list[Mount], changes: MountChanges
) -> None:
    root = tree(tmp_path / "w", "a.py")
    await watcher.watch(str(root))
    reports = recorder.reports.copy()

    table.append(Mount(2, 1, "/elsewhere", "nfs"))
    changes.say()
    await watcher.barrier()

    assert (recorder.reports, recorder.losses) == (reports, [])


IN_A_NAMESPACE = """
import asyncio, json, os, pathlib, subprocess, sys
from omnimemd.system.watcher import open_watcher
from tests.support.waiting import until
from tests.support.watching import Recorder, WallClock, tree

base = pathlib.Path(sys.argv[1])
root = tree(base / "w", "a.py", "sub/under.py")


def run(*command):
    subprocess.run([*command], check=True)


async def main():
    recorder = Recorder()
    watcher = open_watcher(clock=WallClock(), private=base / "private", environ={"HOME": str(base)})
    await watcher.start(recorder)
    await watcher.watch(str(root))
    told = []

    async def writes(name):
        (root / "sub" / name).write_text(name)
        await watcher.barrier()
        told.append(sorted({os.path.basename(event.path) for event in recorder.events}))
        recorder.events.clear()

    await writes("before.py")
    run("mount", "-t", "tmpfs", "covering", str(root / "sub"))
    await until(lambda: len(recorder.losses) == 1)
    await writes("covering.py")
    run("umount", str(root / "sub"))
    await until(lambda: len(recorder.losses) == 2)
    await writes("after.py")
    run("mount", "-t", "tmpfs", "covering", str(root))
    await until(lambda: recorder.reports[-1].back)
    tree(root, "sub/")
    await watcher.watch(str(root))
    await writes("in-the-root.py")
    run("umount", str(root))
    await until(lambda: recorder.reports[-1].back)
    await watcher.watch(str(root))
    await writes("what-was-covered.py")
    await watcher.close()
    print(json.dumps([told, [loss.reason for loss in recorder.losses]]))


asyncio.run(main())
"""


@pytest.mark.needs("inotify", "mount namespace")
def test_what_is_mounted_over_a_watched_folder_is_seen_and_what_it_covered_again(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", IN_A_NAMESPACE, tmp_path],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )

    told, losses = json.loads(done.stdout)
    assert told == [["before.py"], ["covering.py"], ["after.py"], ["in-the-root.py"], ["what-was-covered.py"]]
    assert losses == ["remounted", "remounted"]


HEAR = """
import asyncio, subprocess, sys
from omnimemd.system.watcher.mount_changes import hear_mounts
from tests.support.waiting import rounds, until


async def main():
    heard = []
    stop = hear_mounts(lambda: heard.append(None))
    await rounds()
    counts = [len(heard)]
    for command in (["mount", "-t", "tmpfs", "one"], ["umount"]):
        subprocess.run([*command, sys.argv[1]], check=True)
        await until(lambda: len(heard) > counts[-1])
        await rounds()
        counts.append(len(heard))
    stop()
    subprocess.run(["mount", "-t", "tmpfs", "two", sys.argv[1]], check=True)
    await rounds()
    print(*counts, len(heard))


asyncio.run(main())
"""


@pytest.mark.needs("mount namespace")
def test_each_mount_is_heard_of_once_and_none_after_the_end(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", HEAR, tmp_path], check=True, stdout=subprocess.PIPE, text=True
    )

    assert done.stdout == "0 1 2 2\n"


MOUNT_AND_LOOK = """
import json, sys
from omnimemd.system.watcher.mounts import read_mounts
mounts = read_mounts()
print(json.dumps([(mount.kind, mount.source) for mount in map(mounts.of, sys.argv[1:])]))
"""


@pytest.mark.needs("mount namespace")
def test_the_kernels_table_is_understood(tmp_path: Path) -> None:
    """In a mount namespace of its own: blanks in names, one mount on another, and one below a covered one."""
    odd = tmp_path / "a b\tc\\d\ne"
    covered = tmp_path / "covered"
    for directory in (odd, covered / "inner"):
        directory.mkdir(parents=True)
    script = """
        set -e
        mount -t tmpfs one "$1"
        mount -t tmpfs under "$2"
        mkdir "$2/inner"; mount -t tmpfs inside "$2/inner"
        mount -t tmpfs over "$2"
        shift 2
        exec "$@"
    """
    asked = [odd, odd / "x", covered, covered / "inner/x", tmp_path]

    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", odd, covered, sys.executable, "-c", MOUNT_AND_LOOK, *asked],
        check=True,
        capture_output=True,
        text=True,
    )

    here = read_mounts().of(str(tmp_path))
    assert here is not None
    assert json.loads(done.stdout) == [
        ["tmpfs", "one"],
        ["tmpfs", "one"],
        ["tmpfs", "over"],
        ["tmpfs", "over"],
        [here.kind, here.source],
    ]
