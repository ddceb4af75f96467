"""What does a program pay that says `import omnimem`?"""

import os
import subprocess
import sys
import time

from tests.bench.findings import Finding, Scale, percentile

#: What the thin client must not load.
_HEAVY = ("aiohttp", "apsw", "asyncio", "psutil", "watchdog")
_FLOOR = "`python -c pass`"


def measure(scale: Scale) -> list[Finding]:
    """Start Python with and without the import, in turn."""
    floors, subjects = [], []
    _start("import omnimem")  # writes the byte code, if nobody has yet
    for _ in range(scale.of(100, quick=3)):
        floors.append(_start("pass"))
        subjects.append(_start("import omnimem"))
    loaded = _loaded()
    return [
        Finding(
            what="`python -c 'import omnimem'`, more than the floor",
            figures=tuple(one - other for one, other in zip(subjects, floors, strict=True)),
            unit="ms",
            at_most=60,
            aside=f"{percentile(subjects, 50):.1f} and {percentile(floors, 50):.1f} ms in all",
            floor=_FLOOR,
        ),
        Finding(
            what=f"modules it loads of {', '.join(_HEAVY)}",
            figures=(len(loaded),),
            unit="modules",
            at_most=0,
            aside=", ".join(loaded) or "none",
            floor=_FLOOR,
        ),
    ]


def _start(program: str) -> float:
    """Return the ms that Python takes for *program*, from nothing to its end."""
    started = time.perf_counter()
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
    _, status = os.waitpid(pid, 0)
    taken = time.perf_counter() - started
    assert status == 0
    return taken * 1000


def _loaded() -> list[str]:
    program = f"import omnimem, sys; print(*(name for name in {_HEAVY} if name in sys.modules))"
    return subprocess.check_output([sys.executable, "-c", program], text=True).split()
