"""Which project a path belongs to, found by looking: `.omnimem.toml`, a git repository, or the folder itself.

The nearest boundary above the path wins. Git is never run: a `.git` directory, or the `gitdir:` file of a linked
worktree or submodule, says where the common directory is (gitrepository-layout(5)).
"""

import os
import stat
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from omnimem.errors import WorkspaceInvalid
from omnimem.model import Id, ProjectKind
from omnimemd.domain.projects import Place
from omnimemd.system.birth import folder_identity
from omnimemd.system.small_files import is_of, owners_for, read_small

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

    def is_directory(self, path: str) -> bool | None:
        """Return whether *path* is a directory, or a link to one; None when nothing can be seen there."""
        try:
            return stat.S_ISDIR(os.stat(path).st_mode)
        except (OSError, ValueError):
            return None

    def look(self, path: str) -> Place:
        """Return what is found at *path* and above it."""
        real = _real(path)
        if not os.path.exists(real):
            raise WorkspaceInvalid.field("path", f"{path!r} does not exist")
        start = Path(real if os.path.isdir(real) else os.path.dirname(real))
        owners = owners_for(str(start))
        named: tuple[Path, _Marker] | None = None
        for folder in (start, *start.parents):
            marker = self._marker(folder, owners)
            if marker is not None and marker.project_id is not None:
                return _marked(folder, marker, owners)
            if marker is not None and named is None:
                named = folder, marker
            repository = _repository_at(folder, owners)
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

    def _marker(self, folder: Path, owners: Collection[int]) -> "_Marker | None":
        file = folder / MARKER_NAME
        try:
            found = file.stat()
            if not is_of(str(file), owners) or not stat.S_ISREG(found.st_mode):
                return None
            version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            known = self._markers.get(file)
            if known is not None and known[0] == version:
                return known[1]
            if len(self._markers) >= _MARKERS_KEPT:
                self._markers.clear()
        except OSError:
            return None
        text = read_small(str(file), follow=True)
        if text is None:
            return None
        marker = _parsed(file, text)
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


def _parsed(file: Path, text: bytes) -> _Marker:
    try:
        return msgspec.convert(tomllib.loads(text.decode("utf-8")), _Marker)
    except (ValueError, msgspec.ValidationError) as error:
        # To go on without it would file the work under another project.
        raise WorkspaceInvalid.field("path", f"{file} has a mistake: {error}", hint=f"Correct {file}.") from error


def _marked(folder: Path, marker: _Marker, owners: Collection[int]) -> Place:
    worktree = next((str(one) for one in (folder, *folder.parents) if _repository_at(one, owners) is not None), None)
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


def _repository_at(folder: Path, owners: Collection[int]) -> _Repository | None:
    """Return the repository whose working tree's root, or bare directory, *folder* is."""
    dot_git = folder / ".git"
    if _is_git_dir(dot_git, owners):
        return _Repository(dot_git.resolve())
    pointer = read_small(str(dot_git), follow=True) if is_of(str(dot_git), owners) else None
    if pointer is None:
        # What lies in a .git folder is not bare: it is the working tree's above it, or a submodule's of that.
        bare = ".git" not in folder.parts and _is_git_dir(folder, owners) and (folder / "refs").is_dir()
        return _Repository(folder, bare=True) if bare else None
    first = pointer.decode("utf-8", "surrogateescape").split("\n", 1)[0]
    if not first.startswith("gitdir: ") or "\0" in first:
        return None
    git_dir = (folder / first.removeprefix("gitdir: ").strip()).resolve()
    shared = read_small(str(git_dir / "commondir"))
    if shared is None:
        return _Repository(git_dir) if _is_git_dir(git_dir, owners) else None  # a submodule, or a separate git dir
    common = (git_dir / shared.decode("utf-8", "surrogateescape").strip()).resolve()
    return _Repository(common, linked=True) if _is_git_dir(common, owners) else None


def _is_git_dir(path: Path, owners: Collection[int]) -> bool:
    try:
        return is_of(str(path), owners) and (path / "HEAD").is_file() and (path / "objects").is_dir()
    except OSError:
        return False
