"""The settings read again, and another version noticed: what changes something, and what does not."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from omnimemd.daemon.asked import REPLACED, Asked
from omnimemd.daemon.notices import Notices
from omnimemd.daemon.replacing import Installed
from omnimemd.daemon.rereading import Rereading
from omnimemd.system.errors import SettingsInvalid
from omnimemd.system.settings import Flags, Settings, load


class Reader:
    """The settings as somebody changes them, and what became of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.file = tmp_path / "config.toml"
        self.file.write_text("")
        self.asked, self.notices = Asked(), Notices()
        self.rereading = Rereading(self.read(), read=self.read, asked=self.asked, notices=self.notices)

    def read(self) -> Settings:
        return load(Flags(config=self.file), {})

    def change(self, text: str) -> bool:
        """Have them say *text* and be read again; return whether the daemon is to begin again."""
        self.asked.begun()
        self.file.write_text(text)
        self.rereading.read_again()
        return self.asked.is_set


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    level = logging.getLogger("omnimemd").level
    yield Reader(tmp_path)
    logging.getLogger("omnimemd").setLevel(level)


def test_nothing_happens_when_nothing_changed(reader: Reader) -> None:
    assert not reader.change("# said otherwise")
    assert reader.notices() == ()


def test_what_changed_is_in_force_from_the_next_beginning_on(reader: Reader) -> None:
    assert reader.change("ambient_idle_minutes = 1")
    assert reader.rereading.settings.ambient_idle_ms == 60_000


def test_the_level_of_the_log_changes_at_once(reader: Reader) -> None:
    assert not reader.change('log_level = "debug"')
    assert logging.getLogger("omnimemd").level == logging.DEBUG
    assert not reader.change('log_level = "debug"')


def test_a_mistake_is_told_until_it_is_mended(reader: Reader) -> None:
    reader.change("ambient_idle_minutes = 1")

    assert not reader.change("ambient_idle_minutes = 'soon'")

    assert "ambient_idle_minutes" in reader.notices()[0]
    assert reader.rereading.settings.ambient_idle_ms == 60_000
    reader.change("ambient_idle_minutes = 1")
    assert reader.notices() == ()


def test_places_wait_for_a_restart_and_the_rest_does_not(reader: Reader) -> None:
    before = reader.rereading.settings

    assert reader.change('data_dir = "/elsewhere"\nambient_idle_minutes = 1')

    assert reader.notices() == ("data_dir changed in the settings: restart omnimemd.",)
    assert reader.rereading.settings == msgspec.structs.replace(before, ambient_idle_ms=60_000)
    assert reader.change("")
    assert reader.notices() == ()


def test_settings_that_are_gone_change_nothing(reader: Reader) -> None:
    reader.file.unlink()

    reader.rereading.read_again()

    assert "there is no such file" in reader.notices()[0]
    with pytest.raises(SettingsInvalid):
        reader.read()


def test_another_version_counts_once_it_is_found_twice(tmp_path: Path) -> None:
    file = tmp_path / "_version.py"
    installed = Installed(file, running="1.0")

    def found(text: str | None) -> str | None:
        file.unlink(missing_ok=True) if text is None else file.write_text(text)
        return installed.other()

    assert found('__version__ = "1.0"\n') is None
    assert found('__version__ = "1.1"\n') is None
    assert found('__version__ = "1.1"\n') == "1.1"
    assert found(None) is None
    assert found(None) is None
    assert found("half of") is None
    assert found('__version__ = "1.1"\n') is None
    assert found('__version__ = "1.0"\n') is None
    assert found('__version__ = "1.0"\n') is None


def test_to_stop_is_for_good_and_counts_more_than_a_replacement() -> None:
    asked = Asked()
    asked.stop()
    asked.give_way()
    asked.begun()

    assert (asked.to_stop, asked.status, asked.is_set) == (True, 0, True)


def test_giving_way_has_a_status_of_its_own() -> None:
    asked = Asked()
    asked.give_way()

    assert (asked.to_stop, asked.status) == (True, REPLACED)
