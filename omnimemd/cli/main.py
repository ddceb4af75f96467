"""The `omnimem` command: do what was typed; tell every failure as `error:` and `hint:`, and by the exit status."""

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from omnimemd.cli.errors import DONE, FAILED, INTERRUPTED, NOBODY_READS, NOT_RUNNING, CannotGoOn, Declined

if TYPE_CHECKING:
    import argparse


def main() -> int:
    """Do what the command line says; return the exit status (see `omnimemd.cli.errors`)."""
    try:
        status = _told()
        if sys.stdout is not None:  # closed by the caller
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say_no_more()
        return INTERRUPTED
    except BrokenPipeError:
        _say_no_more()
        return NOBODY_READS
    except OSError as error:
        return _failed(error)
    return status


def _told() -> int:
    """Run the verb; return the exit status, having told what went wrong."""
    from omnimem import ConnectionLost, DaemonNotRunning, OmnimemError
    from omnimemd.cli.output import Output
    from omnimemd.cli.parser import parse

    out = Output()
    given: argparse.Namespace | None = None
    named: dict[str, str] = {}
    try:
        given = parse(sys.argv[1:])
        out, named = Output(json=given.json, quiet=given.quiet), given.named
        given.run(given, out)
    except DaemonNotRunning as error:
        from omnimemd.cli.connection import socket_of
        from omnimemd.cli.daemon import without_socket

        pid = None if given is None else without_socket(socket_of(given))
        lost = f"omnimemd runs (pid {pid}), and its socket was removed: it makes it anew within seconds."
        out.error(lost if pid else error.detail, "Try again in ten seconds." if pid else error.hint)
        return NOT_RUNNING
    except ConnectionLost as error:
        out.error(error.detail, "See what `omnimem doctor` says, and whether this was done.")
        return NOT_RUNNING
    except OmnimemError as error:
        from omnimemd.cli.refusals import in_words, what_next

        out.error(in_words(error, named), what_next(error))
        return FAILED
    except Declined as error:
        out.say(error.detail)
        return error.status
    except CannotGoOn as error:
        out.error(error.detail, error.hint, quoted=error.quoted)
        return error.status
    except SystemExit as stop:  # of argparse: it has said why
        return stop.code if isinstance(stop.code, int) else DONE
    return DONE


def _failed(error: OSError) -> int:
    """Tell of an *error* of the system's, such as a full disk where the output goes, as far as it can be told."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {error}\nhint: See that the output can be written where it goes.\n")
        sys.stderr.flush()
    _say_no_more()
    return FAILED


def _say_no_more() -> None:
    """Have what is still buffered go nowhere: flushing it at exit would complain again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


if __name__ == "__main__":
    sys.exit(main())
