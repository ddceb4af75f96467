"""Every kind of write the API has: what must be there before, the request, and how often its effect is there after.

One list for every test that takes the daemon's store away: a write that was answered is there once, one that was not is
there once at most, and whole. Each use of a kind has a token of its own, so that nothing of it meets anything else.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from omnimem import Client, MemoryNotFound, SessionNotFound
from omnimem.calls import ALL, Call, Operation, Operations, append_context, import_lines
from omnimem.model import ContextAppend, Session
from tests.e2e.homes import Home
from tests.e2e.recorded import entries


class Place(NamedTuple):
    """Where writes happen."""

    home: Home
    client: Client
    session: Session  #: appends go there
    process_id: int  #: sessions are bound to it

    def folder(self, token: str) -> str:
        """Return a folder outside git, the same for the same *token*."""
        folder = self.home.base / "work" / token
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def session_in(self, token: str) -> Session:
        """Begin a session that is nobody else's."""
        folder = self.folder(token)
        return self.client.create_session(tool_id="t", workspace_path=folder, process_id=self.process_id)

    def memory(self, token: str) -> str:
        """Write the first version of the memory *token*; return its id."""
        return self.client.create_memory(token, key=token, value="first").memory_id


class Kind(NamedTuple):
    """One kind of write. *Subject* below is what `before` returned."""

    name: str
    operation: Operation[..., Any]
    before: Callable[[Place, str], Any]  #: makes the subject of a token
    call: Callable[[Place, str, Any], Call[Any]]
    effects: Callable[[Place, str, Any], int]  #: how often it is there; asserts that none is there in half


class Write:
    """One use of a kind."""

    def __init__(self, kind: Kind, place: Place, token: str) -> None:
        self.kind = kind
        self.token = token
        self._subject = kind.before(place, token)

    @property
    def key(self) -> str | None:
        """The Idempotency-Key of the request; None where it has no use for one."""
        operation = self.kind.operation
        return self.token if operation.method == "POST" and not operation.repeatable else None

    def send(self, place: Place) -> object:
        """Send the request, which may be a retry."""
        return place.client.send(self.kind.call(place, self.token, self._subject), idempotency_key=self.key)

    def effects(self, place: Place) -> int:
        """Return how often its effect is there."""
        found = self.kind.effects(place, self.token, self._subject)
        assert found in (0, 1), f"{self.kind.name} {self.token} is there {found} times"
        return found


def _nothing(place: Place, token: str) -> None:
    """Have nothing before."""


def _said(place: Place, token: str) -> list[str]:
    """Return what entries of the session say with *token*, whatever their kind."""
    said = []
    for entry in entries(place.client, place.session.session_id):
        members = (getattr(entry, name, None) for name in ("path", "query", "decision", "memory_key"))
        said += [one for one in members if one is not None and f"{token}-" in f"{one}-"]
    return said


def _once_whole(found: list[str], parts: int) -> int:
    assert len(found) in (0, parts, 2 * parts), f"half of it is there: {found}"
    return len(found) // parts


def _append(name: str, fields: Callable[[str], dict[str, Any]]) -> Kind:
    return Kind(
        f"append {name}",
        Operations.append_context,
        _nothing,
        lambda place, token, _: append_context(place.session.session_id, **fields(token)),
        lambda place, token, _: _once_whole(_said(place, token), len(fields(token)) - ("access" in fields(token))),
    )


def _exists(place: Place, session_id: str) -> int:
    try:
        place.client.get_session(session_id)
    except SessionNotFound:
        return 0
    return 1


def _version(place: Place, token: str) -> int:
    """Return the version of the memory *token*, 0 where there is none."""
    try:
        return place.client.get_memory(token, key=token, touch=False).version
    except MemoryNotFound:
        return 0


def _versions(place: Place, token: str, memory_id: str) -> int:
    try:
        return place.client.memory_versions(token, memory_id).count
    except MemoryNotFound:
        return 0


def _by_hand(place: Place, path: str) -> int:
    return sum(one.path == path and one.by_hand for one in place.client.list_workspaces().workspaces)


