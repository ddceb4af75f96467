"""The unit and plist templates are what systemd and launchd take, and fit what clients expect."""

import os
import plistlib
import re
import subprocess
from pathlib import Path

import pytest

from omnimemd.cli.templates import TEMPLATES, TemplateNotFound, read_template
from tests.contracts.checkout import ROOT

SERVICE = "systemd/omnimemd.service"
SOCKET = "systemd/omnimemd.socket"
PLIST = "launchd/io.omnimem.omnimemd.plist"

#: With these a user's unit gets a user namespace (systemd ≥ 254) or does not start: systemd.exec(5).
MAKES_A_USER_NAMESPACE = re.compile(
    r"^(?:PrivateUsers|Protect\w+|Private(?:Tmp|Devices|Mounts|Network|IPC|PIDs)|ReadOnlyPaths|ReadWritePaths"
    r"|InaccessiblePaths|ExecPaths|NoExecPaths|TemporaryFileSystem|Bind(?:ReadOnly)?Paths|DynamicUser"
    r"|CapabilityBoundingSet|ProcSubset|MountAPIVFS|RootDirectory|RootImage|StateDirectory)=",
    re.MULTILINE,
)


def rendered(name: str) -> str:
    text = read_template(name)
    values = {"python": "/bin/true", "environment": "", "socket": "/run/o.sock", "log_file": "/tmp/omnimemd.log"}
    for placeholder, value in values.items():
        text = text.replace("{{" + placeholder + "}}", value)
    return text


def test_every_template_on_disk_has_a_name() -> None:
    files = [path for folder in ("launchd", "systemd") for path in sorted((ROOT / folder).iterdir())]

    assert tuple(str(path.relative_to(ROOT)) for path in files) == TEMPLATES


@pytest.mark.parametrize("name", ["systemd/omnimemd.timer", "../pyproject.toml", "systemd", ""])
def test_a_name_that_is_none_is_told_those_that_are(name: str) -> None:
    with pytest.raises(TemplateNotFound, match=r"no template .* there are launchd/.*, systemd/") as caught:
        read_template(name)

    assert caught.value.name == name


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_placeholder_is_known(name: str) -> None:
    assert "{{" not in rendered(name)


@pytest.mark.needs("systemd-analyze")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    units = [tmp_path / Path(name).name for name in (SERVICE, SOCKET)]
    for unit in units:
        unit.write_text(rendered(f"systemd/{unit.name}"))

    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", *units],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},  # without one it will not look at user units
        check=False,
        capture_output=True,
        text=True,
    )

    assert (verified.returncode, verified.stderr) == (0, "")  # an unknown key is a warning, with status 0


@pytest.mark.needs("systemd-analyze")
def test_the_service_is_as_little_exposed_as_the_docs_say(tmp_path: Path) -> None:
    unit = tmp_path / Path(SERVICE).name
    unit.write_text(rendered(SERVICE))

    told = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", unit],
        check=True,
        capture_output=True,
        text=True,
    )

    exposure = re.search(r"Overall exposure level for omnimemd.service: ([\d.]+)", told.stdout)
    documented = re.search(r"an exposure of \*\*([\d.]+)\*\*", " ".join((ROOT / "docs/SERVICE.md").read_text().split()))
    assert exposure is not None
    assert documented is not None
    assert float(exposure[1]) <= float(documented[1])


def test_the_service_has_no_user_namespace() -> None:
    assert MAKES_A_USER_NAMESPACE.findall(read_template(SERVICE)) == []


def test_every_line_of_the_service_unit_is_explained() -> None:
    told = (
        (ROOT / "docs/SERVICE.md").read_text().partition("### The service unit, line by line")[2].partition("\n###")[0]
    )
    explained = {
        name for cell in re.findall(r"^\| (.*?) \|", told, re.MULTILINE) for name in re.findall(r"([A-Z]\w+)", cell)
    }
    names = set(re.findall(r"^([A-Z]\w+)=", read_template(SERVICE), re.MULTILINE)) - {"Description", "WantedBy", "Also"}

    assert names - {"ExecStart"} <= explained


def test_the_agent_is_named_as_its_file() -> None:
    agent = plistlib.loads(rendered(PLIST).encode())

    assert f"{agent['Label']}.plist" == Path(PLIST).name


def test_the_agent_is_started_again_after_a_crash_only() -> None:
    agent = plistlib.loads(rendered(PLIST).encode())

    assert agent["ProgramArguments"] == ["/bin/true", "-P", "-m", "omnimemd.daemon.main"]
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["Umask"] == 0o077
