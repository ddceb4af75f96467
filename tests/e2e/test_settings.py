"""Where the daemon takes its settings from, and what it says of mistakes in them."""

import pytest

from omnimem import CallFailed, Client, __version__
from tests.e2e.daemons import Daemon, run_to_end, running
from tests.e2e.homes import Home
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.needs("inotify")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sokcet = 'x'", ["sokcet", "socket"]),
        ("log_levle = 'debug'", ["log_levle", "log_level"]),
        ("ambient_idle_minutes = 'thirty'", ["ambient_idle_minutes", "float"]),
        ("ambient_idle_minutes = 0", ["ambient_idle_minutes"]),
        ("ambient_idle_minutes = nan", ["ambient_idle_minutes"]),
        ("ambient_idle_minutes = true", ["ambient_idle_minutes"]),
        ("workspaces = '/a'", ["workspaces", "array"]),
        ("workspaces = ['/a', 1]", ["workspaces", "str"]),
        ("socket = 1", ["socket", "str"]),
        ("data_dir = ['x']", ["data_dir", "str"]),
        ("log_level = 'loud'", ["log_level"]),
        ("log_level = 3", ["log_level"]),
        ("[watch]\ndepth = 1", ["watch"]),
        ("socket = ", ["TOML"]),
        ("socket = 'a'\nsocket = 'b'", ["TOML"]),
        ("\x00", ["TOML"]),
    ],
)
def test_a_mistake_in_the_config_names_the_file_the_key_and_what_was_expected(
    empty_home: Home, text: str, told: list[str]
) -> None:
    empty_home.configure(text + "\n")

    refused = run_to_end(empty_home)

    assert refused.process.returncode == 2
    assert str(empty_home.config_file) in refused.log
    assert [word for word in told if word not in refused.log] == []
    assert "Traceback" not in refused.log
    assert not empty_home.data_dir.exists()
    assert not empty_home.socket.exists()


def test_a_config_that_is_no_text_is_told(empty_home: Home) -> None:
    empty_home.configure("")
    empty_home.config_file.write_bytes(b"socket = '\xff'\n")

    refused = run_to_end(empty_home)

    assert refused.process.returncode == 2
    assert str(empty_home.config_file) in refused.log
    assert "Traceback" not in refused.log


@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_config_that_was_named_and_is_not_there_is_told(empty_home: Home, by: str) -> None:
    path = str(empty_home.base / "nowhere.toml")

    if by == "flag":
        refused = run_to_end(empty_home, "--config", path)
    else:
        refused = run_to_end(empty_home, environ={"OMNIMEM_CONFIG": path})

    assert refused.process.returncode == 2
    assert path in refused.log


@pytest.mark.parametrize("flags", [["--nonsense"], ["--log-level", "loud"], ["more"], ["--socket"]])
def test_wrong_usage_is_status_two(empty_home: Home, flags: list[str]) -> None:
    refused = run_to_end(empty_home, *flags)

    assert refused.process.returncode == 2
    assert "Traceback" not in refused.log


def test_a_wrong_level_in_the_environment_is_told(empty_home: Home) -> None:
    refused = run_to_end(empty_home, environ={"OMNIMEM_LOG_LEVEL": "loud"})

    assert refused.process.returncode == 2
    assert "loud" in refused.log


def test_the_version_is_told_without_a_start(empty_home: Home) -> None:
    told = run_to_end(empty_home, "--version")

    assert told.process.returncode == 0
    assert __version__ in told.log
    assert not empty_home.data_dir.exists()


@pytest.mark.parametrize("wins", ["default", "file", "environment", "flag"])
def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(empty_home: Home, wins: str) -> None:
    order = ["default", "file", "environment", "flag"]
    present = order[: order.index(wins) + 1]
    base = empty_home.base
    if "file" in present:
        empty_home.configure(f"socket = '{base}/file/s'\ndata_dir = '{base}/file/d'\nlog_level = 'error'\n")
    environ = {}
    if "environment" in present:
        environ = {"OMNIMEM_SOCKET": f"{base}/environment/s", "OMNIMEM_DATA_DIR": f"{base}/environment/d"}
        environ["OMNIMEM_LOG_LEVEL"] = "info"
    flags = ["--log-level", "info"] if wins in ("flag", "file") else []
    if wins == "flag":
        flags += ["--socket", f"{base}/flag/s", "--data-dir", f"{base}/flag/d"]
    socket = str(empty_home.socket) if wins == "default" else f"{base}/{wins}/s"
    database = str(empty_home.database) if wins == "default" else f"{base}/{wins}/d/omnimem.db"

    with running(empty_home, *flags, environ=environ), Client(socket) as client:
        status = client.status()

        assert (status.socket, status.database.path) == (socket, database)


def test_the_log_level_of_the_file_is_obeyed(empty_home: Home) -> None:
    empty_home.configure("log_level = 'error'\n")
    daemon = Daemon(empty_home)
    try:
        answers(empty_home)
        daemon.process.terminate()
        assert daemon.exit_status() == 0
        assert daemon.log == ""
    finally:
        daemon.kill()


def answers(home: Home) -> None:
    """Wait until a daemon answers that says nothing of itself."""

    def look() -> bool:
        try:
            with Client(home.socket) as client:
                return client.health().status == "ok"
        except CallFailed:
            return False

    eventually(look, "it answers")


@pytest.mark.parametrize(
    "environ",
    [
        {"XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""},
        {"XDG_DATA_HOME": "relative/data", "XDG_CONFIG_HOME": "relative/config"},
    ],
    ids=["empty", "relative"],
)
def test_without_xdg_directories_the_data_is_below_the_home(empty_home: Home, environ: dict[str, str]) -> None:
    config = empty_home.home / ".config/omnimemd/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("ambient_idle_minutes = 1.5\n")

    with running(empty_home, environ=environ), Client(empty_home.socket) as client:
        assert client.status().database.path == str(empty_home.home / ".local/share/omnimemd/omnimem.db")

    config.write_text("nonsense = 1\n")
    assert run_to_end(empty_home, environ=environ).process.returncode == 2


def test_paths_in_the_file_may_begin_with_the_home(empty_home: Home) -> None:
    folder = empty_home.home / "src"
    folder.mkdir()
    empty_home.configure("data_dir = '~/d'\nsocket = '~/s/x.sock'\nworkspaces = ['~/src']\n")

    with running(empty_home), Client(empty_home.home / "s/x.sock") as client:
        assert client.status().database.path == str(empty_home.home / "d/omnimem.db")
        assert [one.path for one in client.list_workspaces().workspaces] == [str(folder)]
