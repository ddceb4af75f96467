#!/usr/bin/env python3
"""Make the environment of this checkout, and run things in it.

    python3 scripts/dev.py VERB [arguments]

    run [PATH]    record what happens in PATH (default: here) until Ctrl-C, and show it
    test [...]    run the tests; arguments go to pytest
    check         format, lint, types, import floors and the contract tests, all of them, one line each
    bench [...]   run the benchmarks
    env           only make the environment, and print where it is
    lock [...]    write constraints.txt anew from pyproject.toml; arguments go to `uv pip compile`:
                  nothing keeps the versions it can, --upgrade takes the newest of everything

The environment is `.venv` in the checkout: everything in constraints.txt, hashes verified, and the
checkout itself, editable. It is made by the first verb that needs it, with the Python that runs this, and
again when constraints.txt or pyproject.toml changed; remove it to have it made with another Python. Needed
are Python 3.11 or newer and pip, but not Debian's python3-venv. pip is configured as always (PIP_INDEX_URL,
PIP_CERT, pip.conf).

Theory of operation. A stamp in `.venv` holds a digest of what each half of the environment (the
distributions; the checkout) was made from; it is written when a half is finished, so an interrupted one
is made again. Whoever finds a stamp that differs takes a lock on the checkout, looks again and makes what
is missing: two starts at once make one environment. What only making needs is imported inside functions:
with the stamp in place a verb starts at once.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this very check; until it has passed, nothing newer may be used
    sys.exit(
        f"error: omnimemd needs Python 3.11 or newer, and this is {sys.version.split()[0]}\n"
        "hint: name a newer one, as in `python3.12 scripts/dev.py test`"
    )

import contextlib
import fcntl
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "finished"
PYTHON = VENV / "bin" / "python"
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"

#: The gates of `check`, by name: a command of the environment, with its arguments.
GATES: dict[str, tuple[str, ...]] = {
    "format": ("ruff", "format", "--check", "--diff", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy",),
    "macos": ("mypy", "--platform", "darwin", "--cache-dir", ".mypy_cache/darwin", "omnimemd", "client/omnimem"),
    "floors": ("lint-imports", "--no-logo"),
    "contracts": ("pytest", "--quiet", "-m", "not slow", "tests/contracts"),
}


class Problem(Exception):
    """Something a person has to do before this can go on."""

    def __init__(self, message: str, *, hint: str, status: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status


# -- verbs ---------------------------------------------------------------------------------------------------


def run(arguments: Sequence[str]) -> NoReturn:
    """Record a session of the calling shell, in the place it was called from."""
    make_environment()
    command = VENV / "bin" / "omnimem"
    os.execv(command, [str(command), "record", *(arguments or ["."]), "--pid", str(os.getppid())])


def test(arguments: Sequence[str]) -> NoReturn:
    """Become pytest."""
    make_environment()
    # One test that repeats itself as often as is promised takes longer than any that hangs may.
    whole = ("-o", "faulthandler_timeout=7200") if os.environ.get("OMNIMEM_WHOLE") == "1" else ()
    become_module("pytest", *whole, *arguments)


def check(arguments: Sequence[str]) -> int:
    """Go through every gate, whatever the ones before it said; 1 if any failed."""
    refuse_arguments(arguments)
    make_environment()
    failed = [name for name in GATES if not passes(name)]
    if failed:
        say(f"{len(failed)} of {len(GATES)} failed: {', '.join(failed)}")
    return 1 if failed else 0


def bench(arguments: Sequence[str]) -> NoReturn:
    """Become the benchmark runner."""
    make_environment()
    become_module("tests.bench", *arguments)


def env(arguments: Sequence[str]) -> int:
    """Print where the environment is, once there is one."""
    refuse_arguments(arguments)
    make_environment()
    print(VENV)
    return 0


def lock(arguments: Sequence[str]) -> int:
    """Resolve every dependency for every platform and Python we support, into constraints.txt.

    The resolver is `uv`, of the version pyproject.toml names, in an environment that is gone afterwards: pip
    can only resolve for the machine it runs on.
    """
    import tempfile
    import tomllib

    settings = tomllib.loads(PYPROJECT.read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    with tempfile.TemporaryDirectory(prefix="omnimemd-lock-") as name:
        folder = Path(name)
        say("fetching the resolver")
        run_quietly([*new_venv(folder / "venv"), *groups["lock"]])
        say("resolving")
        wanted = folder / "wanted.in"
        extras = [line for extra in project["optional-dependencies"].values() for line in extra]
        wanted.write_text("\n".join([*project["dependencies"], *extras, *groups["build"], *groups["dev"]]))
        compile_command = f"""
            {folder}/venv/bin/uv pip compile --no-config --universal --generate-hashes --no-annotate
            --python-version {project["requires-python"].removeprefix(">=")}
        """
        origin = ["--custom-compile-command", "python3 scripts/dev.py lock"]
        run_quietly([*compile_command.split(), *origin, "--output-file", CONSTRAINTS, *arguments, wanted])
    say(f"wrote {CONSTRAINTS.name}; the next verb installs it")
    return 0


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    verb.__name__: verb for verb in (run, test, check, bench, env, lock)
}


# -- the environment -----------------------------------------------------------------------------------------


def make_environment() -> None:
    """Make `.venv`, or the half of it that is out of date; do nothing when it is as it should be."""
    wanted = [tools_digest(), project_digest()]
    if finished() == wanted:
        return
    with only_one():  # who waited here finds the work done
        if finished() != wanted and Path(sys.prefix) == VENV:  # an activated environment cannot remake itself
            base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
            os.execv(base, [str(base), *sys.orig_argv[1:]])
        if finished()[:1] != wanted[:1]:
            import shutil

            say(f"making {VENV} with Python {sys.version.split()[0]} (once; it takes a moment)")
            shutil.rmtree(VENV, ignore_errors=True)
            install = new_venv(VENV)
            say(f"installing what {CONSTRAINTS.name} names, hashes verified")
            run_quietly([*install, "--require-hashes", "-r", CONSTRAINTS])
            STAMP.write_text(wanted[0])
        if finished() != wanted:
            say("installing the checkout, editable")
            STAMP.write_text(wanted[0])
            run_quietly([*pip_install(PYTHON), "--no-deps", "--no-build-isolation", "-e", ROOT])
            STAMP.write_text("\n".join(wanted))


def finished() -> list[str]:
    """Return the digests of the halves of the environment that are finished: none, the tools, or both."""
    if not PYTHON.exists():  # the Python it was made with is gone
        return []
    try:
        return STAMP.read_text().split()
    except FileNotFoundError:
        return []


def tools_digest() -> str:
    """Digest what the distributions depend on; the place counts, as their scripts hold its path.

    The Python that runs this does not: two terminals with one each would take the environment from each other.
    """
    return hashlib.sha256(f"{ROOT}".encode() + CONSTRAINTS.read_bytes()).hexdigest()


def project_digest() -> str:
    """Digest what the editable install of the checkout depends on."""
    return hashlib.sha256(PYPROJECT.read_bytes()).hexdigest()


def new_venv(path: Path) -> list[str]:
    """Make an empty virtual environment, and return the command that installs into it.

    Debian's python3 has `venv` but not `ensurepip`, so it gets no pip of its own: the one outside works on
    it.
    """
    import venv

    venv.EnvBuilder(with_pip=False, symlinks=True).create(path)
    return pip_install(path / "bin" / "python")


def pip_install(python: Path) -> list[str]:
    """Return the start of a `pip install` command for the environment of that *python*."""
    import importlib
    import importlib.util

    if importlib.util.find_spec("pip"):
        pip = importlib.import_module("pip")  # not in every environment, so nothing for mypy to find

        if tuple(map(int, pip.__version__.split(".")[:2])) >= (22, 3):  # --python came with 22.3
            return [sys.executable, "-m", "pip", "--python", str(python), "install"]
    if importlib.util.find_spec("ensurepip"):
        run_quietly([python, "-m", "ensurepip"])
        return [str(python), "-m", "pip", "install"]
    raise Problem(
        f"{sys.executable} has no pip of 22.3 or newer",
        hint="Install it (Debian, Ubuntu: `apt install python3-pip`) and call this again.",
    )


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock of this checkout: on its folder, so that no lock file is left behind."""
    folder = os.open(ROOT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another dev.py, which is making the environment")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# -- processes -----------------------------------------------------------------------------------------------


def become_module(module: str, *arguments: str) -> NoReturn:
    """Replace this process by a module of the environment, run from the checkout's root."""
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])


