"""Without an inotify instance changes are found all the same, and once there is one, nothing is lost on the way."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omnimem.model import WorkspaceState
from omnimemd.domain.file_events import Change, FileEvent
from omnimemd.system.watcher import InotifyWatcher, WatchUnavailable
from omnimemd.system.watcher.fallback import Fallback
from omnimemd.system.watcher.inotify import Inotify
from omnimemd.system.watcher.portable import PortableWatcher
from omnimemd.system.watcher.sysctls import raise_instances
from tests.support.waiting import rounds, until
from tests.support.watching import Recorder, WallClock, read, tree

pytestmark = pytest.mark.needs("inotify")


class Kernel:
    """Gives inotify instances, or not."""

    def __init__(self) -> None:
        self.gives = False
        self.asked = 0

    def instance(self) -> Inotify:
        self.asked += 1
        if not self.gives:
            raise WatchUnavailable("none is left", hint="Raise it.")
        return Inotify()


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def a_fallback(tmp_path: Path, kernel: Kernel, *, again_s: float = 3600) -> Fallback:
    environ = {"HOME": str(tmp_path / "home")}

    def inotify() -> InotifyWatcher:
        private = tmp_path / "private"
        return InotifyWatcher(clock=WallClock(), private=private, environ=environ, open_inotify=kernel.instance)

    def looking(remark: str) -> PortableWatcher:
        return PortableWatcher(clock=WallClock(), environ=environ, blind=(), hints=None, remark=remark)

    return Fallback(clock=WallClock(), make_inotify=inotify, make_looking=looking, again_s=again_s)


@pytest.fixture
async def watcher(tmp_path: Path, kernel: Kernel, recorder: Recorder) -> AsyncIterator[Fallback]:
    watcher = a_fallback(tmp_path, kernel)
    await watcher.start(recorder)
    yield watcher
    await watcher.close()


def changes(events: list[FileEvent], root: Path) -> list[tuple[Change, str]]:
    return [(event.change, str(Path(event.path).relative_to(root))) for event in events]


async def test_it_starts_without_an_instance_says_so_and_finds_changes(
    tmp_path: Path, watcher: Fallback, recorder: Recorder
) -> None:
    root = tree(tmp_path / "w", "a.py")

    report = await watcher.watch(str(root))
    tree(root, "new.py")
    await watcher.barrier()

    assert (report.state, report.reads_observed) == (WorkspaceState.DEGRADED, False)
    assert report.problem == (
        "Changes are found by looking every few seconds, and reads are not seen: none is left. Raise it."
    )
    assert not watcher.reads_observed
    assert changes(recorder.events, root) == [(Change.FOUND, "new.py")]


async def test_the_next_root_brings_inotify_for_all_with_a_gap_for_the_reads(
    tmp_path: Path, kernel: Kernel, watcher: Fallback, recorder: Recorder
) -> None:
    first, second = tree(tmp_path / "first", "a.py"), tree(tmp_path / "second", "b.py")
    degraded = await watcher.watch(str(first))
    tree(first, "unlooked.py")

    kernel.gives = True
    report = await watcher.watch(str(second))
    assert (Change.FOUND, "unlooked.py") in changes(recorder.events, first)
    recorder.events.clear()
    read(first / "a.py")
    read(second / "b.py")
    await watcher.barrier()

    assert report.state is WorkspaceState.WATCHING
    assert watcher.reads_observed
    assert [event.path for event in recorder.events] == [str(first / "a.py"), str(second / "b.py")]
    (loss,) = recorder.losses
    assert (loss.workspaces, loss.reason) == ((str(first),), "watch_unavailable")
    of_first = [each for each in recorder.reports if each.root == str(first)]
    assert [each.state for each in of_first] == [degraded.state, WorkspaceState.WATCHING]
    assert watcher.report(str(first)) == of_first[-1]


async def test_what_inotify_told_while_it_took_over_is_not_told_again(
    tmp_path: Path, kernel: Kernel, watcher: Fallback, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look finds what happened before inotify was live, and only that."""
    root = tree(tmp_path / "w", "a.py")
    await watcher.watch(str(root))
    tree(root, "before.py")
    look = PortableWatcher.barrier

    async def barrier_of_the_last_look(looking: PortableWatcher) -> None:
        tree(root, "during.py")
        await until(lambda: (Change.WRITTEN, "during.py") in changes(recorder.events, root))
        await look(looking)

    monkeypatch.setattr(PortableWatcher, "barrier", barrier_of_the_last_look)
    kernel.gives = True
    await watcher.watch(str(root))

    assert changes(recorder.events, root).count((Change.FOUND, "before.py")) == 1
    assert (Change.FOUND, "during.py") not in changes(recorder.events, root)


