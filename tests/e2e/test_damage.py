"""A daemon whose files were damaged after a `kill -9` starts, and says what is gone wherever one looks."""

import pytest

from omnimem.model import EntryKind, GapEntry
from tests.e2e.daemons import running
from tests.e2e.homes import Home

pytestmark = pytest.mark.needs("inotify", "pidfd")


def test_a_damaged_log_is_told_on_stderr_in_health_in_status_and_in_the_session(empty_home: Home) -> None:
    with running(empty_home) as daemon, daemon.client() as client:
        session = client.create_session(tool_id="t", workspace_path=str(empty_home.folder()), session_id="s-1")
        client.create_memory("p", key="kept", value="v")
        daemon.kill()
    log = empty_home.database.with_name("omnimem.db-wal")
    content = bytearray(log.read_bytes())
    content[-2000] ^= 1
    log.write_bytes(content)

    with running(empty_home) as daemon, daemon.client() as client:
        (loss,) = client.status().losses
        gaps = client.list_entries(session.session_id, kind=EntryKind.GAP).entries
        problems = client.health().problems
        client.create_memory("p", key="again", value="v")
        client.repair()
        seen, after = client.status().losses, client.health().problems
        daemon.stop()  # its log has an ERROR, as it should

    assert loss.reason == "log_damaged"
    assert loss.kept is not None
    assert (empty_home.data_dir / loss.kept / "omnimem.db-wal").read_bytes() == bytes(content)
    assert "PART OF THE DATABASE IS LOST" in daemon.log
    assert any(loss.kept in problem for problem in problems)
    assert [gap.reason for gap in gaps if isinstance(gap, GapEntry)].count("log_damaged") == 1
    assert [one.seen for one in seen] == [True]
    assert not any(loss.kept in problem for problem in after)


def test_a_kill_alone_is_no_loss(empty_home: Home) -> None:
    for number in range(3):
        with running(empty_home) as daemon, daemon.client() as client:
            client.create_memory("p", key=f"k-{number}", value="v")
            assert client.status().losses == []
            daemon.kill()

    assert not (empty_home.data_dir / "quarantine").exists()
