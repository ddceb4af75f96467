"""`omnimem doctor`: a line for each check, and the exit status that goes with them."""

import msgspec

from omnimem.model import Checkup
from tests.cli.home import Home


def test_every_check_has_a_line(home: Home) -> None:
    home.start()

    done = home.omnimem("doctor")

    assert (done.status, done.err) == (0, "")
    assert [line.split()[:2] for line in done.lines] == [
        ["ok", name] for name in ("files", "disk", "storing", "watching", "search", "sessions", "entries", "database")
    ]


def test_what_is_wrong_fails_and_is_mended(home: Home) -> None:
    home.start()
    (home.path / ".local/share/omnimemd/omnimem.db").chmod(0o644)

    ill = home.omnimem("doctor")
    mended = home.omnimem("doctor", "--repair")
    again = home.omnimem("doctor", "--quiet")

    assert ill.status == 1
    assert "--repair" in ill.out
    assert "1 check failed" in ill.err
    assert mended.status == 0, mended.err
    assert "Mended: Took ~" in mended.out or "Mended: Took /" in mended.out
    assert (again.status, again.out) == (0, "")


def test_without_a_daemon_it_says_what_the_last_one_said(home: Home) -> None:
    home.start()
    home.omnimem("stop")

    done = home.omnimem("doctor")
    told = msgspec.json.decode(home.omnimem("doctor", "--json").out, type=Checkup)

    assert done.status == 3
    assert done.lines[0].startswith("fail  daemon")
    assert "stopped" in done.lines[-1]
    assert "omnimem start" in done.err
    assert not told.sound
