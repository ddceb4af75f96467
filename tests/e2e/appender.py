"""Append to a session from several threads until the daemon goes away; a program of its own, run by its path.

It writes one line before each request and one after each answer, so that whoever reads them knows what was answered
and what is in doubt. Each request says something no other says: the token in it.
"""

import itertools
import os
import sys
import threading
from typing import Final

from omnimem import CallFailed, Client, calls
from omnimem.calls import Call, Operations
from omnimem.model import ContextAppend

THREADS: Final = 4
BATCH: Final = 4
KINDS: Final = ("minimal", "whole", "decision", "batch", "memory", "keyed", "keyed-memory", "keyed-batch")


def a_call(kind: str, token: str, *, session_id: str, project_id: str) -> Call[object]:
    """Return the request of *kind* that says *token*."""
    match kind.removeprefix("keyed-"):
        case "minimal" | "keyed":
            return calls.append_context(session_id, file_path=f"{token}-0", access="write")
        case "whole":
            return calls.append_context(session_id, minimal=False, search_query=f"{token}-0", file_path=f"{token}-1")
        case "decision":
            return calls.append_context(session_id, decision=f"{token}-0")
        case "batch":
            drafts = [ContextAppend(search_query=f"{token}-{number}") for number in range(BATCH - 1)]
            drafts.append(ContextAppend(decision=f"{token}-{BATCH - 1}"))
            return Operations.append_batch(session_id, entries=drafts)
        case "memory":
            return Operations.create_memory(project_id, key=token, value=token, session_id=session_id)
        case _:
            raise ValueError(kind)


def key_of(kind: str, token: str) -> str | None:
    """Return the Idempotency-Key that the request is sent with, None where it has none."""
    return token if kind.startswith("keyed") else None


def main() -> None:
    """Take socket, session, project, the first part of every token and the kinds from the command line."""
    socket, session_id, project_id, prefix, *kinds = sys.argv[1:]
    numbers = itertools.count()

    def work() -> None:
        with Client(socket, timeout=30) as client:
            for number in numbers:
                kind = kinds[number % len(kinds)]
                token = f"{prefix}-{number}"
                tell("sent", kind, token)
                try:
                    client.send(
                        a_call(kind, token, session_id=session_id, project_id=project_id),
                        idempotency_key=key_of(kind, token),
                    )
                except CallFailed:
                    return
                tell("answered", kind, token)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tell(*words: str) -> None:
    """Write one line, whole, at once."""
    os.write(1, (" ".join(words) + "\n").encode())


if __name__ == "__main__":
    main()