def _added(place: Place, token: str) -> str:
    folder = place.folder(token)
    place.client.add_workspace(path=folder)
    return folder


def _project_of(place: Place, token: str) -> str:
    place.memory(token)  # makes the project
    return token


def _checkpoint(place: Place, token: str) -> tuple[str, str]:
    session = place.session_in(token)
    place.client.append_context(session.session_id, decision=token)
    return session.session_id, place.client.create_checkpoint(session.session_id, name=token).checkpoint_id


def _with_two_versions(place: Place, token: str) -> str:
    memory_id = place.memory(token)
    place.client.create_memory(token, key=token, value="second")
    return memory_id


def _export_of(place: Place, token: str) -> bytes:
    memory_id = place.memory(token)
    lines = place.client.send(Operations.export(project_id=token, memories_only=True))
    place.client.delete_memory(token, memory_id, purge=True)
    return lines.encode()


KINDS: Final[tuple[Kind, ...]] = (
    _append("access", lambda token: {"file_path": f"{token}-a", "access": "write"}),
    _append("search", lambda token: {"search_query": f"{token}-s"}),
    _append("decision", lambda token: {"decision": f"{token}-d"}),
    _append("all at once", lambda token: {"file_path": f"{token}-a", "search_query": f"{token}-s", "decision": token}),
    Kind(
        "batch",
        Operations.append_batch,
        _nothing,
        lambda place, token, _: Operations.append_batch(
            place.session.session_id, entries=[ContextAppend(decision=f"{token}-{number}") for number in range(5)]
        ),
        lambda place, token, _: _once_whole(_said(place, token), 5),
    ),
    Kind(
        "session create",
        Operations.create_session,
        _nothing,
        lambda place, token, _: Operations.create_session(
            tool_id="t", workspace_path=place.folder(token), process_id=place.process_id
        ),
        lambda place, token, _: place.client.list_sessions(workspace_path=place.folder(token)).count,
    ),
    Kind(
        "session patch",
        Operations.update_session,
        lambda place, token: place.session_in(token).session_id,
        lambda place, token, subject: Operations.update_session(subject, metadata={"mark": token}),
        lambda place, token, subject: place.client.get_session(subject).metadata == {"mark": token},
    ),
    Kind(
        "session end",
        Operations.end_session,
        lambda place, token: place.session_in(token).session_id,
        lambda place, token, subject: Operations.end_session(subject, reason=token),
        lambda place, token, subject: place.client.get_session(subject).end_detail == token,
    ),
    Kind(
        "session delete",
        Operations.delete_session,
        lambda place, token: place.client.end_session(place.session_in(token).session_id).session_id,
        lambda place, token, subject: Operations.delete_session(subject),
        lambda place, token, subject: 1 - _exists(place, subject),
    ),
    Kind(
        "memory create",
        Operations.create_memory,
        _nothing,
        lambda place, token, _: Operations.create_memory(token, key=token, value="first"),
        lambda place, token, _: _version(place, token),
    ),
    Kind(
        "memory new version",
        Operations.create_memory,
        Place.memory,
        lambda place, token, _: Operations.create_memory(token, key=token, value="second"),
        lambda place, token, _: _version(place, token) - 1,
    ),
    Kind(
        "memory patch",
        Operations.update_memory,
        Place.memory,
        lambda place, token, subject: Operations.update_memory(token, subject, value="second"),
        lambda place, token, _: _version(place, token) - 1,
    ),
    Kind(
        "memory delete",
        Operations.delete_memory,
        Place.memory,
        lambda place, token, subject: Operations.delete_memory(token, subject),
        lambda place, token, subject: _versions(place, token, subject) - 1,
    ),
    Kind(
        "memory purge",
        Operations.delete_memory,
        Place.memory,
        lambda place, token, subject: Operations.delete_memory(token, subject, purge=True),
        lambda place, token, subject: 1 - _versions(place, token, subject),
    ),
    Kind(
        "memory restore",
        Operations.restore_memory,
        _with_two_versions,
        lambda place, token, subject: Operations.restore_memory(token, subject, version=1),
        lambda place, token, _: _version(place, token) - 2,
    ),
    Kind(
        "memory confirm",
        Operations.confirm_memory,
        Place.memory,
        lambda place, token, subject: Operations.confirm_memory(token, subject),
        lambda place, token, _: place.client.get_memory(token, key=token, touch=False).confirmed_at is not None,
    ),
    Kind(
        "memories rewind",
        Operations.rewind_memories,
        Place.memory,
        lambda place, token, _: Operations.rewind_memories(token, to=datetime(2020, 1, 1, tzinfo=UTC)),
        lambda place, token, subject: _versions(place, token, subject) - 1,
    ),
    Kind(
        "checkpoint take",
        Operations.create_checkpoint,
        lambda place, token: place.session_in(token).session_id,
        lambda place, token, subject: Operations.create_checkpoint(subject, name=token),
        lambda place, token, subject: sum(
            one.name == token for one in place.client.list_checkpoints(subject).checkpoints
        ),
    ),
    Kind(
        "checkpoint keep",
        Operations.keep_checkpoint,
        _checkpoint,
        lambda place, token, subject: Operations.keep_checkpoint(subject[1], key=token),
        lambda place, token, subject: _kept(place, token, subject[0]),
    ),
    Kind(
        "checkpoint restore",
        Operations.restore_checkpoint,
        _checkpoint,
        lambda place, token, subject: Operations.restore_checkpoint(
            subject[1], tool_id="t", workspace_path=place.folder(token), process_id=place.process_id
        ),
        lambda place, token, subject: place.client.list_sessions(workspace_path=place.folder(token)).count - 1,
    ),
    Kind(
        "project patch",
        Operations.update_project,
        _project_of,
        lambda place, token, subject: Operations.update_project(subject, name=f"named {token}"),
        lambda place, token, subject: place.client.send(Operations.get_project(subject)).name == f"named {token}",
    ),
    Kind(
        "workspace add",
        Operations.add_workspace,
        _nothing,
        lambda place, token, _: Operations.add_workspace(path=place.folder(token)),
        lambda place, token, _: _by_hand(place, place.folder(token)),
    ),
    Kind(
        "workspace remove",
        Operations.remove_workspace,
        _added,
        lambda place, token, subject: Operations.remove_workspace(path=subject),
        lambda place, token, subject: 1 - _by_hand(place, subject),
    ),
    Kind(
        "import",
        Operations.import_lines,
        _export_of,
        lambda place, token, subject: import_lines(subject),
        lambda place, token, _: _version(place, token),
    ),
)

