"""The README shows what the command prints."""

import re
from typing import Final

import pytest

from tests.cli.home import ROOT, Home

#: What differs from run to run, and what stands for it.
_VARYING: Final = (
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\bsess_[0-9a-f]{12}\b", "SESSION"),
    (r"\bprocess \d+", "process PID"),
    (r"\bafter (\d+ (min|s) ?)+", "after SPAN"),
    (r"\bjust now\b|\b\d+ (min|s) ago\b", "AGO"),
    (r"\b\d\.\d\d\b", "NUMBER"),
    (r" {2,}", "  "),
)


@pytest.mark.needs("linux")
def test_the_sample_of_recording_is_what_is_printed(home: Home) -> None:
    (home.app / "tests").mkdir()
    (home.app / "src/discounts").mkdir(parents=True)
    for name in ("src/cart.py", "tests/test_cart.py"):
        (home.app / name).write_text("x\n")
    sample = re.search(
        r"^```console\n\$ python3 scripts/dev\.py run ~/src/app\n((?s:.*?))^```", _readme(), re.MULTILINE
    )

    with home.terminal("record", str(home.app), environ={"NO_COLOR": "1"}) as terminal:
        terminal.until("Ctrl-C ends it")
        for line, shown in (
            ("cat src/cart.py", "read    src/cart.py"),
            ("cat tests/test_cart.py", "read    tests/test_cart.py"),
            ("echo y >> src/cart.py", "write   src/cart.py"),
            ("echo z > src/discounts/rules.py", "create  src/discounts/rules.py"),
            ("mv src/discounts/rules.py src/rules.py", "move    src/rules.py"),
        ):
            home.shell(line)
            terminal.until(shown)
        terminal.type("\x03")
        status = terminal.ended()

    assert status == 0
    assert sample is not None
    assert _constant(terminal.shown.replace("\r\n", "\n")) == _constant(sample[1])


def _readme() -> str:
    return (ROOT / "README.md").read_text()


def _constant(text: str) -> list[str]:
    """Return the lines of *text* without what differs from run to run."""
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    return [line.rstrip() for line in text.splitlines()]
