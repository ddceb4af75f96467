"""Programs of the system's that the command runs, and what they say."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple, NoReturn

from omnimemd.cli.errors import CannotGoOn

#: Seconds one may take: a service manager waits for the daemon, and that for a large database.
_patience = ContextVar("patience", default=300.0)
#: How much of what one said is shown.
_LAST_LINES: Final = 8


class Done(NamedTuple):
    """What a program did."""

    status: int
    out: str
    err: str

    def or_fail(self, detail: str, hint: str) -> "Done":
        """Return it, if it succeeded.

        Raises:
            CannotGoOn: it did not; *detail* and *hint* say what that means, and it is quoted.
        """
        if self.status:
            raise CannotGoOn(detail, hint=hint, quoted=(self.err or self.out).strip().splitlines()[-_LAST_LINES:])
        return self


@contextmanager
def hurried(seconds: float) -> Iterator[None]:
    """Give each program that is run within the block only so long."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


def run(*command: str, environ: Mapping[str, str] | None = None) -> Done:
    """Run *command* to its end, without a terminal, *environ* added to its environment.

    Raises:
        CannotGoOn: it is not there, or does not end.
    """
    try:
        done = subprocess.run(  # noqa: S603 by name, as its user's shell would
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""} | dict(environ or {}),
            timeout=_patience.get(),
            check=False,
        )
    except FileNotFoundError:
        raise CannotGoOn(f"There is no `{command[0]}` on this system.", hint="See that it is in PATH.") from None
    except OSError as error:
        raise CannotGoOn(f"`{command[0]}` cannot be run: {error.strerror}.", hint="See what is in PATH.") from None
    except subprocess.TimeoutExpired:
        raise CannotGoOn(
            f"`{' '.join(command)}` does not end after {_patience.get():.0f} s.", hint="See what it waits for."
        ) from None
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def become(*command: str) -> NoReturn:
    """Go on as *command*, with this terminal, its keys and its pipes.

    Raises:
        CannotGoOn: it is not there.
    """
    try:
        os.execvp(command[0], command)  # noqa: S606 by name, as its user's shell would
    except OSError as error:
        raise CannotGoOn(f"`{command[0]}` cannot be run: {error.strerror}.", hint="See that it is in PATH.") from None
