"""What the user set: command line over environment over config file over default."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
import platformdirs

from omnimem.locate import socket_path
from omnimem.model import Id, LogFormat, LogLevel
from omnimemd.domain import backups
from omnimemd.domain.retention import KEPT_PATTERN, Policy, Rule
from omnimemd.domain.tools import KNOWN_TOOLS
from omnimemd.system.embedding.address import Endpoint, address
from omnimemd.system.errors import PlaceRefused, SettingsInvalid
from omnimemd.system.trust import read_trusted


class Flags(msgspec.Struct, frozen=True):
    """What the command line says; None where it says nothing."""

    socket: Path | None = None
    data_dir: Path | None = None
    config: Path | None = None
    log_level: str | None = None


class SemanticFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of config.toml's table `semantic`."""

    enabled: bool = True  #: whether search goes by meaning too, where something is there that can
    endpoint: str | None = None  #: what makes the vectors; left out: the table that the extra brings
    model: str = ""  #: what the endpoint calls its model
    key_file: str | None = None
    elsewhere: bool = False  #: whether the endpoint may be on another machine
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=300)] = 5.0


_Kept = Annotated[str, msgspec.Meta(pattern=KEPT_PATTERN)]


class RetentionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of config.toml's table `retention`: how long each is kept."""

    sessions: _Kept = "forever"
    archived_sessions: _Kept = "forever"
    accesses: _Kept = "1y"
    searches: _Kept = "forever"
    decisions: _Kept = "forever"
    deleted_memories: _Kept = "forever"


_Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class BackupsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of config.toml's table `backups`: how often, and how many are kept."""

    every: Annotated[str, msgspec.Meta(pattern=backups.EVERY_PATTERN)] = "1d"
    daily: _Count = 7
    weekly: _Count = 4
    by_hand: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10


class ConfigFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of config.toml."""

    socket: str | None = None
    data_dir: str | None = None
    log_level: LogLevel | None = None
    log_format: LogFormat = LogFormat.TEXT
    workspaces: tuple[str, ...] = ()  #: folders to watch whether or not a session is active in them
    ambient_idle_minutes: Annotated[float, msgspec.Meta(gt=0, le=10_080)] = 30.0
    automatic_sessions: bool = True  #: whether sessions open for tools found at work, and for shells
    tools: tuple[Id, ...] = KNOWN_TOOLS  #: programs to look for
    semantic: SemanticFile = SemanticFile()
    retention: RetentionFile = RetentionFile()
    backups: BackupsFile = BackupsFile()

    def __post_init__(self) -> None:
        """Check that paths mean the same wherever the daemon is started from."""
        for key, paths in (("socket", [self.socket]), ("data_dir", [self.data_dir]), ("workspaces", self.workspaces)):
            for path in paths:
                if path is not None and not os.path.isabs(os.path.expanduser(path)):
                    raise ValueError(f"key {key!r}: expected a path that begins with / or ~/, got {path!r}")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything decided."""

    socket: Path
    data_dir: Path
    log_level: LogLevel
    log_format: LogFormat
    workspaces: tuple[Path, ...]
    ambient_idle_ms: int
    automatic_sessions: bool
    tools: tuple[str, ...]
    semantic: bool  #: whether search goes by meaning too
    embeddings: Endpoint | None
    retention: Policy
    backups: backups.Policy

    @property
    def database(self) -> Path:
        """The database file."""
        return self.data_dir / "omnimem.db"

    @property
    def database_files(self) -> tuple[Path, ...]:
        """The database file, and those that are kept beside it, by SQLite and by us."""
        beside = ("wal", "shm", "journal", "run", "run.new")
        return self.database, *(self.data_dir / f"{self.database.name}-{end}" for end in beside)


