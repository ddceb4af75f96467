"""Finds and reads the files that say what is ignored: git's (without running git) and omnimem's own.

Reads plain files only, never follows a `.gitignore` that is a symbolic link (nor does git), never blocks on a
pipe. Of git's configuration the user's two files are read, for core.excludesFile; their include directives
are not followed.
"""

import logging
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from omnimemd.domain.ignore import IgnoreRules, Patterns
from omnimemd.system.project_files import OMNIMEM_TOML, ProjectFileMistake, ProjectFiles
from omnimemd.system.small_files import is_of, owners_for, read_small

log = logging.getLogger(__name__)

GITIGNORE: Final = ".gitignore"
OMNIMEMIGNORE: Final = ".omnimemignore"
DOT_GIT: Final = ".git"
#: Their presence in a directory makes it differ from its parent; a change of one changes what is recorded.
TELLING: Final = frozenset((GITIGNORE, OMNIMEMIGNORE, OMNIMEM_TOML, DOT_GIT))

_SECTION = re.compile(r'\s*\[\s*([^\]\s"]+)\s*("[^"]*")?\s*\]')
_EXCLUDES_FILE = re.compile(r"\s*excludesfile\s*=\s*(.*)", re.IGNORECASE)


class GitDirectory(msgspec.Struct, frozen=True):
    """Where a repository is kept."""

    own: str  #: of one worktree: its index, its HEAD
    common: str  #: what all its worktrees share

    @property
    def excludes(self) -> str:
        """The file of patterns that is not part of the work."""
        return f"{self.common}/info/exclude"


class RuleFiles:
    """Reads rules for roots and directories of one user."""

    def __init__(self, *, environ: Mapping[str, str], project_files: ProjectFiles) -> None:
        self._project_files = project_files
        self._sound: dict[str, Patterns] = {}  # what `.omnimem.toml` said when it was last without a mistake, by path
        self._home = environ.get("HOME") or os.path.expanduser("~")
        self._xdg_git = f"{environ.get('XDG_CONFIG_HOME') or f'{self._home}/.config'}/git"
        self.configs = (f"{self._xdg_git}/config", f"{self._home}/.gitconfig")  #: the latter wins
        self._users: Patterns | None = None

    def above(self, root: str) -> IgnoreRules:
        """Return the rules that reach into *root* from outside: the user's (see `read_users`), its repository's."""
        rules = IgnoreRules().inside(root, git=self._users, ours=None)
        owners = owners_for(root)
        directories = self.directories_above(root)
        for directory in directories:
            top = directories[0]
            present = [name for name in TELLING if is_of(f"{directory}/{name}", owners)]
            rules = self.inside(rules, directory, present, top=directory == top)
        return rules

    def directories_above(self, root: str) -> list[str]:
        """Return the directories from the top of the repository that *root* lies in down to its parent."""
        above = [str(parent) for parent in Path(root).parents]
        owners = owners_for(root)
        begins = (one for one in above if is_of(f"{one}/{DOT_GIT}", owners) and git_directory(one) is not None)
        top = next(begins, None)
        if top is None or git_directory(root) is not None:
            return []
        return above[above.index(top) :: -1]

    def users_files(self) -> list[str]:
        """Return the files that may say what this user ignores everywhere, whether they are there or not."""
        files = [*self.configs, self._users_file()]
        return list(dict.fromkeys([*files, *map(os.path.realpath, files)]))

    def read_users(self) -> None:
        """Read what this user ignores everywhere; it holds until the next call."""
        self._users = _patterns(self._users_file(), follow=True)

    def inside(self, rules: IgnoreRules, directory: str, names: Collection[str], *, top: bool) -> IgnoreRules:
        """Return the rules inside *directory*, of whose entries *names* has at least those in TELLING.

        Args:
            rules: those of the directory above; another repository that begins here leaves git's part of them
            behind.
            top: whether *directory* is a root or the top of its repository: only there `.omnimem.toml`
            counts.
        """
        if DOT_GIT in names:
            git = git_directory(directory)
            if git is not None:
                rules = IgnoreRules(ours=rules.ours).inside(directory, git=self._users, ours=None)
                rules = rules.inside(directory, git=_patterns(git.excludes, follow=True), ours=None)
        if top and OMNIMEM_TOML in names:
            rules = rules.inside(directory, git=None, ours=self._project_patterns(f"{directory}/{OMNIMEM_TOML}"))
        return rules.inside(
            directory,
            git=_patterns(f"{directory}/{GITIGNORE}") if GITIGNORE in names else None,
            ours=_patterns(f"{directory}/{OMNIMEMIGNORE}") if OMNIMEMIGNORE in names else None,
        )

    def _project_patterns(self, path: str) -> Patterns | None:
        """Return what the file at *path* names; while it has a mistake, what it named before."""
        if os.path.islink(path):
            return None
        try:
            found = self._project_files.read(path)
        except ProjectFileMistake as error:
            log.warning("project file refused", extra={"path": path, "problem": str(error)})
            return self._sound.get(path)
        if found is None:
            self._sound.pop(path, None)
            return None
        patterns = self._sound[path] = Patterns(found.ignore, source=path)
        return patterns

    def _users_file(self) -> str:
        """Return core.excludesFile, or what git takes where none is given."""
        named = None
        for config in self.configs:
            named = _excludes_file(_read(config, follow=True) or "") or named
        if named is None:
            return f"{self._xdg_git}/ignore"
        return os.path.join(self._home, named.removeprefix("~/"))


def _excludes_file(config: str) -> str | None:
    """Return core.excludesFile of git's *config*, the last one given."""
    section, found = "", None
    for line in config.splitlines():
        header = _SECTION.match(line)
        if header:
            section = header[1].lower() if header[2] is None else ""
        value = _EXCLUDES_FILE.match(line, header.end() if header else 0)
        if section == "core" and value:
            found = _config_value(value[1])
    return found


def _config_value(text: str) -> str:
    """Undo quotes, escapes and comments of a value in git's configuration (git-config(1), "Syntax")."""
    out: list[str] = []
    quoted = escaped = False
    for char in text.strip():
        if escaped:
            out.append({"n": "\n", "t": "\t"}.get(char, char))
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            break
        else:
            out.append(char)
    return "".join(out) if quoted else "".join(out).rstrip()


def git_directory(worktree: str) -> GitDirectory | None:
    """Return where the repository of *worktree* is kept; None when none begins here."""
    git = f"{worktree}/{DOT_GIT}"
    pointer = None if os.path.isdir(git) else _read(git)
    if pointer is not None and pointer.startswith("gitdir:"):
        git = os.path.normpath(os.path.join(worktree, pointer.removeprefix("gitdir:").strip()))
    if not os.path.lexists(f"{git}/HEAD"):
        return None
    common = _read(f"{git}/commondir")
    return GitDirectory(git, git if common is None else os.path.normpath(os.path.join(git, common.strip())))


def _patterns(path: str, *, follow: bool = False) -> Patterns | None:
    text = _read(path, follow=follow)
    return None if text is None else Patterns(text.removeprefix("\ufeff").split("\n"), source=path)


def _read(path: str, *, follow: bool = False) -> str | None:
    """Return the text of a small file, None when there is none that can be read."""
    found = read_small(path, follow=follow)
    return None if found is None else os.fsdecode(found)
