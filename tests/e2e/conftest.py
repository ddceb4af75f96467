"""A home, a daemon that runs in it, a client, a workspace and programs: what every end-to-end test begins with.

One daemon serves all tests of a module: each has a folder of its own, and a daemon that lives through many sessions is
what is promised. A test that starts, stops or kills daemons does so in its own `empty_home`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from omnimem import Client
from tests.e2e.daemons import Daemon, running
from tests.e2e.homes import Home, a_home
from tests.e2e.programs import Programs


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """The home of the module's daemon."""
    with a_home() as home:
        yield home


@pytest.fixture(scope="module")
def daemon(home: Home) -> Iterator[Daemon]:
    """The module's daemon; at the end it must stop in order and have had no bug."""
    with running(home) as daemon:
        yield daemon


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    """A client of the module's daemon."""
    with daemon.client() as client:
        yield client


@pytest.fixture
def empty_home() -> Iterator[Home]:
    """A home in which no daemon runs."""
    with a_home() as home:
        yield home


@pytest.fixture
def workspace(home: Home) -> Path:
    """An empty folder outside git."""
    return home.folder()


@pytest.fixture
def programs(home: Home) -> Iterator[Programs]:
    """Starts real programs, and ends them with the test."""
    programs = Programs(home)
    yield programs
    programs.close()
