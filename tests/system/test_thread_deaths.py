"""A thread that ends by an error is heard of."""

import asyncio
import logging
import threading

import pytest

from omnimemd.daemon.threads import deaths_told


async def test_the_death_of_a_thread_is_logged_and_told_on_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    told: list[threading.Thread] = []
    before = threading.excepthook

    def fails() -> None:
        raise ValueError

    with deaths_told(lambda: told.append(threading.current_thread())):
        thread = threading.Thread(target=fails)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)

    assert told == [threading.main_thread()]
    assert [(one.levelno, one.exc_info is not None) for one in caplog.records] == [(logging.ERROR, True)]
    assert threading.excepthook is before
