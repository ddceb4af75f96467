"""The client for ordinary programs: blocking, thread-safe, safe across fork."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from omnimem import calls
from omnimem.calls import Call, Operations
from omnimem.errors import NotSent
from omnimem.locate import socket_path as default_socket_path
from omnimem.model import Event

if TYPE_CHECKING:
    from omnimem.connection import Connection
    from omnimem.exchange import Reply

P = ParamSpec("P")
R = TypeVar("R")


def _method(operation: Callable[P, Call[R]]) -> Callable[Concatenate["Client", P], R]:
    def method(self: "Client", /, *ids: P.args, **fields: P.kwargs) -> R:
        return self.send(operation(*ids, **fields))

    if isinstance(operation, calls.Operation):
        method.__name__, method.__doc__ = operation.name, operation.summary
    return method


class Client:
    """Talks to the daemon over its socket; one method for each operation.

    Arguments are the API's fields, by keyword after the ids; results are the types of `omnimem.model`; failures are
    the errors of `omnimem.errors`. Connections are kept and reused. It never sends again
    what the daemon may have got, and never starts a daemon.
    """

    def __init__(self, socket_path: str | Path | None = None, timeout: float = 5.0) -> None:
        """Make a client for the daemon at *socket_path* (default: the user's own); *timeout* in seconds per call."""
        self._path = Path(socket_path) if socket_path is not None else default_socket_path()
        self._timeout = timeout
        self._idle: list[Connection] = []  # guarded by _lock
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the kept connections; the client can still be used."""
        self._own()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def send(self, call: Call[R], *, idempotency_key: str | None = None) -> R:
        """Send any *call*; with *idempotency_key* a POST that is sent again has no second effect.

        Raises:
            OmnimemError: what the daemon answers.
            DaemonNotRunning: nobody answers on the socket.
            CallTimeout: no answer in time.
            ConnectionLost: the daemon went away before it answered.
        """
        deadline = time.monotonic() + self._timeout
        try:
            connection, reply = self._exchange(call, idempotency_key, deadline)
        except NotSent:  # the daemon ends, or begins again: whoever serves next has the next connection
            connection, reply = self._exchange(call, idempotency_key, deadline)
        if connection.reusable():
            with self._lock:
                self._idle.append(connection)
        else:
            connection.close()
        result: R = reply.read(call)
        return result

    def events(self, *, session_id: str | None = None, project_id: str | None = None) -> Iterator[Event]:
        """Return what happens from this call on as it happens, for ever; closing the iterator ends it.

        Raises:
            DaemonNotRunning: nobody answers on the socket.
            CallTimeout: the daemon did not begin to tell in time.
            ConnectionLost: the daemon went away; while events are waited for, too.
        """
        told = self._told(Operations.events(session_id=session_id, project_id=project_id))
        next(told)  # nothing is missed from here on, whenever the caller begins to listen
        return told

    def export(
        self, *, project_id: str | None = None, memories_only: bool = False, for_git: bool = False
    ) -> Iterator[bytes]:
        """Yield a project, or everything, as JSON Lines, in pieces that do not end where lines do.

        Raises:
            ProjectNotFound: there is no such project.
            CallTimeout: a piece did not come in time.
            ConnectionLost: the daemon went away before the end.
        """
        call = Operations.export(project_id=project_id, memories_only=memories_only, for_git=for_git)
        connection = self._open(time.monotonic() + self._timeout)
        try:
            yield from connection.pieces(call, self._timeout)
        finally:
            connection.close()

    def _exchange(self, call: Call[Any], key: str | None, deadline: float) -> "tuple[Connection, Reply]":
        connection = self._take(deadline)
        try:
            return connection, connection.exchange(call, key, deadline)
        except BaseException:
            connection.close()
            raise

    def _told(self, call: Call[Any]) -> Iterator[Any]:
        connection = self._open(time.monotonic() + self._timeout)
        try:
            yield from connection.events(call, self._timeout)
        finally:
            connection.close()

    health = _method(Operations.health)
    status = _method(Operations.status)
    flush = _method(Operations.flush)
    create_session = _method(Operations.create_session)
    get_session = _method(Operations.get_session)
    list_sessions = _method(Operations.list_sessions)
    update_session = _method(Operations.update_session)
    end_session = _method(Operations.end_session)
    delete_session = _method(Operations.delete_session)
    session_chain = _method(Operations.session_chain)
    get_context = _method(Operations.get_context)
    append_batch = _method(Operations.append_batch)
    list_entries = _method(Operations.list_entries)
    resolve_project = _method(Operations.resolve_project)
    list_projects = _method(Operations.list_projects)
    get_project = _method(Operations.get_project)
    update_project = _method(Operations.update_project)
    list_workspaces = _method(Operations.list_workspaces)
    explain_workspace = _method(Operations.explain_workspace)
    add_workspace = _method(Operations.add_workspace)
    remove_workspace = _method(Operations.remove_workspace)
    create_memory = _method(Operations.create_memory)
    list_memories = _method(Operations.list_memories)
    update_memory = _method(Operations.update_memory)
    delete_memory = _method(Operations.delete_memory)
    memory_versions = _method(Operations.memory_versions)
    restore_memory = _method(Operations.restore_memory)
    confirm_memory = _method(Operations.confirm_memory)
    rewind_memories = _method(Operations.rewind_memories)
    search_memories = _method(Operations.search_memories)
    search = _method(Operations.search)
    create_checkpoint = _method(Operations.create_checkpoint)
    list_checkpoints = _method(Operations.list_checkpoints)
    list_project_checkpoints = _method(Operations.list_project_checkpoints)
    get_checkpoint = _method(Operations.get_checkpoint)
    diff_checkpoint = _method(Operations.diff_checkpoint)
    restore_checkpoint = _method(Operations.restore_checkpoint)
    keep_checkpoint = _method(Operations.keep_checkpoint)
    briefing = _method(Operations.briefing)
    briefing_markdown = _method(calls.briefing_markdown)
    briefing_report = _method(Operations.briefing_report)
    all_briefings_report = _method(Operations.all_briefings_report)
    checks = _method(Operations.checks)
    repair = _method(Operations.repair)
    show_log = _method(Operations.show_log)
    change_log = _method(Operations.change_log)
    import_lines = _method(calls.import_lines)
    show_retention = _method(Operations.show_retention)
    apply_retention = _method(Operations.apply_retention)
    create_backup = _method(Operations.create_backup)
    list_backups = _method(Operations.list_backups)
    verify_backup = _method(Operations.verify_backup)
    restore_backup = _method(Operations.restore_backup)
    delete_backup = _method(Operations.delete_backup)
    append_context = _method(calls.append_context)
    get_memory = _method(calls.get_memory)
    summary = _method(calls.summary)
    summary_markdown = _method(calls.summary_markdown)

    def _own(self) -> None:
        """Begin anew after a fork: the connections are the parent's, and one of its threads may have held the lock."""
        if self._pid != os.getpid():
            inherited = self._idle
            self._lock, self._idle, self._pid = threading.Lock(), [], os.getpid()
            for connection in inherited:
                connection.close()

    def _take(self, deadline: float) -> "Connection":
        self._own()
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.fresh():
                    return connection
                connection.close()
        return self._open(deadline)

    def _open(self, deadline: float) -> "Connection":
        # Loaded with the first call: a program that makes none need not wait for the HTTP library.
        from omnimem.connection import Connection

        return Connection(self._path, deadline)
