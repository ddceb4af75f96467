"""docs/CONFIGURATION.md names every setting there is, and its examples are read as it says."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from omnimemd.domain.ignore import NEVER_WATCHED
from omnimemd.system.places import SystemPlaces
from omnimemd.system.settings import ConfigFile
from tests.contracts.checkout import ROOT

TEXT = (ROOT / "docs" / "CONFIGURATION.md").read_text("utf-8")
CONFIG, PROJECT = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_config_holds_every_key_and_is_valid() -> None:
    example = tomllib.loads(CONFIG)

    assert set(example) == set(ConfigFile.__struct_fields__)
    assert msgspec.convert(example, ConfigFile).ambient_idle_minutes == 30
    assert msgspec.convert(example, ConfigFile).tools == ConfigFile().tools


def test_the_example_project_file_is_read_as_it_says(tmp_path: Path) -> None:
    (tmp_path / ".omnimem.toml").write_text(PROJECT)

    place = SystemPlaces().look(str(tmp_path))

    assert (place.project_id, place.name, place.track) == ("shop", "The shop", False)


@pytest.mark.parametrize("name", sorted(NEVER_WATCHED))
def test_what_is_never_watched_is_listed(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", ["OMNIMEM_SOCKET", "OMNIMEM_DATA_DIR", "OMNIMEM_CONFIG", "OMNIMEM_LOG_LEVEL"])
def test_every_variable_is_listed(name: str) -> None:
    assert f"`{name}`" in TEXT
