"""Run the benchmarks: `python -m tests.bench` measures everything and writes docs/BENCHMARKS.md."""

import argparse
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.bench.briefing import HELD_OUT, MISSED
from tests.bench.findings import Finding, Scale
from tests.bench.questions import DATA
from tests.bench.report import LONG, NAMES, decoded, document, encoded, say, section, sections, table, verdict

_ROOT: Final = Path(__file__).resolve().parents[2]
_DOCUMENT: Final = _ROOT / "docs" / "BENCHMARKS.md"


def main() -> int:
    """Run what the command line asks for; return 0 when everything ran, whatever the figures."""
    parser = _parser()
    arguments = parser.parse_args()
    scale = Scale(arguments.quick, arguments.part)
    if arguments.data is not None:
        os.environ[DATA] = str(arguments.data.resolve())
    for name, given in ((HELD_OUT, arguments.held_out), (MISSED, arguments.missed)):
        if given:
            os.environ[name] = "1"
    if arguments.inside:
        return _measure_here(arguments.names[0], scale)
    if arguments.write and arguments.held_out:
        parser.error("what is written is of the questions that are not held out: --write does not go with --held-out")
    if arguments.write and not scale.whole:
        parser.error("what is written is measured as a whole: --write goes with neither --quick nor --part")
    names = arguments.names or NAMES
    writes = arguments.write or (not arguments.names and scale.whole)
    found = []
    for number, name in enumerate(names, start=1):
        started = time.monotonic()
        say(f"[{number}/{len(names)}] {name} …")
        findings = _measure(name, scale)
        found += findings
        say(f"[{number}/{len(names)}] {name}: {time.monotonic() - started:.0f} s")
        print(f"## {name}\n\n{table(findings)}\n", flush=True)
        if writes:
            _write(name, findings)
    say(verdict(found))
    return 0


def _measure(name: str, scale: Scale) -> list[Finding]:
    """Run one benchmark in a process of its own: what another loaded or left behind must not count."""
    command = [sys.executable, "-m", "tests.bench", name, "--inside", "--part", str(scale.part)]
    return decoded(subprocess.check_output([*command, *(["--quick"] if scale.quick else [])], cwd=_ROOT))


def _measure_here(name: str, scale: Scale) -> int:
    module = importlib.import_module(f"tests.bench.{name}")
    sys.stdout.buffer.write(encoded(module.measure(scale)))
    return 0


def _write(name: str, findings: list[Finding]) -> None:
    """Put what was found into its section of the document, which is there already."""
    _DOCUMENT.write_text(document({**sections(_DOCUMENT.read_text()), name: section(name, findings)}))
    say(f"wrote its section of {_DOCUMENT.relative_to(_ROOT)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [*NAMES, *LONG]
    asked = "one of " + ", ".join(names) + f"; without any, all but {', '.join(LONG)}, and the document is written"
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="NAME", help=asked)
    parser.add_argument("--write", action="store_true", help="write the sections of these in docs/BENCHMARKS.md")
    parser.add_argument("--part", type=_part, default=1.0, help="how much of the work to do: above 0, at most 1")
    parser.add_argument("--quick", action="store_true", help="only see that they run; the figures mean nothing")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where the sets of `retrieval` are")
    parser.add_argument("--held-out", action="store_true", help="`briefing` asks the questions that are held out")
    parser.add_argument("--missed", action="store_true", help="`briefing` names the questions it does not answer")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


def _part(text: str) -> float:
    part = float(text)
    if not 0 < part <= 1:
        raise ValueError
    return part


if __name__ == "__main__":
    sys.exit(main())
