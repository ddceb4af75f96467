"""The checkout under test: where it is, and which files belong to it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: The folders of the two packages, by the name they are imported as.
PACKAGES = {"omnimemd": ROOT / "omnimemd", "omnimem": ROOT / "client" / "omnimem"}


def committed_files() -> list[Path]:
    """Every file of the checkout that is committed, or would be by `git add --all`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in sorted(listed.stdout.split("\0")) if name and (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    """Every Python file that is shipped."""
    return sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))
