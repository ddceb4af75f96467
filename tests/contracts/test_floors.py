"""The import contracts bite: a house built wrong in every way breaks every one of them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.dev import GATES
from tests.contracts.checkout import ROOT

#: A violation by the contract it breaks: the module, and what it must not import.
VIOLATIONS = {
    "Imports go down the floors, siblings do not know each other": ("omnimemd.storage.a", "omnimemd.system"),
    "Services reach the operating system through ports only": ("omnimemd.services.a", "omnimemd.system"),
    "The command line knows only the client": ("omnimemd.cli.a", "omnimemd.domain"),
    "Nobody imports the command line": ("omnimemd.daemon.a", "omnimemd.cli"),
    "The client is thin and knows nothing of the daemon": ("omnimem.a", "omnimemd.domain"),
    "SQLite is spoken in storage only": ("omnimemd.system.a", "apsw"),
    "Processes and file events are read in system only": ("omnimemd.services.b", "psutil"),
    "HTTP is served by api and daemon only, one module asks": (
        "omnimemd.system.c",
        "aiohttp",
    ),
    "What the extra `semantic` brings is used in one place": ("omnimemd.services.d", "numpy"),
    "HTTP is spoken by the client only": ("omnimemd.system.b", "h11"),
    "Rules are pure: no I/O, no clock, no asyncio, no database": ("omnimemd.domain.a", "time"),
}

#: What is allowed, so that a contract cannot pass or fail for want of anything to look at.
RIGHT = {
    "omnimemd.daemon.build": "omnimemd.api, omnimemd.services, omnimemd.storage, omnimemd.system, aiohttp",
    "omnimemd.api.sessions": "omnimemd.services, omnimemd.domain, omnimem, aiohttp",
    "omnimemd.services.sessions": "omnimemd.storage, omnimemd.domain, omnimem, asyncio",
    "omnimemd.storage.sessions": "omnimemd.domain, apsw",
    "omnimemd.system.embedding.endpoint": "omnimemd.domain, aiohttp, numpy, tokenizers",
    "omnimemd.system.watcher": "omnimemd.domain, watchdog, psutil, time",
    "omnimemd.domain.sessions": "omnimem, msgspec",
    "omnimemd.cli.main": "omnimem, subprocess",
    "omnimem.sync": "h11, msgspec, socket",
}


def house(root: Path, modules: dict[str, str]) -> Path:
    """Make a tree of packages in which each module imports what it is mapped to."""
    for module, imported in modules.items():
        path = root.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import {imported}\n")
        for package in (path.parent, path.parent.parent):
            if package != root:
                (package / "__init__.py").touch()
    return root


def verdicts(root: Path) -> dict[str, str]:
    """Hold the house in that folder against the contracts of pyproject.toml."""
    command, *arguments = GATES["floors"]
    linted = subprocess.run(
        [Path(sys.prefix, "bin", command), *arguments, "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^(.+) (KEPT|BROKEN)$", re.sub(r"\x1b\[\d*m", "", linted.stdout), re.MULTILINE)
    assert found, linted.stdout + linted.stderr
    return dict(found)


def test_there_is_a_violation_for_every_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert [contract["name"] for contract in contracts] == list(VIOLATIONS)


def test_a_house_built_right_keeps_every_contract(tmp_path: Path) -> None:
    assert verdicts(house(tmp_path, RIGHT)) == dict.fromkeys(VIOLATIONS, "KEPT")


def test_a_house_built_wrong_breaks_every_contract(tmp_path: Path) -> None:
    assert verdicts(house(tmp_path, RIGHT | dict(VIOLATIONS.values()))) == dict.fromkeys(VIOLATIONS, "BROKEN")


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("omnimemd.storage.a", "omnimemd.services"),
        ("omnimemd.system.a", "omnimemd.storage"),
        ("omnimemd.domain.a", "omnimemd.storage"),
        ("omnimemd.api.a", "omnimemd.daemon"),
        ("omnimemd.undeclared.a", "omnimemd.domain"),
    ],
)
def test_imports_go_down(module: str, imported: str, tmp_path: Path) -> None:
    found = verdicts(house(tmp_path, RIGHT | {module: imported}))

    assert found["Imports go down the floors, siblings do not know each other"] == "BROKEN"
