"""What a person is told to do next."""

import pytest

from omnimem import CallTimeout, InvalidRequest, OmnimemError, SessionNotFound
from omnimemd.cli.refusals import what_next


@pytest.mark.parametrize("error", [CallTimeout("The daemon did not answer in time."), InvalidRequest("Wrong.")])
def test_no_hint_speaks_of_requests_to_whoever_typed_a_command(error: OmnimemError) -> None:
    assert "Idempotency-Key" not in what_next(error)
    assert "--help" in what_next(error) or "omnimem doctor" in what_next(error)


def test_any_other_hint_is_the_daemons() -> None:
    error = SessionNotFound("No session 's'.")

    assert what_next(error) == error.hint
