"""What `pip install omnimemd` brings: both packages, their data, the two commands, and nothing else."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from zipfile import ZipFile

import pytest

from omnimem import __version__
from omnimemd.cli.templates import TEMPLATES, read_template
from tests.contracts.checkout import PACKAGES, ROOT

READ_TEMPLATES = """
import sys
sys.path.insert(0, sys.argv[1])
from omnimemd.cli import templates
assert templates.__file__.startswith(sys.argv[1]), templates.__file__
for name in templates.TEMPLATES:
    sys.stdout.write(templates.read_template(name))
"""


def build(kind: str, *, source: Path, into: Path) -> Path:
    """Build a `wheel` or an `sdist`, without a network, and return the file."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source=ROOT, into=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(ZipFile(wheel).namelist())


def test_it_installs_two_packages_and_nothing_beside_them(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}

    assert tops == {"omnimem", "omnimemd", f"omnimemd-{__version__}.dist-info"}


def test_it_carries_every_file_of_both_packages(names: set[str]) -> None:
    files = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {"omnimem/py.typed", "omnimemd/py.typed"} <= files
    assert files - names == set()


def test_it_carries_the_licence(names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_templates_are_read_from_it_as_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    ZipFile(wheel).extractall(tmp_path)

    command = [sys.executable, "-I", "-c", READ_TEMPLATES, str(tmp_path)]
    read = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)

    assert read.stdout == "".join(map(read_template, TEMPLATES))


def test_the_source_distribution_builds_the_same_wheel(names: set[str], tmp_path: Path) -> None:
    sdist = build("sdist", source=ROOT, into=tmp_path / "sdist")
    subprocess.run(["tar", "-xzf", sdist], cwd=tmp_path, check=True)

    wheel = build("wheel", source=tmp_path / sdist.name.removesuffix(".tar.gz"), into=tmp_path / "wheel")

    assert set(ZipFile(wheel).namelist()) == names


@pytest.mark.parametrize("command", ["omnimem", "omnimemd"])
def test_its_commands_lead_to_functions(command: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]

    assert callable(EntryPoint(command, scripts[command], "console_scripts").load())
