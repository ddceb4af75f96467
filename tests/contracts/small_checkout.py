"""A checkout with the real `scripts/dev.py`, small enough to be made in two seconds without a network."""

import subprocess
import sys
from pathlib import Path

from tests.contracts.checkout import ROOT

#: The interpreter outside the environment, as a person would call the script.
PYTHON = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")

#: A distribution without dependencies, that builds itself: an editable wheel is three small files.
SMALL_PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1"
"""
SMALL_BACKEND = """
import pathlib, time, zipfile

def build_editable(directory, config_settings=None, metadata_directory=None):
    root = pathlib.Path(__file__).parent
    with (root / "builds").open("a") as builds:
        builds.write("built\\n")
    if (root / "fail").exists():
        raise SystemExit("the disk is made of cheese")
    time.sleep(0.5)
    with zipfile.ZipFile(pathlib.Path(directory, "small-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("small.pth", str(root))
        wheel.writestr("small-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n")
        wheel.writestr("small-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
        wheel.writestr("small-1.dist-info/RECORD", "")
    return "small-1-py3-none-any.whl"
"""


class SmallCheckout:
    """A checkout with the real script in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.pyproject = root / "pyproject.toml"
        self.constraints = root / "constraints.txt"
        (root / "scripts").mkdir()
        (root / "scripts" / "dev.py").write_text((ROOT / "scripts" / "dev.py").read_text())
        (root / "backend.py").write_text(SMALL_BACKEND)
        self.pyproject.write_text(SMALL_PROJECT)
        self.constraints.write_text("# nothing\n")

    @property
    def builds(self) -> int:
        """How often the checkout has been installed."""
        record = self.root / "builds"
        return len(record.read_text().splitlines()) if record.exists() else 0

    def replace_command(self, name: str, script: str) -> None:
        """Have a command of the environment run some shell *script*."""
        command = self.venv / "bin" / name
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)

    def start(self, *arguments: str, python: Path = PYTHON) -> subprocess.Popen[str]:
        """Start the script with the standard streams of a pipeline."""
        return subprocess.Popen(
            [python, "scripts/dev.py", *arguments],
            cwd=self.root,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def dev(self, *arguments: str, python: Path = PYTHON) -> subprocess.CompletedProcess[str]:
        """Run the script to its end."""
        process = self.start(*arguments, python=python)
        out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)
