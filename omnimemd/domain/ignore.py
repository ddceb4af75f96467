"""Which paths of a workspace are never recorded: git's own rules, then omnimem's, as pure functions of text.

Owns the pattern language and the order in which files of patterns are asked; finding and reading those files
is `system.watcher.rule_files`' work. The language is translated here, to git's own algorithm (wildmatch.c,
dir.c): it asks about one entry whose parents are known to be visible, which a matcher of whole paths answers
differently (`x/**` is not x itself, `a/**/` is not a, `[[:alpha:]]`, `foo` beside `!foo/`).

Characters are compared where git compares bytes; they differ for `?` and `[…]` against names beyond ASCII
only.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NewType

import msgspec

#: An absolute directory path without a trailing slash; "/" is "".
Base = NewType("Base", str)

#: Directories that no rule can bring back: version control, installed packages and caches.
NEVER_WATCHED = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj"),
        *("node_modules", ".venv", "venv"),
        *("__pycache__", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".cache"),
    )
)
#: Its name is taken by a file too in linked worktrees and submodules (gitrepository-layout(5)).
_GIT = ".git"
_SPECIAL = re.compile(r"[*?\[\\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f", "digit": "0-9",
    "graph": r"\x21-\x7e", "lower": "a-z", "print": r"\x20-\x7e", "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v", "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip
_NOTHING = r"(?!)"


class Rule(msgspec.Struct, frozen=True):
    """One line of one file of patterns, as `explain` shows it."""

    pattern: str  #: as written
    source: str  #: the file it stands in, or "omnimem" for the built-in list
    line: int  #: counted from 1


class Verdict(msgspec.Struct, frozen=True):
    """Whether an entry is ignored, and the rule that decided; None when none speaks of it."""

    ignored: bool
    rule: Rule | None = None


class Patterns:
    """The rules of one file, indexed so that the common kinds (`name`, `*.ext`, `/some/path`) cost one look-up each."""

    __slots__ = ("_directories", "_files", "_negated", "rules")

    def __init__(self, lines: Iterable[str], *, source: str) -> None:
        self.rules: list[Rule] = []
        self._negated: list[bool] = []
        self._files = _Index()
        self._directories = _Index()
        for number, line in enumerate(lines, 1):
            parsed = _parse(line)
            if parsed is None:
                continue
            place = len(self.rules)
            self.rules.append(Rule(pattern=line.rstrip("\r\n"), source=source, line=number))
            self._negated.append(parsed.negated)
            self._directories.add(parsed, place)
            if not parsed.directories_only:
                self._files.add(parsed, place)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def decide(self, path: str, name: str, *, is_dir: bool) -> Verdict | None:
        """Return what the last rule that matches says.

        Args:
            path: relative to the file's directory; it ends in *name*.
        """
        place = (self._directories if is_dir else self._files).last(path, name)
        return None if place < 0 else Verdict(not self._negated[place], self.rules[place])

    def ignores(self, path: str, name: str, *, is_dir: bool) -> bool | None:
        """Answer as `decide` does, without naming the rule; None when no rule matches."""
        place = (self._directories if is_dir else self._files).last(path, name)
        return None if place < 0 else not self._negated[place]


class Layer(msgspec.Struct, frozen=True):
    """A file of patterns and the directory that its paths are relative to."""

    base: Base
    patterns: Patterns


class IgnoreRules(msgspec.Struct, frozen=True):
    """What is ignored directly inside one directory; subdirectories without rules of their own share it.

    Two independent chains, deepest file first, the first file with a match decides in each. What git ignores
    stays ignored: omnimem's chain adds to it, and its `!` takes back only what the same chain ignored.
    """

    git: tuple[Layer, ...] = ()
    ours: tuple[Layer, ...] = ()

    def inside(self, base: str, *, git: Patterns | None, ours: Patterns | None) -> "IgnoreRules":
        """Return the rules inside the directory *base* that holds these files; itself when it holds none."""
        if not git and not ours:
            return self
        return IgnoreRules(
            git=(Layer(Base(base), git), *self.git) if git else self.git,
            ours=(Layer(Base(base), ours), *self.ours) if ours else self.ours,
        )

    def says_what(self, other: "IgnoreRules") -> bool:
        """Tell whether *other* is made of the same lines of the same files."""
        return [[(layer.base, layer.patterns.rules) for layer in chain] for chain in (self.git, self.ours)] == [
            [(layer.base, layer.patterns.rules) for layer in chain] for chain in (other.git, other.ours)
        ]

    def ignores(self, directory: str, name: str, *, is_dir: bool) -> bool:
        """Tell whether the entry *name* of *directory* (absolute, visible itself) is ignored."""
        if is_dir:
            if name in NEVER_WATCHED:
                return True
        elif name == _GIT:
            return True
        for chain in (self.git, self.ours):
            for layer in chain:
                ignored = layer.patterns.ignores(_relative(directory, layer.base, name), name, is_dir=is_dir)
                if ignored:
                    return True
                if ignored is False:
                    break
        return False

    def verdict(self, directory: str, name: str, *, is_dir: bool) -> Verdict:
        """Say what `ignores` says, and which rule decided."""
        if name in NEVER_WATCHED and (is_dir or name == _GIT):
            return Verdict(True, Rule(pattern=name, source="omnimem", line=0))
        last = Verdict(False)
        for chain in (self.git, self.ours):
            for layer in chain:
                found = layer.patterns.decide(_relative(directory, layer.base, name), name, is_dir=is_dir)
                if found is not None and found.ignored:
                    return found
                if found is not None:
                    last = found
                    break
        return last


class _Parsed(msgspec.Struct, frozen=True):
    glob: str  # without `!`, the leading and the trailing slash
    negated: bool
    directories_only: bool
    by_name: bool  # holds no slash: matches the entry's own name at any depth


def _parse(line: str) -> _Parsed | None:
    """Read one line as git's dir.c does; None for blank lines, comments and what can never match."""
    text = line.removesuffix("\n").removesuffix("\r")
    if text.startswith("#"):
        return None
    text = _without_trailing_spaces(text)
    negated = text.startswith("!")
    if negated:
        text = text[1:]
    directories_only = text.endswith("/")
    if directories_only:
        text = text[:-1]
    by_name = "/" not in text
    glob = text.removeprefix("/")
    if not glob:
        return None
    return _Parsed(glob=glob, negated=negated, directories_only=directories_only, by_name=by_name)


