"""Homes to run the command in: one for each test, or one with a daemon that the tests of a file share."""

from collections.abc import Iterator

import pytest

from tests.cli.home import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """A home in which no daemon runs."""
    with Home() as home:
        yield home


@pytest.fixture(scope="module")
def running() -> Iterator[Home]:
    """A home in which a daemon runs."""
    with Home() as home:
        home.start()
        yield home


@pytest.fixture
def session(running: Home) -> Iterator[str]:
    """A session that is active in the project, and bound to the tests; it must not be deleted."""
    with running.client() as client:
        began = client.create_session(tool_id="test", workspace_path=str(running.app))
        yield began.session_id
        client.end_session(began.session_id)
