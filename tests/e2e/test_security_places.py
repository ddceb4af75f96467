"""The daemon's places against other users' tricks, and against an environment that says odd things."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.daemons import Daemon, mode_of, run_to_end, running
from tests.e2e.homes import OTHER_UID, Home

pytestmark = pytest.mark.needs("inotify")

_ESCAPES: Final = "a\nb\x1b[2J\u202e"


@pytest.mark.parametrize("flag", ["--data-dir", "--socket"])
def test_a_place_below_a_directory_that_everybody_may_write_to_is_refused(empty_home: Home, flag: str) -> None:
    loose = empty_home.base / "loose"
    loose.mkdir()
    loose.chmod(0o777)

    refused = run_to_end(empty_home, flag, str(loose / "mine" / "place"))

    assert refused.process.returncode == 1
    assert f"chmod go-w {loose}" in refused.log
    assert "Traceback" not in refused.log
    assert list(loose.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("omnimem.db", "link"), ("omnimem.db", "hard link"), ("omnimem.db-wal", "link"), ("omnimemd.lock", "hard link")],
)
def test_a_file_that_is_another_one_too_is_refused_and_untouched(empty_home: Home, name: str, kind: str) -> None:
    empty_home.data_dir.mkdir(parents=True, mode=0o700)
    precious = empty_home.base / "precious"
    precious.write_text("precious")
    precious.chmod(0o644)
    path = empty_home.data_dir / name
    path.symlink_to(precious) if kind == "link" else path.hardlink_to(precious)

    refused = run_to_end(empty_home)

    assert refused.process.returncode == 1
    assert str(path) in refused.log
    assert "Traceback" not in refused.log
    assert (precious.read_text(), mode_of(precious)) == ("precious", 0o644)


class TestSettings:
    def test_a_config_file_that_others_may_write_to_is_refused(self, empty_home: Home) -> None:
        empty_home.configure("")
        empty_home.config_file.chmod(0o666)

        refused = run_to_end(empty_home)

        assert refused.process.returncode == 2
        assert f"`chmod go-w {empty_home.config_file}`" in refused.log

    def test_a_config_file_in_a_directory_that_others_may_write_to_is_refused(self, empty_home: Home) -> None:
        empty_home.configure("")
        empty_home.config_file.parent.chmod(0o777)

        refused = run_to_end(empty_home)

        assert refused.process.returncode == 2
        assert f"`chmod go-w {empty_home.config_file.parent}`" in refused.log

    @pytest.mark.needs("root")
    def test_a_config_file_of_another_user_is_refused(self, empty_home: Home) -> None:
        empty_home.configure('data_dir = "/elsewhere"')
        os.chown(empty_home.config_file, OTHER_UID, OTHER_UID)

        refused = run_to_end(empty_home)

        assert refused.process.returncode == 2
        assert f"belongs to user {OTHER_UID}" in refused.log

    def test_a_pipe_for_a_config_file_does_not_hold_up_the_start(self, empty_home: Home) -> None:
        empty_home.config_file.parent.mkdir()
        os.mkfifo(empty_home.config_file)

        refused = run_to_end(empty_home)

        assert refused.process.returncode == 2
        assert str(empty_home.config_file) in refused.log

    def test_a_config_file_may_be_a_link_and_may_be_none(self, empty_home: Home) -> None:
        empty_home.config_file.parent.mkdir()
        kept = empty_home.base / "dotfiles.toml"
        kept.write_text('log_level = "warning"\n')
        empty_home.config_file.symlink_to(kept)
        with running(empty_home, "--log-level", "info"):
            pass
        with running(empty_home, environ={"OMNIMEM_CONFIG": os.devnull}):
            pass


class TestOddPlaces:
    def test_what_cannot_be_made_private_is_refused(self, empty_home: Home) -> None:
        refused = run_to_end(empty_home, "--data-dir", "/proc/self")

        assert refused.process.returncode == 1
        assert refused.log.startswith("omnimemd: /proc/self"), refused.log

    def test_a_name_that_is_no_utf8_is_refused(self, empty_home: Home) -> None:
        refused = run_to_end(empty_home, "--data-dir", os.fsdecode(os.fsencode(empty_home.base) + b"/\xff"))

        assert refused.process.returncode == 1
        assert "is no UTF-8" in refused.log
        assert "Traceback" not in refused.log

    def test_too_few_open_files_are_told(self, empty_home: Home) -> None:
        few = Daemon(empty_home, wrapper=("sh", "-c", 'ulimit -n 16; exec "$@"', "sh"))

        assert few.exit_status() == 1
        assert "too few open files are allowed" in few.log
        assert "Traceback" not in few.log

    def test_a_file_in_the_place_of_a_folder_is_named(self, empty_home: Home) -> None:
        empty_home.data_dir.mkdir(mode=0o700)
        (empty_home.data_dir / "barrier").touch()
        with running(empty_home) as daemon, daemon.client() as client:
            client.create_session(tool_id="t", workspace_path=str(empty_home.folder()))

            (problem,) = client.health().problems
            assert f"Remove what is at {empty_home.data_dir}/barrier." in problem


class TestPipes:
    @pytest.mark.parametrize("name", ["omnimem.db-run", "omnimem.db-run.new", "omnimem.db-wal"])
    def test_one_in_the_place_of_a_file_does_not_hold_up_the_start(self, empty_home: Home, name: str) -> None:
        empty_home.data_dir.mkdir(mode=0o700)
        os.mkfifo(empty_home.data_dir / name)

        refused = run_to_end(empty_home)

        assert refused.process.returncode == 1
        assert f"{name} is in the way and is no file" in refused.log

    @pytest.mark.parametrize("name", ["omnimem.db-run", "omnimem.db-run.new"])
    def test_one_that_is_laid_while_it_runs_does_not_hold_up_the_stop(self, empty_home: Home, name: str) -> None:
        with running(empty_home) as daemon:
            (empty_home.data_dir / name).unlink(missing_ok=True)
            os.mkfifo(empty_home.data_dir / name)
            daemon.stop()


class TestEnvironment:
    @pytest.mark.parametrize("home", ["", "relative"])
    def test_a_home_that_is_nowhere_is_refused(self, empty_home: Home, home: str) -> None:
        refused = run_to_end(empty_home, environ={"HOME": home, "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""})

        assert refused.process.returncode == 2
        assert "HOME" in refused.log
        assert "Traceback" not in refused.log

    def test_relative_xdg_directories_are_passed_over(self, empty_home: Home) -> None:
        relative = {"XDG_DATA_HOME": "here", "XDG_CONFIG_HOME": "./here"}
        with running(empty_home, environ=relative):
            assert (empty_home.home / ".local/share/omnimemd/omnimem.db").is_file()

    def test_a_tilde_is_the_home(self, empty_home: Home) -> None:
        with running(empty_home, environ={"OMNIMEM_DATA_DIR": "~/kept", "OMNIMEM_SOCKET": "~/run/s"}):
            assert (empty_home.home / "kept" / "omnimem.db").is_file()
            assert stat.S_ISSOCK((empty_home.home / "run" / "s").stat().st_mode)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("OMNIMEM_LOG_LEVEL", _ESCAPES),
            ("OMNIMEM_CONFIG", f"/{_ESCAPES}/x"),
            ("OMNIMEM_SOCKET", f"/dev/null/{_ESCAPES}/x"),
            ("OMNIMEM_DATA_DIR", f"/dev/null/{_ESCAPES}/x"),
            ("OMNIMEM_DATA_DIR", "/proc/self/fd/x/y"),
            ("OMNIMEM_DATA_DIR", "/" + "x" * 5000),
        ],
    )
    def test_what_is_odd_is_told_on_one_clean_line(self, empty_home: Home, name: str, value: str) -> None:
        daemon = run_to_end(empty_home, environ={name: value})

        assert daemon.process.returncode in (1, 2)
        assert len(daemon.log.splitlines()) == 1
        assert daemon.log.rstrip("\n").isprintable()
        assert daemon.log.startswith("omnimemd: ")


class TestImports:
    """A folder with traps: modules that leave a mark when they are imported."""

    _COMMAND: Final = Path(sys.executable).with_name("omnimem")

    @pytest.fixture
    def mark(self, empty_home: Home) -> Path:
        return empty_home.base / "mark"

    def run(self, home: Home, folder: Path, *arguments: str, **environ: str) -> int:
        return subprocess.run(
            [self._COMMAND, *arguments], cwd=folder, env=home.environ | environ, check=False
        ).returncode

    def test_nothing_is_imported_from_where_a_command_is_started(self, empty_home: Home, mark: Path) -> None:
        names = {*sys.stdlib_module_names, "omnimem", "omnimemd", "aiohttp", "apsw", "msgspec", "psutil", "h11"}
        trap = f"open({str(mark)!r}, 'a').write(__name__)\n"
        folder = empty_home.folder({f"{name}.py": trap for name in (*names, "sitecustomize", "usercustomize")})

        assert self.run(empty_home, folder, "start") == 0
        assert self.run(empty_home, folder, "status") == 0
        assert self.run(empty_home, folder, "stop") == 0

        assert not mark.exists()

    def test_a_daemon_that_is_started_imports_nothing_from_pythonpath(self, empty_home: Home, mark: Path) -> None:
        trap = f"import sys\nif 'omnimemd.daemon.main' in sys.orig_argv: open({str(mark)!r}, 'a')\n"
        folder = empty_home.folder({"sitecustomize.py": trap})

        assert self.run(empty_home, folder, "start", PYTHONPATH=str(folder)) == 0
        assert self.run(empty_home, folder, "stop") == 0

        assert not mark.exists()