def _without_trailing_spaces(text: str) -> str:
    kept = len(text.rstrip(" "))
    backslashes = kept - len(text[:kept].rstrip("\\"))
    return text[: kept + (backslashes % 2 and kept < len(text))]


class _Index:
    """The rules of one file that can match one kind of entry; each is known by its place in the file."""

    __slots__ = ("_any_name", "_any_path", "_extensions", "_names", "_names_re", "_paths", "_paths_re")

    def __init__(self) -> None:
        self._names: dict[str, int] = {}  # `name`
        self._extensions: dict[str, int] = {}  # `*.ext`
        self._paths: dict[str, int] = {}  # `/some/path`
        self._names_re: list[tuple[int, re.Pattern[str]]] = []
        self._paths_re: list[tuple[int, re.Pattern[str]]] = []
        self._any_name: re.Pattern[str] | None = None
        self._any_path: re.Pattern[str] | None = None

    def add(self, parsed: _Parsed, place: int) -> None:
        glob = parsed.glob
        if not _SPECIAL.search(glob):
            (self._names if parsed.by_name else self._paths)[glob] = place
        elif parsed.by_name and glob.startswith("*.") and not _SPECIAL.search(glob, 1) and "." not in glob[2:]:
            self._extensions[glob[1:]] = place
        else:
            regex = re.compile(_translate(glob, by_name=parsed.by_name), re.DOTALL)
            if parsed.by_name:
                self._names_re.append((place, regex))
                self._any_name = _any(self._names_re)
            else:
                self._paths_re.append((place, regex))
                self._any_path = _any(self._paths_re)

    def last(self, path: str, name: str) -> int:
        """Return the place of the last rule that matches, -1 when none does."""
        place = self._names.get(name, -1) if self._names else -1
        if self._extensions:
            dot = name.rfind(".")
            if dot >= 0:
                place = max(place, self._extensions.get(name[dot:], -1))
        if self._paths:
            place = max(place, self._paths.get(path, -1))
        if self._any_name is not None and self._any_name.fullmatch(name):
            place = max(place, _last(self._names_re, name))
        if self._any_path is not None and self._any_path.fullmatch(path):
            place = max(place, _last(self._paths_re, path))
        return place


