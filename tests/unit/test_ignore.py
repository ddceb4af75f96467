"""The pattern language is git's: every rule is asked here and of git itself."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnimemd.domain.ignore import NEVER_WATCHED, IgnoreRules, Patterns

#: What patterns are made of, the odd pieces included.
PIECES = [
    *"a b ab foo x .py *.py * ** ? / / ! # \\ [ ] - [ab] [!a] [^b] [a-c] [[:alpha:]] **/ /** *. {".split(),
    " ",
    "\t",
]
NAMES = ["a", "b", "ab", "aab", "foo", "a.py", "b.py", "x", "c", "#a", "a ", "[a]", "-", "foo.py", "!a", "a\\b"]

patterns = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join), max_size=5)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)


def ignored(rules: IgnoreRules, path: str, *, is_dir: bool) -> bool:
    """Ask as the watcher does: from the top, each directory before what is in it."""
    names = path.split("/")
    return any(
        rules.ignores("/".join(["/w", *names[:n]]), name, is_dir=is_dir or n < len(names) - 1)
        for n, name in enumerate(names)
    )


def rules_of(lines: Sequence[str]) -> IgnoreRules:
    return IgnoreRules().inside("/w", git=Patterns(lines, source="/w/.gitignore"), ours=None)


@contextmanager
def on_disk(top: Path, entries: dict[str, bool]) -> Iterator[dict[str, bool]]:
    """Make what can be made of *entries* (path → is a directory), and yield that."""
    made: dict[str, bool] = {}
    for path, is_dir in entries.items():
        place = top / path
        try:
            (place if is_dir else place.parent).mkdir(parents=True, exist_ok=True)
            if not is_dir:
                place.touch(exist_ok=False)
        except (FileExistsError, NotADirectoryError):
            continue
        made[path] = is_dir
    yield made
    subprocess.run(["find", top, "-mindepth", "1", "-not", "-path", f"{top}/.git*", "-delete"], check=True)


def git_ignores(top: Path, entries: Sequence[str]) -> dict[str, bool]:
    """Ask git which of *entries* it ignores; `-v -n` answers for each, with the pattern that decided."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "HOME": str(top)}
    answer = subprocess.run(
        ["git", "-C", top, "check-ignore", "--no-index", "-v", "-n", "-z", "--stdin"],
        input="\0".join(entries), capture_output=True, text=True, check=False, env=environment,
    ).stdout.split("\0")  # fmt: skip
    fields = zip(answer[2::4], answer[3::4], strict=True)
    return {path: bool(pattern) and not pattern.startswith("!") for pattern, path in fields}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", top], check=True)
    return top


@pytest.mark.needs("git")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=patterns, entries=st.dictionaries(paths, st.booleans(), min_size=1, max_size=10))
def test_we_ignore_what_git_ignores(repository: Path, lines: list[str], entries: dict[str, bool]) -> None:
    (repository / ".gitignore").write_text("\n".join(lines) + "\n")
    rules = rules_of(lines)

    with on_disk(repository, entries) as made:
        git = git_ignores(repository, list(made))
        ours = {path: ignored(rules, path, is_dir=is_dir) for path, is_dir in made.items()}

    assert ours == git


@pytest.mark.parametrize(
    ("lines", "path", "is_dir", "expected"),
    [
        (["foo"], "a/foo", False, True),
        (["/foo"], "a/foo", False, False),
        (["foo/"], "foo", False, False),
        (["foo/"], "foo", True, True),
        (["foo/"], "foo/deep/x", False, True),
        (["a/*.py"], "a/b/c.py", False, False),
        (["a/**/c.py"], "a/c.py", False, True),
        (["x/**"], "x", True, False),
        (["x/**"], "x/a", False, True),
        (["*.log", "!keep.log"], "keep.log", False, False),
        (["/*", "!/src/"], "src/a.py", False, False),
        (["/*", "!/src/"], "doc/a.py", False, True),
        (["build/", "!build/keep"], "build/keep", False, True),  # its directory is excluded: no way back
        (["*.py[cod]"], "m.pyc", False, True),
        (["[[:digit:]]*"], "7up", False, True),
        (["\\#a"], "#a", False, True),
        (["# a"], "# a", False, False),
        (["a\\ "], "a ", False, True),
        (["a  "], "a", False, True),
        (["a\r\n"], "a", False, True),
        (["[a"], "[a", False, False),
        (["a\\"], "a", False, False),
        (["!"], "a", False, False),
        (["*.tar.gz"], "x.tar.gz", False, True),
        (["*.gz"], "x.tar.gz", False, True),
        ([""], "a", False, False),
    ],
)  # fmt: skip
def test_examples_of_the_language(lines: list[str], path: str, is_dir: bool, expected: bool) -> None:
    assert ignored(rules_of(lines), path, is_dir=is_dir) is expected


def test_the_deeper_file_wins() -> None:
    outer = rules_of(["*.log"])
    inner = outer.inside("/w/sub", git=Patterns(["!b.log"], source="s"), ours=None)

    assert inner.ignores("/w/sub", "a.log", is_dir=False)
    assert not inner.ignores("/w/sub", "b.log", is_dir=False)
    assert not inner.ignores("/w/sub/deeper", "b.log", is_dir=False)


def test_our_own_patterns_take_back_only_their_own() -> None:
    rules = IgnoreRules().inside(
        "/w",
        git=Patterns(["*.log"], source="g"),
        ours=Patterns(["!*.log", "*.csv", "!keep.csv"], source="o"),
    )

    assert rules.ignores("/w", "a.log", is_dir=False)
    assert rules.ignores("/w", "a.csv", is_dir=False)
    assert not rules.ignores("/w", "keep.csv", is_dir=False)


@pytest.mark.parametrize("name", sorted(NEVER_WATCHED))
def test_no_rule_brings_back_the_hard_list(name: str) -> None:
    rules = rules_of([f"!{name}", f"!{name}/"])

    assert rules.ignores("/w/deep", name, is_dir=True)
    verdict = rules.verdict("/w", name, is_dir=True)
    assert verdict.ignored
    assert verdict.rule is not None
    assert verdict.rule.source == "omnimem"


def test_a_verdict_names_the_rule_that_decided() -> None:
    rules = rules_of(["# made things", "*.o", "!keep.o"])

    verdict = rules.verdict("/w", "a.o", is_dir=False)
    kept = rules.verdict("/w", "keep.o", is_dir=False)

    assert verdict.ignored
    assert verdict.rule is not None
    assert (verdict.rule.pattern, verdict.rule.source, verdict.rule.line) == ("*.o", "/w/.gitignore", 2)
    assert not kept.ignored
    assert kept.rule is not None
    assert kept.rule.pattern == "!keep.o"
    assert rules.verdict("/w", "a.py", is_dir=False).rule is None


@given(lines=patterns, path=paths, is_dir=st.booleans())
def test_a_verdict_says_what_ignores_says(lines: list[str], path: str, is_dir: bool) -> None:
    rules = rules_of(lines)
    place = PurePosixPath("/w") / path

    verdict = rules.verdict(str(place.parent), place.name, is_dir=is_dir)

    assert verdict.ignored is rules.ignores(str(place.parent), place.name, is_dir=is_dir)


def test_a_root_of_the_whole_file_system_has_paths_too() -> None:
    rules = IgnoreRules().inside("", git=Patterns(["/etc/x", "*.log"], source="g"), ours=None)

    assert rules.ignores("/etc", "x", is_dir=False)
    assert not rules.ignores("/srv", "x", is_dir=False)
    assert rules.ignores("", "a.log", is_dir=False)
