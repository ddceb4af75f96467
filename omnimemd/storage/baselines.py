"""Baselines in the database: a row for each root, and one for each of its directories that holds files."""

from collections.abc import Iterable, Mapping
from typing import Final

import apsw
import msgspec

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import FileFacts

#: Parameters in one statement: below SQLite's limit for any build (limits.html).
_AT_ONCE: Final = 500


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one root beside its directories."""

    key: int
    root: str
    complete: bool
    through: Millis
    lost_since: Millis | None
    left_at: Millis | None


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    names: bytes  # parted by NUL, which no name contains
    inodes: tuple[int, ...]
    sizes: tuple[int, ...]
    mtimes: tuple[int, ...]
    ctimes: tuple[int, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def packed(files: Iterable[FileFacts]) -> bytes:
    """Return *files*, of one directory and at least one, as the bytes of its row: the same for the same facts."""
    ordered = sorted(files, key=_name)
    names = "\0".join(map(_name, ordered)).encode("utf-8", "surrogateescape")
    _, inodes, sizes, mtimes, ctimes = zip(*map(msgspec.structs.astuple, ordered), strict=True)
    return _encode(_Packed(names, inodes, sizes, mtimes, ctimes))


def unpacked(row: bytes) -> dict[str, FileFacts]:
    """Return the facts in *row*, by name."""
    one = _decode(row)
    names = one.names.decode("utf-8", "surrogateescape").split("\0")
    return dict(zip(names, map(FileFacts, names, one.inodes, one.sizes, one.mtimes, one.ctimes), strict=True))


def every(db: apsw.Connection) -> list[Baseline]:
    """Return the baseline of every root, by its path."""
    rows = db.execute(
        "SELECT baseline_key, root, complete, through, lost_since, left_at FROM baselines "
        "WHERE substr(root, 1, 1) = x'2f' ORDER BY root"
    )
    return [
        Baseline(
            key=key, root=_path(root), complete=bool(complete), through=through, lost_since=lost_since, left_at=left_at
        )
        for key, root, complete, through, lost_since, left_at in rows
    ]


def begin(db: apsw.Connection, root: str, *, at: Millis) -> int:
    """Begin the baseline of *root*, of which nothing is known; return its key."""
    db.execute("INSERT INTO baselines (root, through) VALUES (?, ?)", (_bytes(root), at))
    return db.last_insert_rowid()


def completed(db: apsw.Connection, key: int, *, through: Millis) -> None:
    """Note that every file was looked at, and that all that was told up to *through* is in the facts."""
    db.execute("UPDATE baselines SET complete = 1, through = ? WHERE baseline_key = ?", (through, key))


def renewed(db: apsw.Connection, keys: Iterable[int], *, through: Millis) -> None:
    """Note that all that was told up to *through* is in the facts of these baselines."""
    db.executemany("UPDATE baselines SET through = ? WHERE baseline_key = ?", [(through, key) for key in keys])


def losing(db: apsw.Connection, keys: Iterable[int], *, since: Millis | None) -> None:
    """Note since when there is a gap that is not recorded yet; None: there is none."""
    db.executemany("UPDATE baselines SET lost_since = ? WHERE baseline_key = ?", [(since, key) for key in keys])


def left(db: apsw.Connection, *, at: Millis | None) -> None:
    """Note that nobody keeps the baselines from now on, or (None) that somebody does again."""
    db.execute("UPDATE baselines SET left_at = ?", (at,))


def rows(db: apsw.Connection, key: int, directories: Iterable[str]) -> dict[str, bytes]:
    """Return the rows of those of *directories* (below the root) that have one."""
    found: dict[str, bytes] = {}
    wanted = list(map(_bytes, directories))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        sql = f"SELECT directory, files FROM baseline_directories WHERE baseline = ? AND directory IN ({marks})"  # noqa: S608
        found.update((_path(directory), files) for directory, files in db.execute(sql, (key, *some)))
    return found


def directories(db: apsw.Connection, key: int) -> list[str]:
    """Return every directory (below the root) that has a row."""
    return [
        _path(one) for (one,) in db.execute("SELECT directory FROM baseline_directories WHERE baseline = ?", (key,))
    ]


def below(db: apsw.Connection, key: int, directory: str) -> list[str]:
    """Return *directory* and every directory below it that has a row."""
    name = _bytes(directory)
    found = db.execute(
        "SELECT directory FROM baseline_directories "
        "WHERE baseline = ? AND (directory = ? OR (directory > ? AND directory < ?))",
        (key, name, name + b"/", name + b"0"),  # "0" is the character behind "/"
    )
    return [_path(one) for (one,) in found]


def put(db: apsw.Connection, key: int, changed: Mapping[str, bytes | None]) -> None:
    """Keep the rows *changed*, by their directory below the root; None: it holds no files."""
    db.executemany(
        "INSERT INTO baseline_directories (baseline, directory, files) VALUES (?1, ?2, ?3) "
        "ON CONFLICT DO UPDATE SET files = ?3",
        [(key, _bytes(directory), files) for directory, files in changed.items() if files is not None],
    )
    db.executemany(
        "DELETE FROM baseline_directories WHERE baseline = ? AND directory = ?",
        [(key, _bytes(directory)) for directory, files in changed.items() if files is None],
    )


def disown(db: apsw.Connection, key: int) -> None:
    """Make the root of the baseline *key* free for another; its rows are left to `forget_some`."""
    db.execute("UPDATE baselines SET root = CAST(baseline_key AS BLOB) WHERE baseline_key = ?", (key,))


def abandoned(db: apsw.Connection) -> list[int]:
    """Return the keys of the baselines that were disowned and are not all forgotten."""
    return [key for (key,) in db.execute("SELECT baseline_key FROM baselines WHERE substr(root, 1, 1) <> x'2f'")]


def forget_some(db: apsw.Connection, key: int, *, limit: int) -> bool:
    """Delete up to *limit* rows of the baseline *key*, at last itself; return whether it is gone."""
    db.execute(
        "DELETE FROM baseline_directories WHERE rowid IN "
        "(SELECT rowid FROM baseline_directories WHERE baseline = ? LIMIT ?)",
        (key, limit),
    )
    if db.changes() == limit:
        return False
    db.execute("DELETE FROM baselines WHERE baseline_key = ?", (key,))
    return True


def release_memory(db: apsw.Connection) -> None:
    """Have SQLite free the pages that a survey has brought into its memory: they are read again when needed."""
    db.pragma("shrink_memory")


def _name(facts: FileFacts) -> str:
    return facts.name


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _path(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
