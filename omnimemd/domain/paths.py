"""Paths as the rules see them: absolute, normal, bytes that are not UTF-8 surrogate-escaped (os.fsdecode)."""

import base64
import posixpath


def absolute(path: str, *, workspace: str) -> str:
    """Return *path*, taken from *workspace* if it is relative, without `.`, `..` and doubled slashes."""
    normal = posixpath.normpath(path if path.startswith("/") else f"{workspace}/{path}")
    return normal[1:] if normal.startswith("//") else normal  # POSIX keeps a leading "//": here it means "/"


def is_within(path: str, root: str) -> bool:
    """Return whether *path* is *root* or lies below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def shown(path: str) -> str:
    r"""Return *path* as text: each byte that is not UTF-8 as `\xNN`."""
    if path.isascii():
        return path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def raw(path: str) -> str | None:
    """Return the bytes of *path* in base64 where they are not UTF-8, None otherwise."""
    if path.isascii():
        return None
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return base64.b64encode(path.encode("utf-8", "surrogateescape")).decode("ascii")
    return None


def from_raw(raw: str) -> str:
    """Return the path whose bytes *raw* is the base64 of.

    Raises:
        ValueError: it is none.
    """
    return base64.b64decode(raw, validate=True).decode("utf-8", "surrogateescape")


def escaped(path: str) -> str:
    """Return *path* as Unicode that keeps every byte (one character each), for JSON of our own."""
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("latin-1")


def unescaped(text: str) -> str:
    """Return the path that `escaped` made *text* of."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