def load(flags: Flags, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in force.

    Raises:
        SettingsInvalid: a key is unknown or its value is not what was expected.
    """
    env = os.environ if environ is None else environ
    if not os.path.isabs(home := env.get("HOME", "/")):  # what is kept would lie in the current directory
        raise SettingsInvalid(f"HOME is {home!r}: expected an absolute path")
    file = _read_config(flags.config or _chosen(env, "OMNIMEM_CONFIG"), env)
    level = flags.log_level or env.get("OMNIMEM_LOG_LEVEL") or file.log_level or "info"
    try:
        log_level = msgspec.convert(level.lower(), LogLevel)
    except msgspec.ValidationError:
        raise SettingsInvalid(f"log level {level!r}: expected debug, info, warning or error") from None
    data_dir = flags.data_dir or _chosen(env, "OMNIMEM_DATA_DIR") or _expanded(file.data_dir) or _user_data_dir(env)
    socket = flags.socket or _chosen(env, "OMNIMEM_SOCKET") or _expanded(file.socket) or socket_path(env)
    return Settings(
        socket=Path(os.path.abspath(socket)),
        data_dir=Path(os.path.abspath(data_dir)),  # links stay: where one may not be followed is decided later
        log_level=log_level,
        log_format=file.log_format,
        workspaces=tuple(Path(one).expanduser() for one in file.workspaces),
        ambient_idle_ms=round(file.ambient_idle_minutes * 60_000),
        automatic_sessions=file.automatic_sessions,
        tools=file.tools,
        semantic=file.semantic.enabled,
        embeddings=_endpoint(file.semantic),
        retention={rule: getattr(file.retention, rule) for rule in Rule},
        backups=backups.Policy(**msgspec.structs.asdict(file.backups)),
    )


def _endpoint(file: SemanticFile) -> Endpoint | None:
    if file.endpoint is None:
        return None
    try:
        named = address(file.endpoint)
    except ValueError as error:
        raise SettingsInvalid(f"key 'semantic.endpoint': {error}") from None
    if not named.here and not file.elsewhere:
        raise SettingsInvalid(
            f"key 'semantic.endpoint': {file.endpoint} is not certain to be this machine (127.0.0.1, [::1], localhost, "
            "unix:/PATH), and what you keep would be sent there; `elsewhere = true` allows it"
        )
    if not file.model:
        raise SettingsInvalid("key 'semantic.model': expected the name of the endpoint's model")
    key = None
    if file.key_file is not None:
        path = Path(file.key_file).expanduser()
        try:
            key = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"key 'semantic.key_file': {path} cannot be read: {error}") from error
        if not key.isascii() or not key.isprintable():
            raise SettingsInvalid(f"key 'semantic.key_file': {path} holds more than one line of ASCII")
    return Endpoint(named, file.model, key, file.timeout_seconds)


def _read_config(named: Path | None, env: Mapping[str, str]) -> ConfigFile:
    path = named or _user_config_dir(env) / "config.toml"
    try:
        text = read_trusted(path).decode("utf-8")
    except FileNotFoundError:
        if named is not None:
            raise SettingsInvalid(f"{path}: there is no such file") from None
        return ConfigFile()
    except PlaceRefused as error:
        raise SettingsInvalid(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return msgspec.convert(tomllib.loads(text), ConfigFile)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"{path}: {_explained(str(error))}") from error


_CHOICES: Final[dict[str, list[str]]] = {"log_level": list(LogLevel), "log_format": list(LogFormat)}


def _explained(message: str) -> str:
    """Return msgspec's *message* in the words of a config file."""
    if "unknown field" in message:
        _, key, _, *inside = message.split("`")
        table = inside[0].removeprefix("$.") if inside else ""
        known = {"semantic": SemanticFile, "retention": RetentionFile, "backups": BackupsFile}.get(
            table, ConfigFile
        ).__struct_fields__
        return f"unknown key {f'{table}.{key}'.lstrip('.')!r}: expected one of {', '.join(known)}"
    what, _, where = message.partition(" - at `$.")
    if where.rstrip("`") in _CHOICES:
        what += f": expected one of {', '.join(_CHOICES[where.rstrip('`')])}"
    if where.startswith("retention.") and "str" in what:
        what = 'expected a time of days, weeks or years, such as "90d", "6w" or "2y", or "forever"'
    if where.startswith("backups.every") and "str" in what:
        what = 'expected a time of hours, days or weeks, such as "12h", "1d" or "2w", or "never"'
    return f"key {where.rstrip('`')!r}: {what}" if where else what


def _chosen(env: Mapping[str, str], name: str) -> Path | None:
    return Path(os.path.expanduser(value)) if (value := env.get(name)) else None


def _expanded(path: str | None) -> Path | None:
    return None if path is None else Path(path).expanduser()


def _user_data_dir(env: Mapping[str, str]) -> Path:
    return _absolute_or(env, "XDG_DATA_HOME", ".local/share", platformdirs.user_data_path("omnimemd", appauthor=False))


def _user_config_dir(env: Mapping[str, str]) -> Path:
    return _absolute_or(env, "XDG_CONFIG_HOME", ".config", platformdirs.user_config_path("omnimemd", appauthor=False))


def _absolute_or(env: Mapping[str, str], name: str, default: str, found: Path) -> Path:
    """Return *found*, unless it came of a relative path in the environment: the XDG specification ignores those."""
    value = env.get(name)
    return Path.home() / default / "omnimemd" if value and not os.path.isabs(value) else found