async def test_it_tries_again_by_itself(tmp_path: Path, kernel: Kernel, recorder: Recorder) -> None:
    root = tree(tmp_path / "w", "a.py")
    watcher = a_fallback(tmp_path, kernel, again_s=0)
    await watcher.start(recorder)
    await watcher.watch(str(root))

    asked = kernel.asked
    await until(lambda: kernel.asked > asked + 2)
    kernel.gives = True
    await until(lambda: watcher.reads_observed)

    assert watcher.counts().directories >= 1
    await watcher.close()


async def test_with_nothing_to_watch_it_does_not_try(tmp_path: Path, kernel: Kernel, recorder: Recorder) -> None:
    root = tree(tmp_path / "w", "a.py")
    watcher = a_fallback(tmp_path, kernel, again_s=0)
    await watcher.start(recorder)
    await watcher.watch(str(root))
    await watcher.unwatch(str(root))

    await rounds()
    asked = kernel.asked
    await rounds()

    assert kernel.asked == asked
    assert watcher.report(str(root)) is None
    await watcher.close()


async def test_closing_in_the_middle_of_a_try_is_fine(tmp_path: Path, kernel: Kernel, recorder: Recorder) -> None:
    root = tree(tmp_path / "w", *(f"d{number}/f" for number in range(300)))
    watcher = a_fallback(tmp_path, kernel, again_s=0)
    await watcher.start(recorder)
    await watcher.watch(str(root))
    kernel.gives = True
    asked = kernel.asked
    await until(lambda: kernel.asked > asked)

    await watcher.close()

    assert not (tmp_path / "private").exists()


@pytest.mark.parametrize(
    ("machine", "namespace", "advice"),
    [
        ("128", "40000", "`sysctl fs.inotify.max_user_instances=512`"),
        ("1024", "1024", "`sysctl fs.inotify.max_user_instances=2048`"),
        ("128", "10", "`sysctl user.max_inotify_instances=512`"),
    ],
)
def test_the_advice_names_the_setting_in_the_way(tmp_path: Path, machine: str, namespace: str, advice: str) -> None:
    tree(tmp_path, "fs/inotify/", "user/")
    (tmp_path / "fs/inotify/max_user_instances").write_text(f"{machine}\n")
    (tmp_path / "user/max_inotify_instances").write_text(f"{namespace}\n")

    assert advice in raise_instances(tmp_path)


IN_A_NAMESPACE = """
import asyncio, json, os, pathlib, sys
from omnimemd.system.watcher import open_watcher
from tests.support.watching import Recorder, WallClock, read, tree

base = pathlib.Path(sys.argv[1])
setting = pathlib.Path("/proc/sys/user/max_inotify_instances")


async def main():
    recorder = Recorder()
    watcher = open_watcher(clock=WallClock(), private=base / "private", environ={"HOME": str(base)})
    await watcher.start(recorder)
    first, second = tree(base / "first", "a.py"), tree(base / "second", "b.py")
    degraded = await watcher.watch(str(first))
    tree(first, "new.py")
    await watcher.barrier()
    found = [os.path.basename(event.path) for event in recorder.events]
    setting.write_text("10")
    await watcher.watch(str(second))
    recorder.events.clear()
    read(first / "a.py")
    await watcher.barrier()
    seen = [(event.change.name, os.path.basename(event.path)) for event in recorder.events]
    states = [watcher.report(str(root)).state.value for root in (first, second)]
    await watcher.close()
    print(json.dumps([degraded.problem, found, seen, states, [loss.reason for loss in recorder.losses]]))


setting.write_text("0")
asyncio.run(main())
"""


@pytest.mark.needs("user namespace")
def test_the_kernels_own_limit_is_met_and_left(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-Ur", sys.executable, "-c", IN_A_NAMESPACE, tmp_path], check=True, capture_output=True, text=True
    )

    problem, found, seen, states, reasons = json.loads(done.stdout)
    assert "user.max_inotify_instances" in problem
    assert found == ["new.py"]
    assert seen == [["READ", "a.py"]]
    assert states == ["watching", "watching"]
    assert reasons == ["watch_unavailable"]
