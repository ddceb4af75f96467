"""The client for asyncio programs: the same methods as `Client`, awaited."""

import asyncio
import os
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from omnimem import calls
from omnimem.calls import Call, Operations
from omnimem.errors import CallTimeout, ConnectionLost, DaemonNotRunning, NotSent
from omnimem.exchange import EventStream, Exchange, Reply
from omnimem.locate import socket_path as default_socket_path
from omnimem.model import Event
from omnimem.owner import check_owner

P = ParamSpec("P")
R = TypeVar("R")
_CHUNK = 65536


def _method(operation: Callable[P, Call[R]]) -> Callable[Concatenate["AsyncClient", P], Awaitable[R]]:
    def method(self: "AsyncClient", /, *ids: P.args, **fields: P.kwargs) -> Awaitable[R]:
        return self.send(operation(*ids, **fields))

    if isinstance(operation, calls.Operation):
        method.__name__, method.__doc__ = operation.name, operation.summary
    return method


class AsyncClient:
    """Talks to the daemon over its socket; one coroutine for each operation, any number at a time.

    Arguments, results and errors as `Client`. It belongs to the event loop that first uses it.
    """

    def __init__(self, socket_path: str | Path | None = None, timeout: float = 5.0) -> None:
        """Make a client for the daemon at *socket_path* (default: the user's own); *timeout* in seconds per call."""
        self._path = Path(socket_path) if socket_path is not None else default_socket_path()
        self._timeout = timeout
        self._idle: list[_Connection] = []

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close the kept connections; the client can still be used."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    async def send(self, call: Call[R], *, idempotency_key: str | None = None) -> R:
        """Send any *call*; with *idempotency_key* a POST that is sent again has no second effect.

        Raises:
            OmnimemError: what the daemon answers.
            DaemonNotRunning: nobody answers on the socket.
            CallTimeout: no answer in time.
            ConnectionLost: the daemon went away before it answered.
        """
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    connection, reply = await self._exchange(call, idempotency_key)
                except NotSent:  # the daemon ends, or begins again: whoever serves next has the next connection
                    connection, reply = await self._exchange(call, idempotency_key)
        except TimeoutError as error:
            raise CallTimeout("The daemon did not answer in time.") from error
        if connection.http.reusable():
            self._idle.append(connection)
        else:
            connection.close()
        result: R = reply.read(call)
        return result

    async def events(self, *, session_id: str | None = None, project_id: str | None = None) -> AsyncIterator[Event]:
        """Yield events as they happen, for ever; closing the iterator ends it.

        Raises:
            ConnectionLost: the daemon went away.
        """
        call = Operations.events(session_id=session_id, project_id=project_id)
        connection = await self._open()
        stream = EventStream()
        try:
            async for piece in connection.pieces(call, None):
                for event in stream.feed(piece):
                    yield event
        finally:
            connection.close()
        raise ConnectionLost("The daemon ended the stream of events.")

    async def export(
        self, *, project_id: str | None = None, memories_only: bool = False, for_git: bool = False
    ) -> AsyncIterator[bytes]:
        """Yield a project, or everything, as JSON Lines, in pieces that do not end where lines do.

        Raises:
            ProjectNotFound: there is no such project.
            CallTimeout: a piece did not come in time.
            ConnectionLost: the daemon went away before the end.
        """
        call = Operations.export(project_id=project_id, memories_only=memories_only, for_git=for_git)
        connection = await self._open()
        try:
            async for piece in connection.pieces(call, self._timeout):
                yield piece
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

    async def _exchange(self, call: Call[Any], key: str | None) -> "tuple[_Connection, Reply]":
        connection = await self._take()
        try:
            return connection, await connection.exchange(call, key)
        except BaseException:
            connection.close()
            raise

    async def _take(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh():
                return connection
            connection.close()
        return await self._open()

    async def _open(self) -> "_Connection":
        try:
            reader, writer = await asyncio.open_unix_connection(os.fspath(self._path))
            try:
                check_owner(writer.get_extra_info("socket"), self._path)
            except BaseException:
                writer.close()
                raise
            return _Connection(reader, writer)
        except OSError as error:
            raise DaemonNotRunning(f"No daemon answers at {self._path} ({error.strerror or error}).") from error


class _Connection:
    """One open socket and its HTTP state."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = Exchange()

    async def exchange(self, call: Call[Any], key: str | None) -> Reply:
        try:
            self.writer.write(self.http.send(call, idempotency_key=key))
            while True:
                reply = self.http.receive(await self.reader.read(_CHUNK))
                if reply is not None:
                    return reply
        except BrokenPipeError as error:
            raise NotSent("The daemon took no more on this connection.") from error
        except ConnectionError as error:
            raise ConnectionLost("The daemon went away before it answered.") from error

    async def pieces(self, call: Call[Any], timeout: float | None) -> AsyncIterator[bytes]:  # noqa: ASYNC109 of each piece
        """Yield the answer as it comes; each piece within *timeout* seconds, None: whenever it comes."""
        try:
            self.writer.write(self.http.send(call))
            while True:
                async with asyncio.timeout(timeout):
                    data = await self.reader.read(_CHUNK)
                for piece in self.http.stream(data):
                    if not piece:
                        return
                    yield piece
        except TimeoutError as error:
            raise CallTimeout("The daemon did not answer in time.") from error
        except ConnectionError as error:
            raise ConnectionLost("The daemon went away.") from error

    def fresh(self) -> bool:
        """Return whether the daemon still holds its end: an idle connection has nothing to read."""
        if self.reader.at_eof() or self.writer.is_closing():
            return False
        poll = select.poll()  # the loop may not have heard yet
        poll.register(self.writer.get_extra_info("socket"), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self.writer.close()
