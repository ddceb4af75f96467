"""Every route answers what `/openapi.json` says: to requests made of it, those it allows and those it does not.

Nothing here can hurt: sessions and watched folders are put into the home of the test, whatever a request says, and the
requests that delete something are given what was made for them.
"""

import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from omnimem import Client
from omnimem.calls import ALL, LINES
from tests.api.routes import AnyOperation
from tests.e2e.daemons import Daemon
from tests.e2e.homes import Home
from tests.e2e.over_socket import BASE_URL, session_over
from tests.e2e.wire import call
from tests.support.whole import times

pytestmark = pytest.mark.needs("inotify")

CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
#: Its answer has no end.
ENDLESS: Final = {"events"}
OPERATIONS: Final = [
    pytest.param(one, mode, id=f"{one.name}-{mode.value}")
    for one in ALL
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if one.name not in ENDLESS
    # Of a request without anything but ids, nothing can be wrong.
    if mode is GenerationMode.POSITIVE or one.body or one.query or (one.method == "POST" and not one.repeatable)
]
OFTEN: Final = settings(
    max_examples=times(10, whole=500),
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer(LINES)
def lines(_: Any, value: Any) -> bytes:
    """Return the body of an import, which is taken as it comes."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def schema(daemon: Daemon) -> Any:
    """The description, as the daemon gives it out."""
    schema = schemathesis.openapi.from_dict(call(daemon.socket, "GET", "/openapi.json").json())
    schema.config.base_url = BASE_URL
    return schema


@pytest.fixture(scope="module")
def session(daemon: Daemon) -> Iterator[requests.Session]:
    """What sends requests to the daemon."""
    with session_over(daemon.socket) as session:
        yield session


@pytest.fixture
def known(client: Client, home: Home) -> dict[str, str]:
    """Ids of what is there, by the names that parameters have."""
    place = str(home.folder())
    begun = client.create_session(tool_id="t", workspace_path=place, process_id=os.getpid())
    client.append_context(begun.session_id, decision="to be described", file_path="a")
    made = client.create_memory(begun.project_id, key="k", value="v")
    taken = client.create_checkpoint(begun.session_id, name="c")
    client.end_session(begun.session_id)
    return {
        "session_id": begun.session_id,
        "project_id": begun.project_id,
        "memory_id": made.memory_id,
        "checkpoint_id": taken.checkpoint_id,
        "backup_id": client.create_backup().backup_id,
    }


@pytest.mark.parametrize(("operation", "mode"), OPERATIONS)
def test_is_answered_as_described(
    schema: Any,
    session: requests.Session,
    home: Home,
    known: dict[str, str],
    operation: AnyOperation,
    mode: GenerationMode,
) -> None:
    # In a query everything is text: what is wrong by its type is right when it arrives.
    checks = [*CHECKS, negative_data_rejection] if operation.body else list(CHECKS)

    @OFTEN
    @given(case=schema[operation.path][operation.method].as_strategy(generation_mode=mode), told=st.booleans())
    def check(case: Case[Any], *, told: bool) -> None:
        keep_inside(case, home)
        if told:
            case.path_parameters.update({name: known[name] for name in case.path_parameters})

        answer = case.call(session=session)

        case.validate_response(answer, checks=checks)

    check()


def keep_inside(case: Case[Any], home: Home) -> None:
    """Have a request that would watch a folder watch none but the home's."""
    if isinstance(case.body, dict):
        for name in ("workspace_path", "path"):
            if str(case.body.get(name)).startswith("/"):
                case.body[name] = str(home.home)
