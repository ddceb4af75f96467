"""What can be attached to a report of what went wrong: how the daemon is, and nothing of what it was told or saw."""

import io
import platform
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from gzip import GzipFile
from pathlib import Path
from typing import Any, Final

import msgspec

from omnimem import Client, OmnimemError, __version__
from omnimem.calls import Operations
from omnimemd.cli.doctor import looked_from_inside, looked_from_outside
from omnimemd.cli.looking import SettingsHere, last_lines, service_files, settings_here
from omnimemd.cli.scrubbing import Scrubber
from omnimemd.cli.text import shown_path

#: Seconds for each question to the daemon: the looks read the whole database.
_TIMEOUT: Final = 60.0
_LOG_LINES: Final = 500
#: Of the status, the texts that are nobody's.
_PLAIN_TEXTS: Final = ("version", "sqlite_version", "log_level")


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of the bundle about the daemon on the socket *path*."""
    settings = settings_here(path)
    outside, answers = looked_from_outside(path, repair=False)
    scrubber = Scrubber({one for one in _places(path, settings, answers=answers) if len(one) > 1})  # not "/" or "~"
    about = {
        "omnimem": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
    }
    yield "about.json", _json(about)
    yield "settings.json", _json(_settings(settings))
    found = [*outside, *(looked_from_inside(path, repair=False, timeout=_TIMEOUT) if answers else [])]
    checks = [{"name": one.name, "verdict": one.verdict, "detail": scrubber.scrub(one.detail)} for one in found]
    yield "doctor.json", _json(checks)
    if answers:
        yield from _of_daemon(path, scrubber)
    lines = (last_lines(path) or [])[-_LOG_LINES:]
    yield "log.txt", "".join(f"{scrubber.scrub(line)}\n" for line in lines).encode()
    for file in service_files():
        if file.is_file():
            yield f"service/{file.name}", scrubber.scrub(file.read_text("utf-8", "replace")).encode()


def packed(files: list[tuple[str, bytes]]) -> bytes:
    """Return *files* as one tar.gz that says nothing of who made it, and where."""
    whole = io.BytesIO()
    with (
        GzipFile(filename="", fileobj=whole, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, content in files:
            member = tarfile.TarInfo(f"omnimem-bundle/{name}")
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def _places(path: Path, settings: SettingsHere | str, *, answers: bool) -> Iterator[str]:
    """Yield the paths that the program may name, as it names them: their words may be any."""
    if answers:
        with suppress(OmnimemError), Client(path, timeout=_TIMEOUT) as client:
            for one in client.list_workspaces().workspaces:
                yield from (one.path, shown_path(one.path))
    for place in (str(path), str(path.parent), *([] if isinstance(settings, str) else [settings.data_dir])):
        yield from (place, shown_path(place))
    yield str(Path.home())


def _settings(found: SettingsHere | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"readable": False}  # what it says may quote the file
    told = msgspec.to_builtins(found)
    return {"readable": True} | {name: value for name, value in told.items() if name not in ("socket", "data_dir")}


def _of_daemon(path: Path, scrubber: Scrubber) -> Iterator[tuple[str, bytes]]:
    try:
        with Client(path, timeout=_TIMEOUT) as client:
            yield "status.json", _json(_figures(msgspec.to_builtins(client.status())))
            yield "metrics.txt", client.send(Operations.metrics()).encode()
            projects = client.list_projects().projects
            counts = {"projects": len(projects), "memories": sum(one.memories for one in projects)}
            yield "counts.json", _json(counts)
    except OmnimemError as error:
        yield "daemon.txt", scrubber.scrub(f"{error.code}: {error.detail}").encode()


def _figures(value: Any) -> Any:
    """Return of *value* what cannot be anybody's text: numbers, truth, and how many there are in a list."""
    if isinstance(value, dict):
        return {name: one if name in _PLAIN_TEXTS else _figures(one) for name, one in value.items()}
    if isinstance(value, list):
        return len(value)
    return value if value is None or isinstance(value, bool | int | float) else "(text)"


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
