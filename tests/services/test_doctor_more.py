"""The checks of what the daemon works with: the machine, its own tasks, the processes of sessions, the log."""

import hashlib
from pathlib import Path

import pytest

from omnimem.model import SessionCreate, Verdict
from omnimemd.domain.ports import FileSystem, Limit
from omnimemd.services.checks import FileSystemCheck, LimitsCheck, LogCheck
from omnimemd.system.machine import SystemMachine
from tests.services.test_doctor import examined
from tests.support.house import House


def everything_in(folder: Path) -> dict[str, object]:
    """What is in a folder, byte for byte, with modes and times; SQLite's shared memory is no file's content."""
    return {
        str(path): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
            (found := path.lstat()).st_mode,
            found.st_mtime_ns,
        )
        for path in [folder, *folder.rglob("*")]
        if not path.name.endswith("-shm")
    }


async def test_a_look_changes_nothing(data: Path, house: House, workspace: Path) -> None:
    data.chmod(0o755)  # something that a repair would mend
    await house.services.sessions.create(SessionCreate(tool_id="t", workspace_path=str(workspace)), caller=None)
    await house.services.indexing.settle()
    await house.database.write(lambda db: db.execute("DELETE FROM search_documents"))
    before = everything_in(data)

    await house.services.doctor.examine(repair=False)

    assert everything_in(data) == before


class Machine(SystemMachine):
    """One with the limits, or the file system, that a test says."""

    def __init__(self, *, limits: list[Limit] | None = None, on: FileSystem | None = None) -> None:
        super().__init__()
        self._limits, self._on = limits or [], on

    def limits(self) -> list[Limit]:
        return self._limits

    def file_system(self, path: str) -> FileSystem | None:
        return self._on


async def test_a_limit_that_is_nearly_met_is_told_with_what_to_raise() -> None:
    wide = Limit(what="descriptors", used=20, most=1024, setting="`ulimit -n`")
    close = Limit(what="inotify watches", used=7_000, most=8_192, setting="`sysctl fs.inotify.max_user_watches`")

    well = await LimitsCheck(Machine(limits=[wide])).look()
    short = await LimitsCheck(Machine(limits=[wide, close])).look()

    assert (well.verdict, well.detail) == (Verdict.OK, "20 of 1,024 descriptors.")
    assert (short.verdict, short.hint) == (Verdict.WARN, "Raise `sysctl fs.inotify.max_user_watches`.")


@pytest.mark.parametrize(
    ("on", "verdict"),
    [
        (None, Verdict.OK),
        (FileSystem(kind="ext4", network=False, volatile=False), Verdict.OK),
        (FileSystem(kind="tmpfs", network=False, volatile=True), Verdict.WARN),
        (FileSystem(kind="nfs4", network=True, volatile=False), Verdict.FAIL),
    ],
)
async def test_what_the_database_lies_on_is_told(on: FileSystem | None, verdict: Verdict) -> None:
    assert (await FileSystemCheck(Machine(on=on), "/data").look()).verdict is verdict


@pytest.mark.needs("inotify")
def test_the_machine_counts_what_inotify_gave() -> None:
    found = {one.what: one for one in SystemMachine().limits()}

    assert found["descriptors"].used > 2
    assert 0 <= found["inotify watches"].used <= found["inotify watches"].most


def test_what_the_kernel_shows_is_read(tmp_path: Path) -> None:
    settings = tmp_path / "sys" / "fs" / "inotify"
    settings.mkdir(parents=True)
    (settings / "max_user_watches").write_text("100\n")
    for pid, watches in (("10", 3), ("11", 0)):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "fdinfo").mkdir()
        (tmp_path / pid / "fd" / "5").symlink_to("anon_inode:inotify")
        (tmp_path / pid / "fd" / "6").symlink_to("/dev/null")
        (tmp_path / pid / "fdinfo" / "5").write_text("pos:\t0\n" + "inotify wd:1 ino:2\n" * watches)

    found = {one.what: (one.used, one.most) for one in SystemMachine(tmp_path).limits()}

    assert found["inotify watches"] == (3, 100)
    assert "inotify instances" not in found, "that setting is not shown"

    (tmp_path / "sys" / "user").mkdir()
    (tmp_path / "sys" / "user" / "max_inotify_watches").write_text("7\n")
    (lower,) = [one for one in SystemMachine(tmp_path).limits() if one.what == "inotify watches"]
    assert (lower.most, lower.setting) == (7, "`sysctl user.max_inotify_watches`"), "the lower one counts"


async def test_a_task_that_fails_is_named(house: House) -> None:
    house.background.failing.add("digests")

    found = await examined(house, "tasks")

    assert found.finding.verdict is Verdict.FAIL
    assert "digests" in found.finding.detail


async def test_a_session_whose_process_nobody_watches_is_named(house: House, workspace: Path) -> None:
    process = house.processes.begin(4_000)
    begun, _ = await house.services.sessions.create(
        SessionCreate(
            tool_id="claude", workspace_path=str(workspace), process_id=process.identity.pid, session_id="s-1"
        ),
        caller=None,
    )

    well = await examined(house, "processes")
    house.liveness.unbind(begun.session_id)
    ill = await examined(house, "processes")

    assert (well.finding.verdict, well.finding.detail[:29]) == (Verdict.OK, "The process of each of 1 boun")
    assert ill.finding.verdict is Verdict.FAIL
    assert "s-1" in ill.finding.detail


async def test_a_log_that_does_not_begin_anew_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(house.database), "log_size", lambda _: 100_000_000)

    found = await LogCheck(house.database).look()

    assert found.verdict is Verdict.WARN


async def test_a_disk_that_did_not_confirm_is_told(house: House) -> None:
    house.database.sync_failed = True

    assert (await examined(house, "storing")).finding.verdict is Verdict.FAIL
