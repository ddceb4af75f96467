"""`omnimem debug bundle`: what helps is in it, and nothing of anybody's."""

import stat
import tarfile
from pathlib import Path

from tests.cli.home import Home

#: In every place where a user's text can be; each is unlike any word of the program's.
MARK = "zqxjv"


def contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {one.name: file.read() for one in tar if (file := tar.extractfile(one)) is not None}


def plant(home: Home) -> None:
    """Have a mark wherever a user's text can be."""
    folder = home.path / "src" / f"{MARK}-project with {MARK} spaces"
    folder.mkdir()
    config = home.path / ".config" / "omnimemd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'workspaces = ["{folder}"]\ntools = ["{MARK}tool"]\n')
    units = home.path / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "omnimemd.service").write_text(f'[Service]\nExecStart="/opt/{MARK} dir/omnimemd"\nEnvironment={MARK}=1\n')
    home.start()
    with home.client() as client:
        session = client.create_session(
            tool_id=f"{MARK}-tool", workspace_path=str(folder), session_id=f"{MARK}-s", metadata={MARK: MARK}
        )
        client.append_context(session.session_id, decision=f"{MARK} is decided", search_query=f"where is {MARK}")
        client.append_context(session.session_id, file_path=f"{folder}/{MARK}.py")
        client.create_memory(session.project_id, key=f"{MARK}-key", value=f"the {MARK} value", metadata={"a": MARK})
        client.update_project(session.project_id, name=f"{MARK} name")
    with home.log.open("a") as log:
        log.write(f"2026-01-01T00:00:00.000Z ERROR it broke path='/w/{MARK} x/{MARK}' key={MARK} {MARK}: {MARK}\n")
        log.write(f'  File "/home/{MARK}/x.py", line 3, in f\nValueError: {MARK} /a/{MARK} b\n')


def test_nothing_of_anybodys_is_in_it(home: Home) -> None:
    plant(home)

    done = home.omnimem("debug", "bundle", "-o", "out.tar.gz", USER=f"{MARK}user", HOSTNAME=f"{MARK}host")

    path = home.app / "out.tar.gz"
    found = contents(path)
    assert done.status == 0, done.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    names = {name.removeprefix("omnimem-bundle/") for name in found}
    assert names >= {
        "about.json",
        "settings.json",
        "doctor.json",
        "status.json",
        "metrics.txt",
        "counts.json",
        "log.txt",
    }
    assert [name for name, content in found.items() if MARK.encode() in content.lower()] == []
    assert [name for name, content in found.items() if home.path.name.encode() in content] == []
    assert b"ERROR it broke path=<" in found["omnimem-bundle/log.txt"], "what helps is kept"
    assert b'"verdict": "fail"' in found["omnimem-bundle/doctor.json"]
    assert b"ExecStart" in found["omnimem-bundle/service/omnimemd.service"]


def test_it_needs_no_daemon_and_a_list_writes_nothing(home: Home) -> None:
    listed = home.omnimem("debug", "bundle", "--list")
    written = list(home.app.iterdir())
    made = home.omnimem("debug", "bundle")

    assert (listed.status, written) == (0, [])
    assert "doctor.json" in listed.err
    assert made.status == 0
    assert "omnimem-bundle/doctor.json" in contents(home.app / "omnimem-bundle.tar.gz")
