"""`omnimem doctor`: what it sees from outside and from inside, what it says, and that to look changes nothing."""

import hashlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from omnimem.model import Checkup, Verdict
from tests.cli.home import Done, Home
from tests.e2e.waiting import eventually

#: What the command looks at by itself, and what the daemon does, in their order.
OUTSIDE = ("versions", "hooks", "settings", "service", "socket", "lock", "permissions", "log", "daemon")
INSIDE = (
    *("files", "disk", "file system", "limits", "watching", "tasks", "processes"),
    *("storing", "log of writes", "search", "sessions", "entries"),
    *("losses", "set aside", "backups", "database"),
)


def told(home: Home, *flags: str, status: int) -> dict[str, Verdict]:
    """What each check finds."""
    done = home.omnimem("doctor", "--json", *flags)
    assert done.status == status, done
    return {one.name: one.verdict for one in msgspec.json.decode(done.out, type=Checkup).checks}


def line_of(done: Done, name: str) -> str:
    """The line of a check, with those that belong to it."""
    found = re.search(rf"^\w+ +{name}  (.*\n(?: +.*\n)*)", done.out + "\n", re.MULTILINE)
    assert found, done.out
    return found[1]


def everything_in(folder: Path) -> dict[str, object]:
    """What is in a folder, byte for byte, with modes and times; SQLite's shared memory is no file's content."""
    found: dict[str, object] = {}
    for path in [folder, *folder.rglob("*")]:
        if not path.name.endswith("-shm"):
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            found[str(path)] = content, path.lstat().st_mode, path.lstat().st_mtime_ns
    return found


def test_every_check_has_a_line_and_the_last_one_counts_them(home: Home) -> None:
    home.start()

    done = home.omnimem("doctor")

    assert (done.status, done.err) == (0, "")
    *lines, empty, last = done.lines
    names = [found[1] for line in lines if (found := re.match(r"(?:ok|warn)  +(\S+(?: \S+)*?)  ", line))]
    assert names == [*OUTSIDE, *INSIDE]
    assert empty == ""
    assert last.startswith(f"{len(names)} checks: ")
    assert last.endswith(", 0 failed")


def test_to_look_changes_nothing(home: Home) -> None:
    home.start()
    home.omnimem("memory", "add", "key", "value")
    with home.client() as client:
        client.flush()
        eventually(lambda: client.status().search.waiting == 0, "what was said is indexed")
        before = everything_in(home.path)
        running = home.omnimem("doctor")
        assert everything_in(home.path) == before
    home.omnimem("stop")
    (home.path / "run" / "omnimemd").chmod(0o755)
    before = everything_in(home.path)

    stopped = home.omnimem("doctor")

    assert (running.status, stopped.status) == (0, 3)
    assert everything_in(home.path) == before


def test_what_is_wrong_fails_and_is_mended(home: Home) -> None:
    home.start()
    (home.path / ".local/share/omnimemd/omnimem.db").chmod(0o644)

    ill = home.omnimem("doctor")
    mended = home.omnimem("doctor", "--repair")
    again = home.omnimem("doctor", "--quiet")

    assert ill.status == 1
    assert "--repair" in line_of(ill, "permissions")
    assert "2 checks failed" in ill.err
    assert mended.status == 0, mended.err
    assert "Mended: Took " in mended.out
    assert (again.status, again.out) == (0, "")


def test_without_a_daemon_it_looks_at_everything_around_it(home: Home) -> None:
    home.start()
    home.omnimem("stop")
    (home.path / "run" / "omnimemd").chmod(0o755)

    done = home.omnimem("doctor")
    found = told(home, status=3)
    mended = home.omnimem("doctor", "--repair")

    assert done.status == 3
    assert "omnimem start" in done.err
    assert tuple(found) == OUTSIDE
    assert (found["daemon"], found["permissions"], found["socket"]) == (Verdict.FAIL, Verdict.FAIL, Verdict.WARN)
    assert "stopped" in line_of(done, "log")
    assert "Mended: Took " in line_of(mended, "permissions")
    assert (home.path / "run" / "omnimemd").stat().st_mode & 0o777 == 0o700


