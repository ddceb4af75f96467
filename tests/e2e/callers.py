"""Callers that write without a pause until stdin ends: two keep their connection, two call anew each time.

A program of its own: `python callers.py SOCKET` prints a line for each call, "+" and the key of the memory that was
written, or "-" and what went wrong.
"""

import sys
import threading

from omnimem import Client, OmnimemError

_enough = threading.Event()


def tell(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def call(name: str, keeps_its_connection: bool) -> None:
    number = 0
    with Client(sys.argv[1], timeout=30) as client:
        while not _enough.is_set():
            number += 1
            try:
                client.create_memory("load", key=f"{name}-{number}", value="v")
            except OmnimemError as error:
                tell("-", type(error).__name__, str(error))
                return
            tell("+", f"{name}-{number}")
            if not keeps_its_connection:
                client.close()


if __name__ == "__main__":
    callers = [threading.Thread(target=call, args=(f"{number}", number < 2)) for number in range(4)]
    for caller in callers:
        caller.start()
    sys.stdin.read()
    _enough.set()
    for caller in callers:
        caller.join()
