"""The end of a login, and of the machine's run: what was answered is kept, and no process is taken for another."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator

import pytest

from omnimem.model import EndReason, SessionState
from tests.e2e.daemons import STOP_SECONDS, Daemon, running
from tests.e2e.databases import assert_sound
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import entries, millis
from tests.e2e.test_kill_nine import assert_told, writing
from tests.e2e.waiting import eventually, now_ms

pytestmark = pytest.mark.needs("inotify", "pidfd")

_BOOT = "/proc/sys/kernel/random/boot_id"


@pytest.fixture
def programs(empty_home: Home) -> Iterator[Programs]:
    programs = Programs(empty_home)
    yield programs
    programs.close()


def in_boot(home: Home, number: int) -> tuple[str, ...]:
    """Return a wrapper in which the machine was started the *number*th time; only the daemon sees it so."""
    file = home.base / f"boot-{number}"
    file.write_text(f"0b007{number:03}-0000-4000-8000-000000000000\n")
    return "unshare", "-m", "sh", "-c", f'mount --bind "{file}" {_BOOT} && exec "$@"', "sh"


@pytest.mark.needs("mounts")
@pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill])
def test_a_reboot_ends_its_sessions_also_where_a_process_looks_the_same(
    empty_home: Home, programs: Programs, end: Callable[[Daemon], object]
) -> None:
    workspace = str(empty_home.folder())
    tool = programs.tool()  # stands for one of the next boot that has its pid and was started at the same tick
    with running(empty_home, wrapper=in_boot(empty_home, 1)) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid)
        client.append_context(session.session_id, decision="said before")
        end(daemon)
        down = now_ms()

    with running(empty_home, wrapper=in_boot(empty_home, 2)) as daemon, daemon.client() as client:
        after = client.get_session(session.session_id)
        assert (after.state, after.end_reason) == (SessionState.ENDED, EndReason.REBOOT)
        assert millis(session.created_at) <= millis(after.ended_at) <= down
        assert "said before" in {getattr(one, "decision", None) for one in entries(client, session.session_id)}
        anew = client.create_session(tool_id="t", workspace_path=workspace, process_id=tool.pid)
        assert anew.session_id != session.session_id

        tool.kill()

        eventually(lambda: client.get_session(anew.session_id).end_reason, "the new one ends with its process")
        assert client.get_session(session.session_id) == after
    assert_sound(empty_home)


def test_a_logout_that_takes_everything_at_once_loses_nothing_that_was_answered(
    empty_home: Home, programs: Programs
) -> None:
    workspace = empty_home.folder()
    tool = programs.tool()
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(workspace), process_id=tool.pid)
        with writing(empty_home, session, name="logout") as writers:
            writers.wait_for(100)

            # As at the end of a user's last session: everybody is told at once, and the runtime directory goes.
            tool.send_signal(signal.SIGTERM)
            os.kill(daemon.pid, signal.SIGTERM)
            shutil.rmtree(empty_home.runtime)

            assert daemon.exit_status(within=STOP_SECONDS) == 0, daemon.log
            told = writers.told()
        assert not daemon.complaints(), daemon.log
    down = now_ms()
    assert_sound(empty_home)

    empty_home.runtime.mkdir(mode=0o700)
    with running(empty_home) as daemon, daemon.client() as client:
        after = client.get_session(session.session_id)
        assert (after.state, after.end_reason) == (SessionState.ENDED, EndReason.PROCESS_EXITED)
        assert millis(after.ended_at) <= down
        assert_told(client, session, told.answered, told.in_doubt)