def test_settings_that_keep_it_from_starting_are_named(home: Home) -> None:
    config = home.path / ".config" / "omnimemd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("log_levle = 'info'\n")

    done = home.omnimem("doctor")

    assert done.status == 3
    assert "log_levle" in line_of(done, "settings")


@contextmanager
def listening(home: Home, answer: bytes | None) -> Iterator[None]:
    """Have something else answer on the socket: nothing at all, or those bytes."""
    home.socket.parent.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home.socket))
    home.socket.chmod(0o600)
    listener.listen(64)

    def answering() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(4096) and answer is not None:
                    connection.sendall(answer)

    thread = threading.Thread(target=answering, daemon=True)
    if answer is not None:
        thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "does not answer within"),
        (b"HTTP/1.1 404 Not Found\r\nOmnimem-Version: 99.0\r\nContent-Length: 0\r\n\r\n", "It is omnimemd 99.0"),
        (b"HTTP/1.1 403 Forbidden\r\nOmnimem-Version: 0.1\r\nContent-Length: 0\r\n\r\n", "It refuses you"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "What answers is no omnimemd"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "What answers is no omnimemd"),
    ],
    ids=["hangs", "of another version", "refuses", "another server", "no HTTP"],
)
def test_whatever_answers_is_told_of_and_the_rest_is_looked_at(home: Home, answer: bytes | None, says: str) -> None:
    with listening(home, answer):
        done = home.omnimem("doctor")

    assert done.status == 1, done
    assert says in line_of(done, "daemon")
    assert line_of(done, "versions")


def test_a_socket_that_was_left_over_and_one_that_is_none_are_told_apart(home: Home) -> None:
    with listening(home, None):
        pass
    left_over = home.omnimem("doctor")
    home.socket.unlink()
    home.socket.write_text("")
    none = home.omnimem("doctor")

    assert "left over" in line_of(left_over, "socket")
    assert "is no socket" in line_of(none, "socket")
    assert (left_over.status, none.status) == (3, 3)


def test_a_lock_that_is_kept_by_one_who_does_not_listen_is_told_with_its_pid(home: Home) -> None:
    home.start()
    (pid,) = home.daemons()
    home.socket.unlink()

    done = home.omnimem("doctor")
    os.kill(pid, 15)

    assert f"pid {pid}" in line_of(done, "lock")
    assert f"kill {pid}" in line_of(done, "lock")


def test_a_service_that_starts_what_is_gone_is_told(home: Home) -> None:
    units = home.path / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "omnimemd.service").write_text('[Service]\nExecStart="/nowhere/bin/omnimemd"\n')

    done = home.omnimem("doctor")

    assert "/nowhere/bin/omnimemd, which is not there" in line_of(done, "service")
    assert "omnimem service install" in line_of(done, "service")


def test_a_service_that_is_not_enabled_is_told(home: Home) -> None:
    units = home.path / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    for name in ("service", "socket"):
        (units / f"omnimemd.{name}").write_text('[Service]\nExecStart="/bin/true"\n')

    done = home.omnimem("doctor")

    assert "not enabled" in line_of(done, "service")


def test_two_installations_are_told(home: Home) -> None:
    other = home.path / "other"
    other.mkdir()
    (other / "omnimem").write_text("#!/bin/sh\n")
    (other / "omnimem").chmod(0o700)

    done = home.omnimem("doctor", PATH=f"{home.environ['PATH']}:{other}")

    assert "Several are on PATH" in line_of(done, "versions")


def test_what_shells_and_agents_were_told_is_named(home: Home) -> None:
    (home.path / ".bashrc").write_text('eval "$(omnimem shell init bash)"\n')

    assert "~/.bashrc" in line_of(home.omnimem("doctor"), "hooks")


def test_the_last_complaint_of_the_log_is_shown(home: Home) -> None:
    home.log.parent.mkdir(mode=0o700)
    home.log.write_text("2026-01-01T00:00:00.000Z ERROR it broke badly\n2026-01-01T00:00:01.000Z INFO stopped\n")

    assert "it broke badly" in line_of(home.omnimem("doctor"), "log")
