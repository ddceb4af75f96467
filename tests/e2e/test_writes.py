"""The list of writes is whole and true: every operation that writes is in it, and each has its effect once."""

import pytest

from omnimem import Client
from tests.e2e.homes import Home
from tests.e2e.programs import Programs
from tests.e2e.writes import KINDS, Place, every_kind, not_driven

pytestmark = pytest.mark.needs("inotify", "pidfd")


@pytest.fixture
def place(home: Home, client: Client, programs: Programs) -> Place:
    """A session, and a process for others."""
    tool = programs.tool()
    session = client.create_session(tool_id="t", workspace_path=str(home.folder()), process_id=tool.pid)
    return Place(home, client, session, tool.pid)


def test_every_operation_that_writes_is_driven() -> None:
    assert not_driven() == set()


def test_each_kind_has_its_effect_once_however_often_it_is_sent(place: Place) -> None:
    for write in every_kind(place, "once"):
        assert write.effects(place) == 0, write.kind.name
        write.send(place)
        assert write.effects(place) == 1, write.kind.name
        if write.key is not None:
            write.send(place)
            assert write.effects(place) == 1, f"{write.kind.name} again"


def test_names_are_told_apart() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
