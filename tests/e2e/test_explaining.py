"""Explaining says what the watcher does: asked first, then held against what is recorded, and against git."""

import os
import random
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from omnimem import Client
from omnimem.model import ExplainReason, Explanation
from tests.e2e.homes import Home, fill
from tests.e2e.recorded import touches

pytestmark = pytest.mark.needs("inotify")

_FOLDERS: Final = ["src", "build", "dist", "data", "a", "b", "docs", "node_modules"]
_NAMES: Final = ["a.py", "b.py", "main.o", "keep.o", "x.csv", "notes~", ".a.py.swp", "build", "a b", "[x]", "ü.log"]
_PATTERNS: Final = [
    *(
        "*.o",
        "!keep.o",
        "build",
        "build/",
        "/dist",
        "a/",
        "!a/",
        "*.csv",
        "**/data/*.py",
        "src/**/b.py",
        "!*.py",
        "# no",
    ),
    *("[[]x]", "a?b", "/*.log", "data/**", "!data/keep.o", "\\#", "*~", " ", "src/*", "!src/a.py"),
]


class Rule(NamedTuple):
    """What git says decides."""

    source: str
    line: int
    pattern: str


def a_tree(chance: random.Random, top: Path) -> list[str]:
    """Fill *top* with files of rules; return the paths of files to be made in it, relative, ≤ 40."""
    folders = {"/".join(chance.choices(_FOLDERS, k=chance.randrange(4))) for _ in range(8)} | {""}
    rules = {}
    for folder in chance.sample(sorted(folders), 4):
        for name in chance.sample([".gitignore", ".omnimemignore"], chance.randrange(1, 3)):
            rules[f"{folder}/{name}".lstrip("/")] = "\n".join(chance.sample(_PATTERNS, chance.randrange(1, 5)))
    rules[".omnimem.toml"] = f"ignore = {chance.sample(['*.log', 'data/', '!data/'], 2)}\n"
    fill(top, rules)
    files = {f"{folder}/{name}".lstrip("/") for folder in folders for name in _NAMES}
    return [path for path in chance.sample(sorted(files), min(40, len(files))) if not (top / path).exists()]


def write(top: Path, path: str) -> bool:
    """Write a file, if no directory of its name, or file of its folder's, is in the way."""
    place = top / path
    if place.is_dir() or any(parent.is_file() for parent in place.parents):
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("x")
    return True


def git_rules(top: Path, paths: list[str]) -> dict[str, Rule | None]:
    """Return the rule by which git ignores each of *paths*, None where it does not."""
    command = ["git", "-C", str(top), "check-ignore", "-v", "-n", "-z", "--stdin"]
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(top)}
    asked = "\0".join(paths)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env=environ)
    words = done.stdout.split("\0")
    found: dict[str, Rule | None] = {}
    for source, line, pattern, path in zip(words[::4], words[1::4], words[2::4], words[3::4], strict=False):
        ignored = pattern and not pattern.startswith("!")
        found[path] = Rule(str(top / source), int(line), pattern) if ignored else None
    return found


@pytest.mark.needs("git")
@pytest.mark.parametrize("seed", range(8))
def test_what_is_explained_is_what_is_recorded_and_what_git_says(client: Client, home: Home, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret: the same trees each time
    top = home.folder()
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    paths = a_tree(chance, top)
    before = [path for path in paths[: len(paths) // 2] if write(top, path)]
    session = client.create_session(tool_id="t", workspace_path=str(top))

    explained = {path: client.explain_workspace(path=str(top / path)) for path in paths}
    made = [path for path in paths if path not in before and write(top, path)]
    for path in before:
        (top / path).write_text("y")

    recorded = {touch.path for touch in touches(client, session)}
    assert {path for path in before + made if explained[path].recorded} == recorded
    git = git_rules(top, before + made)
    for path, rule in git.items():
        assert_agrees(explained[path], rule)


def assert_agrees(explained: Explanation, rule: Rule | None) -> None:
    if rule is not None:
        assert not explained.recorded
    if explained.reason is ExplainReason.GIT_RULE:
        assert explained.rule is not None
        assert (explained.rule.source, explained.rule.line, explained.rule.pattern) == rule


def test_a_link_is_followed_and_said(client: Client, home: Home) -> None:
    top = home.folder({"real/a.py": "", "outside.py": ""})
    (top / "link.py").symlink_to("real/a.py")
    (top / "away").symlink_to(home.home)
    client.create_session(tool_id="t", workspace_path=str(top))

    inside = client.explain_workspace(path=f"{top}/link.py")
    away = client.explain_workspace(path=f"{top}/away/b.py")

    assert (inside.recorded, inside.real_path) == (True, f"{top}/real/a.py")
    assert inside.real_path in inside.detail
    assert (away.recorded, away.reason, away.workspace) == (False, ExplainReason.OUTSIDE, None)
    assert away.hint is not None
    assert str(home.home) in away.hint


def test_the_daemons_own_data_are_never_recorded(client: Client, home: Home) -> None:
    client.create_session(tool_id="t", workspace_path=str(home.base))

    explained = client.explain_workspace(path=str(home.database))

    assert (explained.recorded, explained.reason) == (False, ExplainReason.OWN_DATA)


def test_to_ask_is_not_recorded(client: Client, home: Home) -> None:
    top = home.folder({".gitignore": "*.o\n", ".omnimem.toml": 'name = "x"\n', "a.py": "", "sub/.gitignore": "*.x\n"})
    session = client.create_session(tool_id="t", workspace_path=str(top))

    for name in ("a.py", "b.o", "sub/c.x", "sub", ".omnimem.toml"):
        client.explain_workspace(path=f"{top}/{name}")

    assert touches(client, session) == []
