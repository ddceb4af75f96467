"""Which project a path belongs to, found by looking: `.omnimem.toml`, a git repository, or the folder itself.

The nearest boundary above the path wins. Git is never run: a `.git` directory, or the `gitdir:` file of a linked
worktree or submodule, says where the common directory is (gitrepository-layout(5)).
"""

import os
import stat
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from omnimem.errors import WorkspaceInvalid
from omnimem.model import Id, ProjectKind
from omnimemd.domain.projects import Place
from omnimemd.system.birth import folder_identity

MARKER_NAME: Final = ".omnimem.toml"
_MARKERS_KEPT: Final = 256


class SystemPlaces:
    """Looks at the real file system.

    A marker is read again only when it changed: each reading is one that a watcher of its folder would report.
    """

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._markers: dict[Path, tuple[tuple[int, ...], _Marker]] = {}

    def directory(self, path: str) -> str:
        """Return the real path of the directory *path*."""
        real = _real(path)
        if not os.path.isdir(real):
            raise WorkspaceInvalid.field("path", f"{path!r} is not an existing directory")
        return real

    def real(self, path: str) -> str:
        """Return *path* absolute, normal and without links, as far as it exists."""
        return os.path.realpath(path)

    def look(self, path: str) -> Place:
        """Return what is found at *path* and above it."""
        real = _real(path)
        if not os.path.exists(real):
            raise WorkspaceInvalid.field("path", f"{path!r} does not exist")
        start = Path(real if os.path.isdir(real) else os.path.dirname(real))
        named: tuple[Path, _Marker] | None = None
        for folder in (start, *start.parents):
            marker = self._marker(folder)
            if marker is not None and marker.project_id is not None:
                return _marked(folder, marker)
            if marker is not None and named is None:
                named = folder, marker
            repository = _repository_at(folder)
            if repository is not None:
                return _git_place(folder, repository, named[1] if named else _Marker())
        root, marker = named or (start, _Marker())
        return Place(
            kind=ProjectKind.PATH,
            root=str(root),
            worktree=None,
            identity=folder_identity(str(root)),
            name=marker.name,
            track=marker.track,
        )

    def _marker(self, folder: Path) -> "_Marker | None":
        file = folder / MARKER_NAME
        try:
            found = file.stat()
            if not stat.S_ISREG(found.st_mode):
                return None
            version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            known = self._markers.get(file)
            if known is not None and known[0] == version:
                return known[1]
            if len(self._markers) >= _MARKERS_KEPT:
                self._markers.clear()
            marker = _read(file)
        except OSError:
            return None
        self._markers[file] = version, marker
        return marker


class _Marker(msgspec.Struct, frozen=True):
    """What `.omnimem.toml` may say; other members are not this module's."""

    project_id: Id | None = None
    name: str | None = None
    track: bool = True


def _real(path: str) -> str:
    if not os.path.isabs(path):
        raise WorkspaceInvalid.field("path", f"{path!r} is not an absolute path")
    try:
        real = os.path.realpath(path)
        real.encode("utf-8")
    except (UnicodeEncodeError, ValueError) as error:
        raise WorkspaceInvalid.field("path", f"{path!r} is not a path that can be written as text") from error
    return real


def _read(file: Path) -> _Marker:
    try:
        return msgspec.convert(tomllib.loads(file.read_bytes().decode("utf-8")), _Marker)
    except (ValueError, msgspec.ValidationError) as error:
        # To go on without it would file the work under another project.
        raise WorkspaceInvalid.field("path", f"{file} has a mistake: {error}", hint=f"Correct {file}.") from error


def _marked(folder: Path, marker: _Marker) -> Place:
    worktree = next((str(one) for one in (folder, *folder.parents) if _repository_at(one) is not None), None)
    return Place(
        kind=ProjectKind.MARKER,
        root=str(folder),
        worktree=worktree,
        identity=folder_identity(str(folder)),
        project_id=marker.project_id,
        name=marker.name,
        track=marker.track,
    )


class _Repository(msgspec.Struct, frozen=True):
    """A git repository, as seen from the root of one of its working trees, or from itself if it is bare."""

    common_dir: Path
    linked: bool = False  #: the working tree is a linked one (git-worktree(1))
    bare: bool = False


def _git_place(folder: Path, repository: _Repository, marker: _Marker) -> Place:
    common = repository.common_dir
    # The main working tree is the project's root, whichever of its linked worktrees was asked about.
    root = common.parent if repository.linked and common.name == ".git" else folder
    return Place(
        kind=ProjectKind.GIT,
        root=str(root),
        worktree=None if repository.bare else str(folder),
        identity=folder_identity(str(common)),
        name=marker.name,
        track=marker.track,
    )


def _repository_at(folder: Path) -> _Repository | None:
    """Return the repository whose working tree's root, or bare directory, *folder* is."""
    dot_git = folder / ".git"
    if _is_git_dir(dot_git):
        return _Repository(dot_git.resolve())
    try:
        first = dot_git.read_bytes()[:4096].decode("utf-8", "surrogateescape").split("\n", 1)[0]
    except OSError:
        # What lies in a .git folder is not bare: it is the working tree's above it, or a submodule's of that.
        bare = ".git" not in folder.parts and _is_git_dir(folder) and (folder / "refs").is_dir()
        return _Repository(folder, bare=True) if bare else None
    if not first.startswith("gitdir: ") or "\0" in first:
        return None
    git_dir = (folder / first.removeprefix("gitdir: ").strip()).resolve()
    try:
        shared = (git_dir / "commondir").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return _Repository(git_dir) if _is_git_dir(git_dir) else None  # a submodule, or a separate git dir
    common = (git_dir / shared).resolve()
    return _Repository(common, linked=True) if _is_git_dir(common) else None


def _is_git_dir(path: Path) -> bool:
    try:
        return (path / "HEAD").is_file() and (path / "objects").is_dir()
    except OSError:
        return False
