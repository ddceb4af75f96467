"""What looks at files found out, as file events: who went, who came, and which of them is the same file moved.

Several roots may see one file; what each finds of it becomes one event that names them all.
"""

from collections.abc import Iterator

from omnimemd.domain.clock import Millis
from omnimemd.domain.file_events import Change, FileEvent, FileFacts


class _Finding:
    """One file at one path, and the roots that found it so."""

    __slots__ = ("facts", "roots")

    def __init__(self, facts: FileFacts) -> None:
        self.facts = facts
        self.roots: list[str] = []


class Findings:
    """Gathers what is found in one look, from any number of roots."""

    def __init__(self, cookies: Iterator[int]) -> None:
        """Begin empty; *cookies* gives a number that no other move has, for each that is found."""
        self._cookies = cookies
        self._gone: dict[str, _Finding] = {}
        self._born: dict[str, _Finding] = {}
        self._written: dict[str, _Finding] = {}

    def gone(self, root: str, directory: str, facts: FileFacts) -> None:
        """Note that the file with these last known *facts* is not there any more, or another file is."""
        _add(self._gone, root, directory, facts)

    def born(self, root: str, directory: str, facts: FileFacts) -> None:
        """Note a file that was not there before."""
        _add(self._born, root, directory, facts)

    def written(self, root: str, directory: str, facts: FileFacts) -> None:
        """Note a file whose content changed."""
        _add(self._written, root, directory, facts)

    def events(self, at: Millis) -> list[FileEvent]:
        """Return what happened, in the order of the files' last changes; what is gone comes first.

        A file that went and one that came are one that moved when inode, size and time of the last write are the
        same: an inode alone is given to the next file that is made. A file that came where another went is a write
        of it, as an editor saves.
        """
        came = {_key(finding.facts): path for path, finding in self._born.items()}
        moves = {
            path: target
            for path, finding in self._gone.items()
            if (target := came.get(_key(finding.facts))) is not None and target != path
        }
        arrived = set(moves.values())
        told: list[tuple[int, list[FileEvent]]] = []
        for path, finding in self._gone.items():
            if path in moves:
                new, cookie = self._born[moves[path]], next(self._cookies)
                pair = [
                    FileEvent(tuple(finding.roots), path, Change.MOVED_FROM, at, cookie),
                    FileEvent(tuple(new.roots), moves[path], Change.MOVED_TO, at, cookie),
                ]
                told.append((new.facts.ctime_ns, pair))
            elif path not in self._born:
                told.append((0, [FileEvent(tuple(finding.roots), path, Change.DELETED, at)]))
        for path, finding in self._born.items():
            if path not in arrived:
                change = Change.WRITTEN if path in self._gone and path not in moves else Change.FOUND
                told.append((finding.facts.ctime_ns, [FileEvent(tuple(finding.roots), path, change, at)]))
        for path, finding in self._written.items():
            told.append((finding.facts.ctime_ns, [FileEvent(tuple(finding.roots), path, Change.WRITTEN, at)]))
        told.sort(key=lambda each: each[0])
        return [event for _, events in told for event in events]


def _key(facts: FileFacts) -> tuple[int, int, int]:
    return facts.inode, facts.size, facts.mtime_ns


def _add(findings: dict[str, _Finding], root: str, directory: str, facts: FileFacts) -> None:
    finding = findings.setdefault(f"{directory}/{facts.name}", _Finding(facts))
    if root not in finding.roots:
        finding.roots.append(root)
