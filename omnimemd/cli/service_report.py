"""How the service is: what `omnimem service` says of it, to people and to programs."""

import msgspec

from omnimemd.cli.output import Output, Style
from omnimemd.cli.text import safe, shown_path


class InstalledFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the service."""

    path: str
    state: str  #: "missing", "current", "outdated" (the next installation writes it anew) or "changed" (by somebody)


class ServiceReport(msgspec.Struct, frozen=True, kw_only=True):
    """The service, its daemon and its files."""

    manager: str  #: "systemd" or "launchd"
    reachable: bool  #: whether the manager answers; if not, what it alone knows is null or false
    installed: bool
    enabled: bool  #: whether it starts at login
    state: str  #: "active", "inactive", "failed", "unknown" or, in the manager's words, what is under way
    running: bool  #: whether the daemon runs, as the service or without it
    pid: int | None
    version: str | None  #: of the daemon that runs
    program_version: str  #: of what is installed, and runs after a restart
    restarts: int | None  #: how often the manager started it again since it was started
    last_exit: str | None
    socket: str
    log: str
    files: list[InstalledFile]
    additions: list[str]  #: paths of what a person added to the units


def tell(report: ServiceReport, out: Output) -> None:
    """Print *report*, or of it what programs are to read."""
    if out.answered(report, ids=[] if report.pid is None else [str(report.pid)]):
        return
    out.line(f"{out.styled(f'omnimemd {report.version or report.program_version}', Style.BOLD)}  {_running(report)}")
    out.line(f"  manager   {report.manager}{'' if report.reachable else ', which does not answer'}")
    out.line(f"  service   {_service(report)}")
    if report.restarts:
        out.line(f"  restarts  {report.restarts} since it was started")
    if report.last_exit is not None:
        out.line(f"  ended     last with {safe(report.last_exit)}")
    if report.version not in (None, report.program_version):
        out.line(f"  program   is {report.program_version} by now: `omnimem service restart` has that run")
    out.line(f"  socket    {shown_path(report.socket)}")
    out.line(f"  log       {shown_path(report.log)}")
    for file in report.files if report.installed else ():
        out.line(f"  file      {shown_path(file.path)}{_STATES.get(file.state, '')}")
    for path in report.additions:
        out.line(f"  added     {shown_path(path)}")


_STATES = {
    "missing": " is missing: `omnimem service install` writes it again",
    "outdated": " is not as an installation from here would have it: `omnimem service install` does",
    "changed": " was changed by hand",
}


def _running(report: ServiceReport) -> str:
    if report.running:
        beside = "" if report.state == "active" or not report.installed else ", not as the service"
        return f"running (pid {report.pid}){beside}"
    if report.pid is not None:
        return f"running (pid {report.pid}), and does not answer"
    return "not running"


def _service(report: ServiceReport) -> str:
    if not report.installed:
        return "not installed: `omnimem service install` does that"
    starts = "starts at login" if report.enabled else "does not start at login"
    return f"installed, {safe(report.state)}, {starts}"
