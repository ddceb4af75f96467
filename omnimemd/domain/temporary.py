"""Tell what editors and tools make beside the file somebody works on from the file itself."""

import re
from typing import Final

#: What editors and tools call the file they write before they rename it over the real one.
_TEMPORARY: Final = re.compile(
    r"""
      sed[A-Za-z0-9]{6}             # sed -i
    | .*(\.|_|-)te?mp(\b|_|\d).*    # a.py.tmp, a.tmp.1234, .tmp_a
    | te?mp(\d*|[._-].*)            # tmp1, temp-a
    | tmp[a-z0-9_]{8}(\..*)?        # tempfile.mkstemp
    | \.tmp[A-Za-z0-9]{6}           # tempfile of Rust: zed
    | .+\.\d{6,}                    # gofmt, write-file-atomic
    | .*~                           # backups
    | \..*\.sw[a-z]x?               # vim
    | \.goutputstream-.*            # GLib
    | .*___jb_(tmp|old)___          # JetBrains
    | \#.*\#                        # Emacs
    | .*\.(new|part|partial|crswap|lock)
    """,
    re.VERBOSE,
)

#: What is never worked on itself, whether or not it becomes something: swap files, locks, backups, probes.
_DROPPING: Final = re.compile(
    r"""
      \..+\.sw[a-z]x? | .+\.sw[opx]  # vim's swap files; without the first dot where its settings say so
    | 4913                          # vim tries whether a folder can be written to
    | .+~                           # backups
    | \.\#.+ | \#.+\#              # Emacs: locks, files saved by themselves
    | \.goutputstream-.+            # GLib
    | \..+\.kate-swp               # Kate's swap files
    | .+[A-Za-z0-9]{6}\.bck         # Helix
    | .+___jb_(tmp|old)___          # JetBrains
    | sed[A-Za-z0-9]{6}             # sed -i
    """,
    re.VERBOSE,
)


def is_dropping(name: str) -> bool:
    """Return whether the file *name* (without its folder) is an editor's own, which nobody works on."""
    return _DROPPING.fullmatch(name) is not None


def is_temporary(name: str) -> bool:
    """Return whether the file *name* (without its folder) looks as if it were to be renamed over another."""
    return name.startswith(".") or _TEMPORARY.fullmatch(name) is not None


def is_fleeting(name: str) -> bool:
    """Return whether the file *name* (without its folder) is of no interest when it is made and deleted in one go."""
    return _TEMPORARY.fullmatch(name) is not None


def becomes(temporary: str, real: str) -> bool:
    """Return whether the file named *temporary* was but the making of *real* (both without their folders)."""
    if _TEMPORARY.fullmatch(temporary):
        return True
    stem = temporary.removeprefix(".")
    return len(stem) > len(real) and stem.startswith(real) and not stem[len(real)].isalnum()
