"""A save is one write of the file, whatever the editor or tool does for it; made anew, it is one creation."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from omnimem import Client
from omnimem.model import Session
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.recorded import Touch, touches

pytestmark = pytest.mark.needs("inotify")

Save = Callable[[Path], None]


def over(temporary: str) -> Save:
    """Return a save that writes a file of this name beside the real one and renames it over that."""

    def save(path: Path) -> None:
        beside = path.with_name(temporary)
        with beside.open("x") as file:
            file.write("new\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    return save


def in_place(path: Path) -> None:
    """VS Code, prettier, black, ruff, shells."""
    path.write_text("new\n")


def truncated_first(path: Path) -> None:
    """Node's fs with flag r+: truncate, write, in one descriptor."""
    with path.open("r+") as file:
        file.truncate()
        file.write("new\n")


def written_in_pieces(path: Path) -> None:
    with path.open("w") as file:
        for _ in range(50):
            file.write("piece\n")
            file.flush()


def nano_with_backup_and_lock(path: Path) -> None:
    lock = path.with_name(f".{path.name}.swp")
    lock.write_bytes(b"b0nano")
    shutil.copyfile(path, path.with_name(f"{path.name}~"))
    path.write_text("new\n")
    lock.unlink()


def emacs(path: Path) -> None:
    """Lock, auto-save, backup by renaming, write, clean up."""
    lock, saved = path.with_name(f".#{path.name}"), path.with_name(f"#{path.name}#")
    lock.symlink_to("me@here.1234:5678")
    saved.write_text("half")
    path.rename(path.with_name(f"{path.name}~"))
    path.write_text("new\n")
    saved.unlink()
    lock.unlink()


def emacs_backup_by_copying(path: Path) -> None:
    lock = path.with_name(f".#{path.name}")
    lock.symlink_to("me@here.1234:5678")
    shutil.copyfile(path, path.with_name(f"{path.name}~"))
    path.write_text("new\n")
    lock.unlink()


def jetbrains(path: Path) -> None:
    new, old = path.with_name(f"{path.name}___jb_tmp___"), path.with_name(f"{path.name}___jb_old___")
    new.write_text("new\n")
    path.rename(old)
    new.rename(path)
    old.unlink()


def gedit_with_backup(path: Path) -> None:
    """GIO: the new text, the old one kept as a backup, then the new one over it."""
    new = path.with_name(".goutputstream-A1B2C3")
    new.write_text("new\n")
    backup = path.with_name(f"{path.name}~")
    backup.unlink(missing_ok=True)
    backup.hardlink_to(path)
    new.rename(path)


def kate(path: Path) -> None:
    """Its swap file, then Qt's QSaveFile."""
    swap = path.with_name(f".{path.name}.kate-swp")
    swap.write_text("swap")
    over(f"{path.name}.qXyZwv")(path)
    swap.unlink()


def helix(path: Path) -> None:
    backup = path.with_name(f"{path.name}Ab3dEf.bck")
    path.rename(backup)
    path.write_text("new\n")
    backup.unlink()


def gofmt(path: Path) -> None:
    backup = path.with_name(f"{path.name}.1234567890")
    backup.write_text("old\n")
    path.write_text("new\n")
    backup.unlink()


def perl_in_place(path: Path) -> None:
    with path.open() as old:
        path.unlink()
        path.write_text(old.read() + "new\n")


SAVES: dict[str, Save] = {
    "in place": in_place,
    "truncated first": truncated_first,
    "in pieces": written_in_pieces,
    "VS Code, atomic": over("a.py.vsctmp"),
    "nano": nano_with_backup_and_lock,
    "emacs": emacs,
    "emacs, backup by copying": emacs_backup_by_copying,
    "JetBrains": jetbrains,
    "gedit": over(".goutputstream-A1B2C3"),
    "gedit, with backup": gedit_with_backup,
    "kate": kate,
    "Sublime Text": over(".subl3f2.tmp"),
    "helix": helix,
    "zed": over(".tmpAb3dEf"),
    "Python, NamedTemporaryFile": over("tmpab12_x9z"),
    "Python, atomicwrites": over("tmpab12_x9z"),
    "write-file-atomic": over("a.py.2871923847"),
    "an agent": over("a.py.tmp.4711.1700000000000"),
    "rsync": over(".a.py.Ab3dEf"),
    "sed": over("sedAb3dEf"),
    "clang-format": over("a.py-5f3a2b1c.tmp"),
    "patch": over("a.py.oXk3mPq"),
    "gofmt": gofmt,
    "perl -i": perl_in_place,
}


def changes(client: Client, session: Session) -> list[Touch]:
    return [touch for touch in touches(client, session) if touch.access != "read"]


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES.keys())
def test_a_save_is_one_write(client: Client, home: Home, save: Save) -> None:
    folder = home.folder({"a.py": "old\n", "b.py": "other\n"})
    session = client.create_session(tool_id="t", workspace_path=str(folder))

    for _ in range(3):
        save(folder / "a.py")
        client.flush()

    assert changes(client, session) == [Touch("write", "a.py")] * 3


def test_a_checkout_writes_what_differs(client: Client, home: Home, programs: Programs) -> None:
    folder = home.folder({"a.py": "old\n", "b.py": "same\n"})
    git = ("git", "-C", str(folder))
    programs.run(*git, "init", "-q")
    programs.run(*git, "add", ".")
    programs.run(*git, "commit", "-qm", "one")
    programs.run(*git, "checkout", "-qb", "other")
    (folder / "a.py").write_text("other\n")
    (folder / "c.py").write_text("new\n")
    programs.run(*git, "add", ".")
    programs.run(*git, "commit", "-qm", "two")
    session = client.create_session(tool_id="t", workspace_path=str(folder))

    programs.run(*git, "checkout", "-q", "-")

    assert sorted(changes(client, session)) == [Touch("delete", "c.py"), Touch("write", "a.py")]


@pytest.mark.needs("vim")
@pytest.mark.parametrize(
    "how", ["", "backup", "backupcopy=no", "backupcopy=yes", "nowritebackup", "undofile", "backup undofile"]
)
def test_vim_saves(client: Client, home: Home, programs: Programs, how: str) -> None:
    folder = home.folder({"a.py": "old\n"})
    session = client.create_session(tool_id="t", workspace_path=str(folder))

    for number in range(3):
        settings = [flag for one in how.split() for flag in ("-c", f"set {one}")]
        programs.run("vim", "-Nu", "NONE", "-es", *settings, "-c", f"normal o{number}", "-c", "wq", folder / "a.py")
        client.flush()

    assert len((folder / "a.py").read_text().splitlines()) == 4
    assert changes(client, session) == [Touch("write", "a.py")] * 3
