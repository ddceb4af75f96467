"""How often a test that repeats itself does so: often enough to notice in CI, as often as is promised when asked.

`OMNIMEM_WHOLE=1 python3 scripts/dev.py test tests/e2e/…` runs every repetition.
"""

import os


def times(usual: int, *, whole: int) -> int:
    """Return *usual*, or *whole* where the whole is asked for."""
    return whole if os.environ.get("OMNIMEM_WHOLE") == "1" else usual
