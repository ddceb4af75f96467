"""What is installed with omnimemd, and what importing each of its parts loads."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contracts.checkout import PACKAGES, ROOT

#: One more takes a paragraph in docs/ARCHITECTURE.md: what for, why not the standard library, what it costs.
RUN_TIME = {"aiohttp", "apsw", "backports.zstd", "h11", "msgspec", "platformdirs", "psutil", "watchdog"}
CLIENT = {"h11", "msgspec"}

#: msgspec takes typing_extensions where something else has brought it.
LOADED_BY_CLIENT = CLIENT | {"omnimem", "typing_extensions"}

LOCKED = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][\w.]*)(?: ; (?P<marker>.+?))?(?: --hash=sha256:[0-9a-f]{64})+"
)


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def locked_lines() -> list[str]:
    """The lines of constraints.txt, comments dropped and continued ones joined."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def modules_loaded_by(code: str) -> set[str]:
    """The distributions' top-level modules that some code loads, the standard library's left out."""

    def loaded_after(code: str) -> set[str]:
        report = f"{code}\nimport sys; print(*sys.modules)"
        ran = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True)
        return {module.partition(".")[0] for module in ran.stdout.split()}

    return loaded_after(code) - loaded_after("") - sys.stdlib_module_names


def imports_of(path: Path) -> set[str]:
    """The top-level modules a file imports anywhere in it, at run time or for its types."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str() as module, level=0):
                names.add(module)
            case _:
                pass
    return {module.partition(".")[0] for module in names}


def test_the_run_time_needs_these_and_no_more(pyproject: dict[str, Any]) -> None:
    assert {Requirement(line).name for line in pyproject["project"]["dependencies"]} == RUN_TIME


def test_every_dependency_says_the_oldest_version_that_does(pyproject: dict[str, Any]) -> None:
    bounds = {line: str(Requirement(line).specifier) for line in pyproject["project"]["dependencies"]}

    assert [line for line, bound in bounds.items() if not bound.startswith(">=")] == []


def test_the_locked_build_backend_is_the_one_that_builds(pyproject: dict[str, Any]) -> None:
    assert pyproject["dependency-groups"]["build"] == pyproject["build-system"]["requires"]


def test_every_line_of_the_lock_has_a_version_and_hashes(locked_lines: list[str]) -> None:
    assert [line for line in locked_lines if not LOCKED.fullmatch(line)] == []


def test_the_lock_names_no_index_and_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text()

    assert re.findall(r"(?:--(?:extra-)?index|--find-links|://| @ ).*", text) == []


def test_the_lock_covers_what_pyproject_wants(pyproject: dict[str, Any], locked_lines: list[str]) -> None:
    locks = [match for line in locked_lines if (match := LOCKED.fullmatch(line))]
    #: Of some there is a version for each Python, or none where a marker says that it is not needed.
    versions = {
        match["name"]: match["version"] for match in locks if not match["marker"] or "sys_" not in match["marker"]
    }
    groups = pyproject["dependency-groups"]
    extras = [line for extra in pyproject["project"]["optional-dependencies"].values() for line in extra]
    wanted = map(Requirement, [*pyproject["project"]["dependencies"], *extras, *groups["build"], *groups["dev"]])

    missing = [
        str(requirement)
        for requirement in wanted
        if versions.get(canonicalize_name(requirement.name), "none") not in requirement.specifier
    ]

    assert missing == [], "run `python3 scripts/dev.py lock`"


@pytest.mark.parametrize("path", sorted(PACKAGES["omnimem"].rglob("*.py")), ids=lambda path: path.stem)
def test_the_client_is_made_of_little(path: Path) -> None:
    assert imports_of(path) - sys.stdlib_module_names <= CLIENT | {"omnimem"}


@pytest.mark.parametrize("code", ["import omnimem", "from omnimem import AsyncClient"])
def test_importing_the_client_loads_little(code: str) -> None:
    assert modules_loaded_by(code) <= LOADED_BY_CLIENT


def test_the_command_line_loads_no_daemon() -> None:
    assert modules_loaded_by("import omnimemd.cli.main") <= LOADED_BY_CLIENT | {"omnimemd"}


def test_reading_a_template_loads_nothing_else() -> None:
    assert modules_loaded_by("import omnimemd.cli.templates") <= LOADED_BY_CLIENT | {"omnimemd"}