#: Operations that are no GET and leave nothing of which a caller could tell whether it is there.
LEAVE_NOTHING: Final = frozenset(
    {
        Operations.flush.name,  # waits
        Operations.change_log.name,  # of the process that runs
        Operations.repair.name,  # mends, if need be
        Operations.resolve_project.name,  # looks; the project is made with the first thing that is kept of it
        Operations.apply_retention.name,  # lets go of what is old, and nothing here is
        Operations.verify_backup.name,  # looks
    }
)
#: What these write is no row: a file beside the database, whole or not there, or the database in another's place.
OF_WHOLE_FILES: Final = frozenset(
    {Operations.create_backup.name, Operations.delete_backup.name, Operations.restore_backup.name}
)


def _kept(place: Place, token: str, session_id: str) -> int:
    project = place.client.get_session(session_id).project_id
    try:
        return place.client.get_memory(project, key=token, touch=False).version
    except MemoryNotFound:
        return 0


def not_driven() -> set[str]:
    """Return the operations that write and that no kind drives."""
    driven = {kind.operation.name for kind in KINDS} | LEAVE_NOTHING | OF_WHOLE_FILES
    return {one.name for one in ALL if one.method != "GET"} - driven


def every_kind(place: Place, prefix: str) -> list[Write]:
    """Make one write of each kind, with what must be there before it."""
    numbers = itertools.count()
    return [Write(kind, place, f"{prefix}_{next(numbers)}") for kind in KINDS]
