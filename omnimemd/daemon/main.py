"""The `omnimemd` command: read what the user set, run in the foreground, say on stderr why not."""

import argparse
import json
import signal
import sys
from functools import partial
from pathlib import Path

import msgspec

from omnimem._version import __version__
from omnimemd.daemon.logs import configure
from omnimemd.domain.clock import rfc3339_or_none
from omnimemd.system.errors import StartError
from omnimemd.system.settings import Flags, Settings, load


def main() -> int:
    """Run the daemon; return its exit status.

    0 stopped, 1 cannot start, 2 wrong usage or settings, 3 runs already, 4 gives way to a version installed meanwhile.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to stop in order
    arguments = _parser().parse_args()
    try:
        flags = Flags(arguments.socket, arguments.data_dir, arguments.config, arguments.log_level)
        settings = load(flags)
        if arguments.check:
            sys.stdout.write(_told(settings))
            return 0
        if arguments.backups or arguments.verify is not None:
            from omnimemd.daemon import without

            told = without.every(settings) if arguments.backups else without.verified(settings, arguments.verify)
            sys.stdout.write(told)
            return 0
        configure(settings.log_level, style=settings.log_format, socket=settings.socket)
        from omnimemd.daemon.run import run  # loads the whole daemon: wrong usage is told before

        return run(settings, read=partial(load, flags), restore=arguments.restore)
    except MemoryError:
        sys.stderr.write("omnimemd: too little memory is left\n")
        return 1
    except StartError as error:
        sys.stderr.write(f"omnimemd: {_printable(str(error))}\n")
        return error.status


def _printable(text: str) -> str:
    """Return *text*, which may quote any path, on one line and without what controls a terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def _told(settings: Settings) -> str:
    """Return the settings as JSON, with no text of the user's but where things are."""
    from omnimemd.storage import backups  # loads SQLite

    found = backups.found(backups.folder_of(settings.database))
    newest = next((one.created_at for one in found if one.verified), None)
    told = {
        "socket": str(settings.socket),
        "data_dir": str(settings.data_dir),
        "log_level": settings.log_level,
        "log_format": settings.log_format,
        "workspaces": len(settings.workspaces),
        "ambient_idle_minutes": settings.ambient_idle_ms / 60_000,
        "automatic_sessions": settings.automatic_sessions,
        "tools": len(settings.tools),
        "semantic": settings.semantic,
        "endpoint": settings.embeddings is not None,
        "retention": {str(rule): kept for rule, kept in settings.retention.items()},
        "backups": {
            **msgspec.to_builtins(settings.backups),
            "count": len(found),
            "newest": rfc3339_or_none(newest),  # that looks whole
        },
    }
    return json.dumps(told) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omnimemd",
        description="Remember what happens while somebody codes. Runs in the foreground and logs to stderr.",
        epilog="Start it in the background with `omnimem start`.",
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help="the Unix socket to listen on [OMNIMEM_SOCKET]")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where the database is kept [OMNIMEM_DATA_DIR]")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings, in TOML [OMNIMEM_CONFIG]")
    parser.add_argument(
        "--log-level", metavar="LEVEL", help="debug, info, warning or error (default: info) [OMNIMEM_LOG_LEVEL]"
    )
    parser.add_argument("--check", action="store_true", help="read the settings, print them as JSON, and exit")
    parser.add_argument(
        "--restore",
        metavar="ID",
        help="first put this backup in the place of the database; `newest`: the newest good one",
    )
    parser.add_argument("--backups", action="store_true", help="print the backups there are as JSON, and exit")
    parser.add_argument(
        "--verify", metavar="ID", help="read this backup, or `all`, print as JSON what is wrong with it, and exit"
    )
    parser.add_argument("--version", action="version", version=f"omnimemd {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
