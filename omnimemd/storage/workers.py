"""Threads that are there from the start.

A system that has no thread to give any more, as a user has too many processes or a service too many tasks, must not
keep the database from what it needs one for.
"""

from concurrent.futures import ThreadPoolExecutor


def worker(name: str) -> ThreadPoolExecutor:
    """Return a pool of one thread, which runs already.

    Raises:
        RuntimeError: the system has none to give.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix=name)
    pool.submit(nothing)  # a pool begins its thread with the first work
    return pool


def nothing() -> None:
    """Do nothing: in a thread that has work, it is done once that is."""
