"""How deep JSON may be nested: what is taken in must be given out again, and the encoder recurses."""

import re
from itertools import accumulate
from typing import Final

#: Levels; msgspec recurses on the C stack (some 1,000).
DEEPEST: Final = 100
#: Everything of a JSON text but its brackets.
_NOT_A_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[^][{}"]+', re.DOTALL)


def too_deep(text: bytes) -> bool:
    """Return whether the JSON *text* is nested over DEEPEST levels deep."""
    if text.count(b"[") + text.count(b"{") <= DEEPEST:
        return False
    steps = (1 if bracket in b"[{" else -1 for bracket in _NOT_A_BRACKET.sub(b"", text))
    return max(accumulate(steps), default=0) > DEEPEST
