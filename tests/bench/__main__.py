"""Run the benchmarks: `python -m tests.bench` measures everything and writes docs/BENCHMARKS.md."""

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.bench.findings import Finding, Scale
from tests.bench.report import NAMES, decoded, document, encoded, say, table, verdict

_ROOT: Final = Path(__file__).resolve().parents[2]
_DOCUMENT: Final = _ROOT / "docs" / "BENCHMARKS.md"


def main() -> int:
    """Run what the command line asks for; return 0 when everything ran, whatever the figures."""
    arguments = _parser().parse_args()
    if arguments.inside:
        return _measure_here(arguments.names[0], Scale(arguments.quick))
    names = arguments.names or NAMES
    found = []
    for number, name in enumerate(names, start=1):
        started = time.monotonic()
        say(f"[{number}/{len(names)}] {name} …")
        found.append((name, _measure(name, quick=arguments.quick)))
        say(f"[{number}/{len(names)}] {name}: {time.monotonic() - started:.0f} s")
    print(table(found))
    say(verdict(found))
    if not arguments.names and not arguments.quick:
        _DOCUMENT.write_text(document(found))
        say(f"wrote {_DOCUMENT.relative_to(_ROOT)}")
    return 0


def _measure(name: str, *, quick: bool) -> list[Finding]:
    """Run one benchmark in a process of its own: what another loaded or left behind must not count."""
    command = [sys.executable, "-m", "tests.bench", name, "--inside", *(["--quick"] if quick else [])]
    return decoded(subprocess.check_output(command, cwd=_ROOT))


def _measure_here(name: str, scale: Scale) -> int:
    module = importlib.import_module(f"tests.bench.{name}")
    sys.stdout.buffer.write(encoded(module.measure(scale)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="only see that they run; the figures mean nothing")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
