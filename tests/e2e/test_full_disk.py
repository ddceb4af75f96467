"""A data directory on a disk that is full: refused is refused, answered is kept, and it goes on once there is room."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from omnimem import Client, StoreUnavailable
from tests.e2e.daemons import Daemon, run_to_end, running
from tests.e2e.databases import assert_sound
from tests.e2e.disks import Disk
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import assert_consistent, touches
from tests.e2e.waiting import eventually
from tests.e2e.writes import Place, every_kind

pytestmark = pytest.mark.needs("inotify", "pidfd", "mounts")


@pytest.fixture
def disk(empty_home: Home) -> Iterator[Disk]:
    with Disk(empty_home.data_dir) as disk:
        yield disk


@pytest.fixture
def tools(empty_home: Home) -> Iterator[Programs]:
    tools = Programs(empty_home)
    yield tools
    tools.close()


def a_place(home: Home, client: Client, tools: Programs) -> Place:
    tool = tools.tool()
    session = client.create_session(tool_id="t", workspace_path=str(home.folder()), process_id=tool.pid)
    return Place(home, client, session, tool.pid)


def write_until_refused(place: Place, told: list[str]) -> StoreUnavailable:
    """Say things until one is refused; those that were answered are in *told*."""
    for _ in range(10_000):
        text = f"filling-{len(told)} " + "x" * 2000
        try:
            place.client.append_context(place.session.session_id, decision=text)
        except StoreUnavailable as error:
            return error
        told.append(text)
    raise AssertionError("the disk is not full")


def said(place: Place, *, of: str = "filling") -> list[str]:
    """Return the decisions of the session that begin with *of*, in their order."""
    every = assert_consistent(place.client, place.session.session_id)
    return [text for one in every if (text := getattr(one, "decision", None)) and text.startswith(of)]


def test_every_kind_of_write_is_refused_whole_and_goes_on_once_there_is_room(
    empty_home: Home, disk: Disk, tools: Programs
) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        place = a_place(empty_home, client, tools)
        writes = every_kind(place, "full")
        told: list[str] = []
        answered, refused = [], []
        disk.fill()
        for write in writes:
            error = write_until_refused(place, told)
            assert (error.status, error.code) == (503, "store_unavailable")
            try:
                write.send(place)
            except StoreUnavailable:
                refused.append(write)
            else:
                answered.append(write)
            assert write.effects(place) == (write in answered), write.kind.name
        assert len(refused) > len(answered), "the disk was hardly full"
        write_until_refused(place, told)
        health = place.client.health()
        assert (health.status, health.problems) == ("degraded", ["Nothing can be stored: the disk is full."])
        Path(place.session.workspace_path, "meanwhile.txt").write_text("x")

        disk.make_room()

        eventually(lambda: client.health().status == "ok", "it is well again", within=5)
        for write in writes:
            assert write.effects(place) == (write in answered), write.kind.name
            if write in refused:
                write.send(place)
            assert write.effects(place) == 1, write.kind.name
        assert ("create", "meanwhile.txt") in touches(place.client, place.session)
        assert said(place) == told
        daemon.stop()
    assert_sound(empty_home)


def test_a_disk_that_is_full_at_the_stop_takes_nothing_that_was_answered(
    empty_home: Home, disk: Disk, tools: Programs
) -> None:
    told: list[str] = []
    with running(empty_home) as daemon, daemon.client() as client:
        place = a_place(empty_home, client, tools)
        disk.fill()
        write_until_refused(place, told)
        daemon.stop()
    assert_sound(empty_home)

    disk.make_room()
    with running(empty_home) as daemon, daemon.client() as client:
        assert said(Place(empty_home, client, place.session, place.process_id)) == told
        assert client.get_session(place.session.session_id).ended_at is None


@pytest.mark.parametrize("but", [0, 4096, 20 * 4096])
def test_a_disk_that_is_full_at_the_start_damages_nothing(
    empty_home: Home, disk: Disk, tools: Programs, but: int
) -> None:
    told = ["something"]
    with running(empty_home) as daemon, daemon.client() as client:
        place = a_place(empty_home, client, tools)
        client.append_context(place.session.session_id, decision=told[0])
        daemon.kill()
    disk.fill(but=but)

    daemon = Daemon(empty_home)
    try:
        eventually(lambda: daemon.is_ready() or daemon.process.poll() is not None, "it starts, or says why not")
        if daemon.process.poll() is None:
            with daemon.client() as client:
                for text in ("one more", "and another"):
                    with suppress(StoreUnavailable):
                        client.append_context(place.session.session_id, decision=text)
                        told.append(text)
            daemon.stop()
        else:
            assert daemon.exit_status() == 1
            assert "Traceback" not in daemon.log, daemon.log
            assert "full" in daemon.log or "No space left" in daemon.log, daemon.log
    finally:
        daemon.kill()

    disk.make_room()
    with running(empty_home) as daemon, daemon.client() as client:
        assert said(Place(empty_home, client, place.session, place.process_id), of="") == told
        assert client.health().status == "ok"
    assert_sound(empty_home)


def test_a_new_daemon_on_a_full_disk_says_so(empty_home: Home, disk: Disk) -> None:
    disk.fill()
    daemon = run_to_end(empty_home)
    assert daemon.exit_status() == 1
    assert "Traceback" not in daemon.log, daemon.log
    assert "full" in daemon.log or "No space left" in daemon.log, daemon.log

    disk.make_room()
    with running(empty_home) as daemon, daemon.client() as client:
        assert client.health().status == "ok"
