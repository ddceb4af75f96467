"""Which project a path belongs to, found by looking: `.omnimem.toml`, a git repository, or the folder itself.

The nearest boundary above the path wins. Git is never run: a `.git` directory, or the `gitdir:` file of a linked
worktree or submodule, says where the common directory is (gitrepository-layout(5)).
"""

import os
import stat
from collections.abc import Collection
from pathlib import Path

import msgspec

from omnimem.errors import WorkspaceInvalid
from omnimem.model import ProjectKind
from omnimemd.domain.projects import Place
from omnimemd.system.birth import folder_identity
from omnimemd.system.project_files import OMNIMEM_TOML, ProjectFile, ProjectFileMistake, ProjectFiles
from omnimemd.system.small_files import is_of, owners_for, read_small


class SystemPlaces:
    """Looks at the real file system."""

    def __init__(self, project_files: ProjectFiles | None = None) -> None:
        """Take what `.omnimem.toml` says from *project_files*."""
        self._project_files = project_files or ProjectFiles()

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
        named: tuple[Path, ProjectFile] | None = None
        for folder in (start, *start.parents):
            marker = self._marker(folder, owners)
            if marker is not None and marker.project_id is not None:
                return _marked(folder, marker, owners)
            if marker is not None and named is None:
                named = folder, marker
            repository = _repository_at(folder, owners)
            if repository is not None:
                return _git_place(folder, repository, named[1] if named else ProjectFile())
        root, marker = named or (start, ProjectFile())
        return Place(
            kind=ProjectKind.PATH,
            root=str(root),
            worktree=None,
            identity=folder_identity(str(root)),
            name=marker.name,
            track=marker.track,
        )

    def _marker(self, folder: Path, owners: Collection[int]) -> ProjectFile | None:
        file = str(folder / OMNIMEM_TOML)
        if not is_of(file, owners):
            return None
        try:
            return self._project_files.read(file)
        except ProjectFileMistake as error:
            # To go on without it would file the work under another project.
            raise WorkspaceInvalid.field("path", str(error), hint=f"Correct {file}.") from error


def _real(path: str) -> str:
    if not os.path.isabs(path):
        raise WorkspaceInvalid.field("path", f"{path!r} is not an absolute path")
    try:
        real = os.path.realpath(path)
        real.encode("utf-8")
    except (UnicodeEncodeError, ValueError) as error:
        raise WorkspaceInvalid.field("path", f"{path!r} is not a path that can be written as text") from error
    return real


def _marked(folder: Path, marker: ProjectFile, owners: Collection[int]) -> Place:
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


def _git_place(folder: Path, repository: _Repository, marker: ProjectFile) -> Place:
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