def _any(regexes: Sequence[tuple[int, re.Pattern[str]]]) -> re.Pattern[str]:
    """Join *regexes* to one that asks in a single call whether any of them matches: mostly none does."""
    return re.compile("|".join(f"(?:{regex.pattern})" for _, regex in regexes), re.DOTALL)


def _last(regexes: Sequence[tuple[int, re.Pattern[str]]], text: str) -> int:
    return next((place for place, regex in reversed(regexes) if regex.fullmatch(text)), -1)


def _relative(directory: str, base: str, name: str) -> str:
    # A directory that was moved is asked about before its rules are read anew: its old base is no prefix
    # then.
    if len(directory) > len(base) and directory.startswith(base):
        return f"{directory[len(base) + 1 :]}/{name}"
    return name


def _translate(glob: str, *, by_name: bool) -> str:
    """Return a regular expression (for fullmatch, DOTALL) that matches what git's wildmatch matches."""
    out: list[str] = []
    # git compares the part before the first special character literally and begins its matcher behind it, so
    # that `a**/b` has its `**` "at the start": dir.c, match_pathname().
    special = _SPECIAL.search(glob)
    start = at = special.start() if special else len(glob)
    out.append(re.escape(glob[:at]))
    anything, one = (".*", ".") if by_name else ("[^/]*", "[^/]")
    while at < len(glob):
        char = glob[at]
        if char == "*":
            end = at
            while glob[end : end + 1] == "*":
                end += 1
            opened = at == start or glob[at - 1] == "/"
            if not by_name and end - at >= 2 and opened and re.match(r"\\?/|\Z", glob[end:]):
                slash = glob[end : end + 1] == "/"
                out.append("(?:.*/)?" if slash else ".*")
                at = end + slash
            else:
                out.append(anything)
                at = end
        elif char == "?":
            out.append(one)
            at += 1
        elif char == "[":
            bracket = _bracket(glob, at + 1)
            if bracket is None:
                return _NOTHING
            expression, at = bracket
            out.append(expression if by_name else f"(?!/){expression}")
        elif char == "\\":
            if at + 1 == len(glob):
                return _NOTHING
            out.append(re.escape(glob[at + 1]))
            at += 2
        else:
            out.append(re.escape(char))
            at += 1
    return "".join(out)


def _bracket(glob: str, at: int) -> tuple[str, int] | None:
    """Translate the bracket expression whose inside begins at *at*; None when it is never closed or names no class."""
    negated = glob[at : at + 1] in ("!", "^")
    at += negated
    members: list[str] = []
    first = True
    previous: str | None = None  # the character a `-` would start its range from
    while first or glob[at : at + 1] != "]":
        first = False
        char = glob[at : at + 1]
        if not char:
            return None
        at += 1
        if char == "[" and glob[at : at + 1] == ":":
            close = glob.find("]", at)
            if close < 0:
                return None
            if glob[close - 1] == ":" and close - 1 > at:
                members_of = _CLASSES.get(glob[at + 1 : close - 1])
                if members_of is None:
                    return None
                members.append(members_of)
                previous = None
                at = close + 1
                continue
        if char == "-" and previous is not None and glob[at : at + 1] not in ("]", ""):
            char = glob[at]
            at += 1
            if char == "\\":
                char = glob[at : at + 1]
                at += 1
                if not char:
                    return None
            if previous <= char:
                members.append(f"{re.escape(previous)}-{re.escape(char)}")
            previous = None
            continue
        if char == "\\":
            char = glob[at : at + 1]
            at += 1
            if not char:
                return None
        members.append(re.escape(char))
        previous = char
    inside = "".join(members)
    if not inside:
        return ("." if negated else _NOTHING), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1
