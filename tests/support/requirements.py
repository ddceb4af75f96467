"""What tests need from the system, and what becomes of one whose needs are not met.

A test names its needs: `@pytest.mark.needs("git", "inotify")`. On a machine that lacks one of them the test
is not run, and the run ends with a list of those tests and the reasons. Where `OMNIMEM_REQUIRE_ALL` is 1, as
in `.ci/run`, a missing requirement fails the test instead: there, nothing goes untested unnoticed. The
exception is a need for another operating system, which no machine can be made to meet.

This is a pytest plugin, loaded by `tests/conftest.py`.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

#: Where the package `systemd` puts the program that is every manager, the users' too.
USER_MANAGER: Final = "/usr/lib/systemd/systemd"


class Requirement(NamedTuple):
    """One thing a test may need."""

    is_met: Callable[[], bool]
    absence: str  #: completes "not run: …"
    can_be_met: bool = True  #: False for what no installation brings: another operating system, a kernel's permission


def _command(name: str) -> Requirement:
    return Requirement(lambda: shutil.which(name) is not None, f"there is no `{name}` on PATH")


def _has_inotify() -> bool:
    return hasattr(ctypes.CDLL(None), "inotify_init1")


def _makes_user_namespaces() -> bool:
    """Whether a program can be run with limits of its own (unshare(1); containers often forbid it)."""
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", "echo 1000 >/proc/sys/user/max_inotify_watches"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def _makes_mount_namespaces() -> bool:
    """Whether a program can be run with mounts of its own."""
    command = ("unshare", "-Urm", "true")
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    )


def _runs_user_managers() -> bool:
    """Whether root can run a `systemd --user` for somebody, in a cgroup and with mounts of its own."""
    trial = (
        "folder=$(mktemp -d) && mount -t tmpfs tmpfs $folder && mkdir $folder/c && mount -t cgroup2 cgroup2 $folder/c"
    )
    trial += " && one=$(mktemp -d -p $folder/c omnimem-trial-XXXX) && rmdir $one && umount -R $folder && rmdir $folder"
    return (
        os.geteuid() == 0
        and Path(USER_MANAGER).exists()
        and subprocess.run(
            ("unshare", "--mount", "--propagation=private", "sh", "-c", trial), check=False, capture_output=True
        ).returncode
        == 0
    )


def _mounts() -> bool:
    """Whether a small file system can be mounted, and taken away again."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False)
        return (
            mounted.returncode == 0
            and subprocess.run(["umount", place], capture_output=True, check=False).returncode == 0
        )


def _mounts_ext4() -> bool:
    """Whether a file can be mounted as a disk, which can be told that it is broken (ext4, since Linux 5.5)."""
    if not _mounts() or shutil.which("mkfs.ext4") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "disk")
        file.touch()
        os.truncate(file, 8 * 1024 * 1024)
        trial = f"mkfs.ext4 -q {file} && mkdir {place}/at && mount -o loop {file} {place}/at && umount {place}/at"
        return subprocess.run(["sh", "-c", trial], capture_output=True, check=False).returncode == 0


#: Every name the marker `needs` takes. `.ci/run` installs the commands among them.
REQUIREMENTS: dict[str, Requirement] = {
    "bash": _command("bash"),
    "curl": _command("curl"),
    "fish": _command("fish"),
    "gcc": _command("gcc"),
    "git": _command("git"),
    "plistutil": _command("plistutil"),
    "ps": _command("ps"),
    "strace": _command("strace"),
    "systemd-analyze": _command("systemd-analyze"),
    "tar": _command("tar"),
    "tmux": _command("tmux"),
    "vim": _command("vim"),
    "zsh": _command("zsh"),
    "inotify": Requirement(_has_inotify, "this kernel has no inotify"),
    "pidfd": Requirement(lambda: hasattr(os, "pidfd_open"), "this Python has no os.pidfd_open"),
    "user namespace": Requirement(_makes_user_namespaces, "no user namespace can be made here", can_be_met=False),
    "root": Requirement(lambda: os.geteuid() == 0, "it takes root to make files of another user"),
    "mount namespace": Requirement(_makes_mount_namespaces, "no mount namespace can be made here", can_be_met=False),
    "user manager": Requirement(
        _runs_user_managers, "no `systemd --user` can be run here for another user", can_be_met=False
    ),
    "mounts": Requirement(_mounts, "no file system can be mounted here", can_be_met=False),
    "ext4": Requirement(_mounts_ext4, "no ext4 can be mounted here from a file", can_be_met=False),
    "linux": Requirement(lambda: sys.platform == "linux", "this is not Linux", can_be_met=False),
    "macos": Requirement(lambda: sys.platform == "darwin", "this is not macOS", can_be_met=False),
}

_NOT_RUN = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin the list of what is not run."""
    config.stash[_NOT_RUN] = {}


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Refuse names that mean nothing: a typo would let a test run that should not."""
    for item in items:
        unknown = sorted(set(_needs(item)) - REQUIREMENTS.keys())
        if unknown:
            raise pytest.UsageError(
                f"{item.nodeid} needs {', '.join(unknown)}; known are {', '.join(sorted(REQUIREMENTS))}"
            )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail, before any fixture is made, a test that needs what is not there."""
    absent = [REQUIREMENTS[name] for name in _needs(item) if not _is_met(name)]
    if not absent:
        return
    reason = "; ".join(requirement.absence for requirement in absent)
    demanded = os.environ.get("OMNIMEM_REQUIRE_ALL") == "1"
    if demanded and any(requirement.can_be_met for requirement in absent):
        pytest.fail(f"{reason} (and OMNIMEM_REQUIRE_ALL=1 demands it)", pytrace=False)
    item.config.stash[_NOT_RUN].setdefault(reason, []).append(item.nodeid)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """End the run with the tests that were not run, by reason."""
    not_run = config.stash[_NOT_RUN]
    if not_run:
        terminalreporter.section("not run, and why")
        for reason, tests in sorted(not_run.items()):
            terminalreporter.line(f"{reason}:")
            for test in tests:
                terminalreporter.line(f"    {test}")


def _needs(item: pytest.Item) -> list[str]:
    return [name for marker in item.iter_markers("needs") for name in marker.args]


@cache
def _is_met(name: str) -> bool:
    return REQUIREMENTS[name].is_met()