def passes(name: str) -> bool:
    """Run one gate; print a line about it, and what it said if it failed."""
    import subprocess
    import time
    from subprocess import PIPE, STDOUT

    started = time.monotonic()
    command, *arguments = GATES[name]
    done = subprocess.run([VENV / "bin" / command, *arguments], cwd=ROOT, check=False, stdout=PIPE, stderr=STDOUT)
    verdict = "FAIL" if done.returncode else "ok"
    print(f"{verdict:4}  {name:10} {time.monotonic() - started:5.1f} s", flush=True)
    if done.returncode:
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.flush()
    return done.returncode == 0


def run_quietly(command: Sequence[str | Path]) -> None:
    """Run a *command* that only has something to say when it fails."""
    import subprocess
    from subprocess import DEVNULL, PIPE, STDOUT

    done = subprocess.run(command, check=False, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        raise Problem(
            f"`{' '.join(map(str, command))}` failed with status {done.returncode}; what it said is above",
            hint="Mend that (the network? a proxy? PIP_INDEX_URL?) and call this again.",
        )


def say(text: str) -> None:
    """Tell a person what is going on."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def refuse_arguments(arguments: Sequence[str]) -> None:
    """Complain about arguments to a verb that takes none."""
    if arguments:
        raise Problem(f"this verb takes no arguments, and got {arguments[0]!r}", hint="See --help.", status=2)


def main(arguments: Sequence[str]) -> int:
    """Run the verb that *arguments* begin with, and return the exit status."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        usage = __doc__.split("\n\n", 1)[1].rsplit("\n\nTheory", 1)[0]
        print(usage, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    try:
        if arguments[0] not in VERBS:
            raise Problem(f"no verb {arguments[0]!r}", hint=f"one of {', '.join(VERBS)}, or --help", status=2)
        return VERBS[arguments[0]](arguments[1:])
    except Problem as problem:
        print(f"error: {problem}\nhint: {problem.hint}", file=sys.stderr)
        return problem.status
    except KeyboardInterrupt:
        print("\ninterrupted; the next call goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
