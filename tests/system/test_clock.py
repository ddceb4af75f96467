"""The machine's clocks."""

import time

from omnimemd.system.clock import SystemClock, elapsed


def test_both_go_on() -> None:
    clock = SystemClock()
    at, before = clock.now(), elapsed()

    while elapsed() == before:
        pass

    assert before < elapsed()
    assert at <= clock.now() <= time.time() * 1000
