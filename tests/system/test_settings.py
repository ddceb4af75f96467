"""What the user set: flag over environment over file over default; a mistake names the key and the file."""

from pathlib import Path

import pytest

from omnimemd.domain.tools import KNOWN_TOOLS
from omnimemd.system.errors import SettingsInvalid
from omnimemd.system.settings import Flags, load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def environ(tmp_path: Path, config: Path) -> dict[str, str]:
    return {
        "OMNIMEM_CONFIG": str(config),
        "OMNIMEM_DATA_DIR": str(tmp_path / "data-env"),
        "OMNIMEM_SOCKET": str(tmp_path / "socket-env"),
        "OMNIMEM_LOG_LEVEL": "warning",
    }


def test_a_flag_goes_before_the_environment(config: Path, environ: dict[str, str], tmp_path: Path) -> None:
    config.write_text('log_level = "error"\nsocket = "/x"\ndata_dir = "/y"\n')
    flags = Flags(socket=tmp_path / "s", data_dir=tmp_path / "d", log_level="debug")

    settings = load(flags, environ)

    assert (settings.socket, settings.data_dir, settings.log_level) == (tmp_path / "s", tmp_path / "d", "debug")


def test_the_environment_goes_before_the_file(config: Path, environ: dict[str, str], tmp_path: Path) -> None:
    config.write_text('log_level = "error"\nsocket = "/x"\ndata_dir = "/y"\n')

    settings = load(Flags(), environ)

    assert (settings.socket, settings.data_dir) == (tmp_path / "socket-env", tmp_path / "data-env")
    assert settings.log_level == "warning"
    assert settings.database == tmp_path / "data-env" / "omnimem.db"


def test_the_file_goes_before_the_defaults(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/me")
    config.write_text(
        'log_level = "error"\nsocket = "~/s"\ndata_dir = "~/d"\n'
        'workspaces = ["~/src/app", "/w"]\nambient_idle_minutes = 0.5\n'
        'automatic_sessions = false\ntools = ["my-tool"]\n'
    )

    settings = load(Flags(config=config), {})

    assert (settings.socket, settings.data_dir) == (Path("/srv/me/s"), Path("/srv/me/d"))
    assert settings.log_level == "error"
    assert settings.workspaces == (Path("/srv/me/src/app"), Path("/w"))
    assert settings.ambient_idle_ms == 30_000
    assert (settings.automatic_sessions, settings.tools) == (False, ("my-tool",))


def test_a_file_that_is_empty_or_not_there_sets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    settings = load(Flags(), {"XDG_RUNTIME_DIR": str(tmp_path)})

    assert (settings.log_level, settings.workspaces, settings.ambient_idle_ms) == ("info", (), 1_800_000)
    assert (settings.automatic_sessions, settings.tools) == (True, KNOWN_TOOLS)
    assert settings.socket == tmp_path / "omnimemd" / "omnimemd.sock"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sockt = 1", ["'sockt'", "socket"]),
        ("[watch]\nmax = 1\n", ["'watch'", "workspaces"]),
        ("socket = 1", ["'socket'", "str"]),
        ('log_level = "loud"', ["'log_level'", "loud", "debug, info, warning, error"]),
        ("log_level = 1", ["'log_level'", "debug, info, warning, error"]),
        ('log_format = "xml"', ["'log_format'", "text, json"]),
        ('data_dir = "here"', ["'data_dir'", "begins with / or ~/", "'here'"]),
        ('data_dir = ""', ["'data_dir'"]),
        ('socket = "run/s"', ["'socket'"]),
        ('socket = "~nobody-of-that-name/s"', ["'socket'"]),
        ('workspaces = ["~/src", "src"]', ["'workspaces'", "'src'"]),
        ('workspaces = "~/src"', ["'workspaces'", "array"]),
        ("workspaces = [1]", ["workspaces", "str"]),
        ("ambient_idle_minutes = 0", ["'ambient_idle_minutes'"]),
        ("ambient_idle_minutes = 99999", ["'ambient_idle_minutes'"]),
        ('ambient_idle_minutes = "30"', ["'ambient_idle_minutes'", "float"]),
        ("automatic_sessions = 1", ["'automatic_sessions'", "bool"]),
        ('tools = ["my tool"]', ["tools", "[A-Za-z0-9_]"]),
        ('[retention]\naccesses = "soon"', ["'retention.accesses'", '"90d"', "forever"]),
        ('[retention]\naccesses = "12h"', ["'retention.accesses'", "days"]),
        ("[retention]\nsessions = 30", ["'retention.sessions'", '"90d"']),
        ('[retention]\nmemories = "1y"', ["'retention.memories'", "deleted_memories"]),
        ("socket = ", ["TOML"]),
    ],
)
def test_a_mistake_names_the_key_the_file_and_what_was_expected(config: Path, content: str, said: list[str]) -> None:
    config.write_text(content)

    with pytest.raises(SettingsInvalid) as told:
        load(Flags(config=config), {})

    assert told.value.status == 2
    for word in (str(config), *said):
        assert word in str(told.value)


