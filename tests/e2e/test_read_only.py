"""A data directory that cannot be written: read-only at the start, or from some moment on."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from omnimem import StoreUnavailable
from tests.e2e.daemons import run_to_end, running
from tests.e2e.databases import assert_sound
from tests.e2e.disks import Disk, FailingDisk
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import assert_consistent
from tests.e2e.writes import Place, every_kind

pytestmark = pytest.mark.needs("inotify", "pidfd", "mounts")


@pytest.fixture
def programs(empty_home: Home) -> Iterator[Programs]:
    programs = Programs(empty_home)
    yield programs
    programs.close()


def decisions(place: Place) -> list[str]:
    every = assert_consistent(place.client, place.session.session_id)
    return [text for one in every if (text := getattr(one, "decision", None))]


def looked_over(home: Home) -> list[dict[str, str]]:
    """Return what `omnimem doctor` finds without a daemon."""
    command = [sys.executable, "-m", "omnimemd.cli.main", "doctor", "--json"]
    done = subprocess.run(command, env=home.environ, capture_output=True, check=False)
    return list(json.loads(done.stdout)["checks"])


@pytest.mark.parametrize("is_new", [True, False])
def test_read_only_at_the_start_is_said_and_changes_nothing(empty_home: Home, is_new: bool) -> None:
    with Disk(empty_home.data_dir) as disk:
        if not is_new:
            with running(empty_home) as daemon, daemon.client() as client:
                client.create_memory("p", key="k", value="before")
        disk.forbid_writing()

        refused = run_to_end(empty_home)

        assert refused.exit_status() == 1
        assert "Traceback" not in refused.log, refused.log
        assert str(empty_home.data_dir) in refused.log, refused.log
        assert "Read-only file system" in refused.log, refused.log
        (room,) = [one for one in looked_over(empty_home) if one["name"] == "room"]
        assert (room["verdict"], "read-only" in room["detail"]) == ("fail", True)
        disk.allow_writing()
        with running(empty_home) as daemon, daemon.client() as client:
            assert client.health().status == "ok"
            found = [one.memory_value for one in client.list_memories("p").memories]
            assert found == ([] if is_new else ["before"])


@pytest.mark.needs("ext4")
def test_a_disk_that_turns_read_only_costs_nothing_that_was_answered(empty_home: Home, programs: Programs) -> None:
    tool = programs.tool()
    with FailingDisk(empty_home.data_dir, empty_home.base / "disk") as disk:
        with running(empty_home) as daemon, daemon.client() as client:
            session = client.create_session(
                tool_id="t", workspace_path=str(empty_home.folder()), process_id=tool.pid, session_id="s-1"
            )
            place = Place(empty_home, client, session, tool.pid)
            writes = every_kind(place, "read-only")
            client.append_context(session.session_id, decision="before")

            disk.fail()

            for write in writes:
                with pytest.raises(StoreUnavailable):
                    write.send(place)
            health = client.health()
            assert health.status == "degraded"
            assert health.problems[0] == "Nothing can be stored: the file system is read-only."
            assert "before" in {getattr(one, "decision", None) for one in client.list_entries("s-1").entries}
            daemon.stop()
            assert "Traceback" not in daemon.log, daemon.log
        refused = run_to_end(empty_home)
        assert refused.exit_status() == 1
        assert "Read-only file system" in refused.log, refused.log

        disk.repair()

        with running(empty_home) as daemon, daemon.client() as client:
            place = Place(empty_home, client, session, tool.pid)
            assert client.health().status == "ok"
            assert decisions(place)[-1] == "before"
            for write in writes:
                assert write.effects(place) == 0, write.kind.name
                write.send(place)
                assert write.effects(place) == 1, write.kind.name
            daemon.stop()  # what was seen and not on the disk yet may be lost with such a disk, and is told as an error
            assert "Traceback" not in daemon.log, daemon.log
        assert_sound(empty_home)
