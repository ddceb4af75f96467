"""What a user loses who removes, moves or cuts what the daemon has open: nothing, or what is told."""

import os
import signal
from collections.abc import Callable

import pytest

from omnimem import Client
from omnimem.errors import ConnectionLost, StoreUnavailable
from tests.e2e.daemons import mode_of, running
from tests.e2e.homes import Home
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify")


def remove_database(home: Home) -> None:
    for file in home.data_dir.glob("omnimem.db*"):
        file.unlink()


def remember(client: Client, key: str) -> bool:
    """Say something; return whether it was taken."""
    try:
        client.create_memory("p", key=key, value="v")
    except StoreUnavailable:
        return False
    return True


def kept(client: Client) -> set[str]:
    return {memory.memory_key for memory in client.list_memories("p").memories}


def test_a_database_that_is_removed_while_in_use_is_put_back(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        answered = {f"before-{number}" for number in range(10)}
        assert all(remember(client, key) for key in answered)
        remove_database(empty_home)

        eventually(lambda: remember(client, "after"), "it takes writes again")

        assert kept(client) >= answered | {"after"}
        (loss,) = client.status().losses
        assert loss.restored_from is not None
        assert mode_of(empty_home.database) == 0o600
        daemon.kill()  # its log has an ERROR, as it should
    assert "the database is not in its place" in daemon.log
    with running(empty_home) as daemon, daemon.client() as client:
        assert kept(client) >= answered | {"after"}
        assert len(client.status().losses) == 1


def test_one_that_is_removed_just_before_a_stop_is_put_back_at_the_next_start(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        assert remember(client, "one")
        remove_database(empty_home)
        daemon.stop()
    with running(empty_home) as daemon, daemon.client() as client:
        assert kept(client) == {"one"}
        daemon.kill()


def test_a_wal_index_that_is_cut_ends_the_daemon_and_costs_nothing_that_was_answered(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        answered = {f"before-{number}" for number in range(5)}
        assert all(remember(client, key) for key in answered)

        os.truncate(f"{empty_home.database}-shm", 0)  # SQLite has it mapped: mmap(2), SIGBUS
        with pytest.raises(ConnectionLost):
            remember(client, "not answered")

        assert daemon.exit_status() == -signal.SIGBUS
    with running(empty_home) as daemon, daemon.client() as client:
        assert kept(client) >= answered
        assert client.status().losses == []


def cut(home: Home) -> None:
    os.truncate(home.database, 0)


def move_folder(home: Home) -> None:
    home.data_dir.rename(home.data_dir.with_name("away"))


@pytest.mark.parametrize("happen", [cut, move_folder])
def test_what_cannot_be_stored_is_refused_and_never_a_bug(empty_home: Home, happen: Callable[[Home], None]) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        assert remember(client, "one")
        client.create_backup()
        assert remember(client, "two")
        log = empty_home.database.with_name("omnimem.db-wal").stat().st_ino
        happen(empty_home)

        health = client.health()
        assert health.status == "degraded"
        assert not any("bug" in problem for problem in health.problems)
        assert not remember(client, "three")
        client.checks()
        assert not remember(client, "four")
        daemon.kill()
    assert "Traceback" not in daemon.log

    if happen is cut:
        assert empty_home.database.with_name("omnimem.db-wal").stat().st_ino == log
        with running(empty_home) as daemon, daemon.client() as client:
            (loss,) = client.status().losses
            assert "one" in kept(client)
            assert "three" not in kept(client)
            daemon.kill()
        assert loss.restored_from is not None
    else:  # nobody makes it anew, with whatever mode
        assert not empty_home.data_dir.exists()