def test_a_file_that_is_no_text_is_told(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsInvalid, match=str(config)):
        load(Flags(config=config), {})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no such file"):
        load(Flags(config=tmp_path / "gone.toml"), {})


@pytest.mark.parametrize("flags", [Flags(log_level="loud")])
def test_a_wrong_level_is_told(flags: Flags, config: Path) -> None:
    config.touch()
    with pytest.raises(SettingsInvalid, match="loud"):
        load(flags, {"OMNIMEM_CONFIG": str(config)})


def test_paths_are_taken_from_where_the_daemon_was_started(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.touch()
    monkeypatch.chdir(tmp_path)

    settings = load(Flags(socket=Path("s"), data_dir=Path("x/../d"), config=config), {})

    assert (settings.socket, settings.data_dir) == (tmp_path / "s", tmp_path / "d")


def test_an_endpoint_of_this_machine_is_taken_with_its_key(config: Path, environ: dict[str, str]) -> None:
    key = config.with_name("key")
    key.write_text("s3cret\n")
    config.write_text(
        f'[semantic]\nendpoint = "http://127.0.0.1:9/v1/embeddings"\nmodel = "m"\nkey_file = "{key}"\n'
        "timeout_seconds = 2\n"
    )

    settings = load(Flags(), environ)

    assert settings.embeddings is not None
    assert settings.embeddings.address.url == "http://127.0.0.1:9/v1/embeddings"
    assert (settings.embeddings.model, settings.embeddings.key) == ("m", "s3cret")
    assert settings.embeddings.timeout_seconds == 2


def test_by_default_nothing_is_asked_and_search_goes_by_meaning(config: Path, environ: dict[str, str]) -> None:
    config.write_text("")

    settings = load(Flags(), environ)

    assert (settings.semantic, settings.embeddings) == (True, None)


def test_an_endpoint_elsewhere_has_to_be_allowed(config: Path, environ: dict[str, str]) -> None:
    named = '[semantic]\nendpoint = "https://api.example.org/v1/embeddings"\nmodel = "m"\n'
    config.write_text(named)

    with pytest.raises(SettingsInvalid, match="elsewhere = true"):
        load(Flags(), environ)
    config.write_text(f"{named}elsewhere = true\n")

    assert load(Flags(), environ).embeddings is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('endpoint = "ftp://127.0.0.1/"\nmodel = "m"', "semantic.endpoint"),
        ('endpoint = "http://127.0.0.1/"', "semantic.model"),
        ('endpoint = "http://127.0.0.1/"\nmodel = "m"\nkey_file = "/nowhere/key"', "semantic.key_file"),
        ('endpont = "http://127.0.0.1/"', "unknown key 'semantic.endpont': expected one of enabled, endpoint"),
    ],
)
def test_a_mistake_about_search_by_meaning_names_the_key(
    config: Path, environ: dict[str, str], text: str, told: str
) -> None:
    config.write_text(f"[semantic]\n{text}\n")

    with pytest.raises(SettingsInvalid, match=told):
        load(Flags(), environ)
