"""The port `domain.ports.Watcher` for what is on this machine's disks: roots behind a network are refused.

Stands before another watcher, which never hears of such a root and does not enter what is mounted from a
network below others. A refused root is reported with the reason; files that a tool names are recorded all the
same.

When something is mounted or unmounted, a root that it covers or lays bare is reported gone, and back: whoever wants
it watched asks again, and it is judged anew. A root whose own file system is unmounted stays gone until it is
mounted again: what is left is an empty folder, and nobody deleted the files. What happens so below a root is passed
on.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from omnimem.model import WorkspaceState
from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.file_events import UNSEEN, Content, FileEvent, FileFacts, Listing, Loss, WatchCounts, WatchReport
from omnimemd.domain.paths import is_within
from omnimemd.domain.ports import SurveyFailed, Watcher, WatchListener
from omnimemd.system.watcher.mounts import Mount, Mounts
from omnimemd.system.watcher.reports import gone_report


class LocalWatcher(Watcher, Protocol):
    """A watcher that can be told of mounts."""

    def remounted(self, places: Sequence[str]) -> None:
        """Look again at the directories *places*, below roots: another file system is there now."""
        ...


class LocalOnly:
    """See the module. Its fields belong to the loop's thread; `blind` is read on others."""

    def __init__(
        self,
        *,
        watcher: LocalWatcher,
        blind: set[str],
        read_mounts: Callable[[], Mounts],
        hear_mounts: Callable[[Callable[[], None]], Callable[[], None]],
    ) -> None:
        """Stand before *watcher*, and keep the places of network mounts in *blind*, which it enters none of."""
        self._watcher = watcher
        self._blind = blind
        self._read_mounts = read_mounts
        self._hear_mounts = hear_mounts
        self._hear_no_more: Callable[[], None] = lambda: None
        self._mounts = Mounts(())
        self._network: frozenset[str] = frozenset()  # those of *blind* that are ours
        self._remarks: dict[str, str | None] = {}  # by root: a machine full of containers has thousands of mounts
        self._roots: dict[str, bool] = {}  # and whether it was a file system of its own when it was asked for
        self._ours: dict[str, WatchReport] = {}  # of roots that are refused, or to be judged anew

    @property
    def reads_observed(self) -> bool:
        """Whether reads are seen at present."""
        return self._watcher.reads_observed

    async def start(self, listener: WatchListener) -> None:
        """Begin to hand events to *listener*; once, before any other call."""
        self._listener = listener
        await self._watcher.start(self)
        self._hear_no_more = self._hear_mounts(self._mounts_changed)

    async def watch(self, root: str) -> WatchReport:
        """Watch *root* and return how, or why not. See the port."""
        self._mounts_changed()
        mount = self._mounts.of(root)
        self._roots.setdefault(root, mount is not None and mount.point == root)
        if self._is_unmounted(root):
            report = gone_report(root, reads_observed=self.reads_observed)
        elif mount is not None and mount.is_network:
            report = _refusal(root, mount)
        else:
            self._ours.pop(root, None)
            return self._with_remark(await self._watcher.watch(root))
        self._ours[root] = report
        self._listener.watch_changed(report)
        if self._watcher.report(root) is not None:
            await self._watcher.unwatch(root)
        return report

    async def unwatch(self, root: str) -> None:
        """Stop watching *root*; an unknown one is ignored."""
        self._roots.pop(root, None)
        self._ours.pop(root, None)
        await self._watcher.unwatch(root)

    async def barrier(self) -> None:
        """Return once every event that happened before the call has been handed to the listener."""
        await self._watcher.barrier()

    async def pulse(self) -> None:
        """Prove that the watcher is at work. See the port."""
        await self._watcher.pulse()

    def survey(self, root: str) -> AsyncGenerator[Sequence[Listing], None]:
        """List the files below *root*. See the port."""
        if root in self._ours:
            raise SurveyFailed(root)
        return self._watcher.survey(root)

    async def look(self, paths: Sequence[str]) -> Sequence[FileFacts | None]:
        """Return what is at each of *paths* now. See the port."""
        return await self._watcher.look(paths)

    async def contents(
        self, root: str, paths: Sequence[str], *, wanted: Callable[[str, FileFacts], bool]
    ) -> Sequence[Content | None]:
        """Return what is in each of *paths* now, as far as that is here: a server that is gone holds nobody up."""
        if not self._mounts.every:
            self._look_at_mounts()
        if self._is_far(root):
            return [Content(path, UNSEEN, None) for path in paths]
        near = [path for path in paths if not self._is_far(path)] if self._network else paths
        found = dict(zip(near, await self._watcher.contents(root, near, wanted=wanted), strict=True))
        return [found[path] if path in found else Content(path, UNSEEN, None) for path in paths]

    def _is_far(self, path: str) -> bool:
        return any(is_within(path, point) for point in self._network)

    def report(self, root: str) -> WatchReport | None:
        """Return how *root* is watched, None when it is not."""
        if root in self._ours:
            return self._ours[root]
        report = self._watcher.report(root)
        return None if report is None else self._with_remark(report)

    async def sight(self, root: str, path: str, *, is_dir: bool) -> Sight | None:
        """Return whether the watched *root* sees *path*; None for one that is refused. See the port."""
        if root in self._ours:
            return None
        sight = await self._watcher.sight(root, path, is_dir=is_dir)
        if sight is not None and sight.obstacle is Obstacle.OWN_DATA and sight.at in self._network:
            return replace(sight, obstacle=Obstacle.NETWORK)
        return sight

    def throttle(self, held: bool) -> None:
        """Hand over no more than is under way while *held*. See the port."""
        self._watcher.throttle(held)

    def counts(self) -> WatchCounts:
        """Return the counters."""
        return self._watcher.counts()

    async def close(self) -> None:
        """Hand over what was read, then stop every thread and close every descriptor."""
        self._hear_no_more()
        await self._watcher.close()

    def file_events(self, events: Sequence[FileEvent]) -> None:
        """Pass *events* on."""
        self._listener.file_events(events)

    def events_lost(self, loss: Loss) -> None:
        """Pass *loss* on."""
        self._listener.events_lost(loss)

    def watch_changed(self, report: WatchReport) -> None:
        """Pass *report* on, with what is to be said of the mounts."""
        if report.root not in self._ours:
            self._listener.watch_changed(self._with_remark(report))

    def _mounts_changed(self) -> None:
        before = self._mounts
        self._look_at_mounts()
        places: set[str] = set()
        for root in sorted(self._roots):
            if before.of(root) != self._mounts.of(root):
                report = gone_report(root, reads_observed=self.reads_observed)
                self._ours[root] = replace(report, back=not self._is_unmounted(root))
                self._listener.watch_changed(self._ours[root])
            else:
                changed = set(before.below(root)).symmetric_difference(self._mounts.below(root))
                places.update(mount.point for mount in changed)
                report_now = self.report(root)
                if changed and report_now is not None:
                    self._listener.watch_changed(report_now)
        if places:
            self._watcher.remounted(sorted(places))

    def _is_unmounted(self, root: str) -> bool:
        mount = self._mounts.of(root)
        return self._roots[root] and (mount is None or mount.point != root)

    def _look_at_mounts(self) -> None:
        self._mounts = self._read_mounts()
        self._remarks.clear()
        every = [mount for mount in self._mounts.every if mount.is_network]
        network = frozenset(mount.point for mount in every if self._mounts.of(mount.point) is mount)
        self._blind |= network
        self._blind -= self._network - network
        self._network = network

    def _with_remark(self, report: WatchReport) -> WatchReport:
        if report.root not in self._remarks:
            self._remarks[report.root] = _remark(report.root, self._mounts)
        remark = self._remarks[report.root]
        if remark is None or report.state is WorkspaceState.GONE:
            return report
        state = WorkspaceState.DEGRADED if report.state is WorkspaceState.WATCHING else report.state
        return replace(report, state=state, problem=remark if report.problem is None else f"{report.problem} {remark}")


def _refusal(root: str, mount: Mount) -> WatchReport:
    problem = (
        f"Not watched: it is on a network file system ({mount.kind}, mounted at {mount.point}), which does not tell"
        " what other machines change. Work on a local copy; files that tools name themselves are recorded."
    )
    return WatchReport(root, WorkspaceState.DEGRADED, 0, reads_observed=False, problem=problem)


def _remark(root: str, mounts: Mounts) -> str | None:
    """Return what is not seen below *root* because of how it is mounted, None when all is."""
    mount = mounts.of(root)
    remarks: list[str] = []
    if mount is not None and mount.is_shared:
        remarks.append(f"It is shared with the host of this machine ({mount.kind}): what runs there is not seen.")
    network = [mount for mount in mounts.below(root) if mount.is_network]
    if network:
        others = f" and {len(network) - 1} more" if len(network) > 1 else ""
        first = f"{network[0].point} ({network[0].kind})"
        remarks.append(f"{first}{others}, mounted from a network inside it, is not seen.")
    return " ".join(remarks) or None
