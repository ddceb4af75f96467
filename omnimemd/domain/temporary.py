"""Tell a temporary file that becomes a real one by renaming from a file that is renamed."""

import re
from typing import Final

#: What editors and tools call the file they write before they rename it over the real one.
_TEMPORARY: Final = re.compile(
    r"""
      sed[A-Za-z0-9]{6}             # sed -i
    | .*(\.|_|-)te?mp(\b|_|\d).*    # a.py.tmp, a.tmp.1234, .tmp_a
    | te?mp(\d*|[._-].*)            # tmp1, temp-a
    | tmp[a-z0-9_]{8}(\..*)?        # tempfile.mkstemp
    | .*~                           # backups
    | \..*\.sw[a-z]                 # vim
    | \.goutputstream-.*            # GLib
    | .*___jb_(tmp|old)___          # JetBrains
    | \#.*\#                        # Emacs
    | .*\.(new|part|partial|crswap|lock)
    """,
    re.VERBOSE,
)


def becomes(temporary: str, real: str) -> bool:
    """Return whether the file named *temporary* was but the making of *real* (both without their folders)."""
    if _TEMPORARY.fullmatch(temporary):
        return True
    stem = temporary.removeprefix(".")
    return len(stem) > len(real) and stem.startswith(real) and not stem[len(real)].isalnum()
