"""Nothing of a secret is anywhere: every kind is put through every door, and the files are searched for the bytes."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from omnimem import Client
from tests.e2e.daemons import running
from tests.e2e.homes import Home
from tests.e2e.listening import Listener
from tests.e2e.waiting import eventually
from tests.e2e.wire import Reply, call
from tests.support.secrets import Secret, settings, tokens

EVERY = [*tokens(), *settings()]
pytestmark = pytest.mark.needs("inotify")


def spellings(secret: str) -> set[bytes]:
    """Return how the bytes of *secret* may look: as they are, and in JSON."""
    return {secret.encode(), json.dumps(secret)[1:-1].encode(), json.dumps(json.dumps(secret))[3:-3].encode()}


def found_in(content: bytes) -> list[str]:
    """Return the secrets that are in *content*; of a long one, a part is enough."""
    parts = {one.kind + " " + one.secret[:6]: one.secret[-24:] if len(one.secret) > 30 else one.secret for one in EVERY}
    return [name for name, secret in parts.items() if any(one in content for one in spellings(secret))]


def use_every_door(socket: Path, workspace: Path, number: int, text: str) -> list[Reply]:
    """Say *text* in every place of every call that takes words; return the answers of those that are to succeed."""

    def send(method: str, target: str, body: Any = None, **headers: str) -> Reply:
        return call(socket, method, target, body, headers={name.replace("_", "-"): it for name, it in headers.items()})

    session, memories = f"s-{number}", f"/projects/p-{number}/memories"
    begun = send(
        "POST",
        "/sessions",
        {
            "tool_id": "t",
            "workspace_path": str(workspace),
            "session_id": session,
            "metadata": {"note": {"deep": [text]}, text: 1},
        },
    )
    project = f"/projects/{begun.json()['project_id']}"
    entry = {
        "decision": text,
        "search_query": text,
        "file_path": text,
        "memory_id": "m",
        "memory_key": text[:1000],
    }
    written = send(
        "POST",
        memories,
        {
            "key": f"k\n{text}"[:1000],
            "value": text,
            "metadata": {text: [text]},
            "session_id": session,
            "files": [text],
        },
    )
    memory = f"{memories}/{written.json()['memory_id']}"
    done = [
        begun,
        written,
        send("PATCH", memory, {"value": f"again\n{text}", "metadata": {"x": text}}),
        send(
            "POST",
            memories,
            {"key": "long", "value": "many words\n" * 2000 + text},
            Idempotency_Key=f"m-{number}",
        ),
        send("POST", f"/sessions/{session}/context", entry, Idempotency_Key=f"c-{number}"),
        send("POST", f"/sessions/{session}/context", entry, Prefer="return=minimal"),
        send("POST", f"/sessions/{session}/context/batch", {"entries": [entry, entry]}, Idempotency_Key=f"b-{number}"),
        send("PATCH", f"/sessions/{session}", {"metadata": {text: text}}),
        send("PATCH", project, {"name": f"n\n{text}"[:200], "settings": {"note": text}}),
        send("POST", f"/sessions/{session}/end", {"reason": text[:200]}),
    ]
    refused = [
        send("POST", f"/sessions/{session}/context", {"decision": [text]}),
        send("POST", f"/sessions/{session}/context", {text: text}),
        send("POST", f"/sessions/{session}/context", {"decision": text, "timestamp": text}),
        send("POST", memories, {"key": "k", "value": text, "ttl_seconds": text}),
        send("POST", memories, f'{{"value": "{text}'.encode()),
        send("GET", f"/nowhere/{quote(text, safe='')}"),
        send("GET", f"/sessions?cursor={quote(text)}"),
        send("GET", f"/sessions/{quote(text, safe='')}"),
        send("POST", f"/projects/{quote(text, safe='')}/memories", {"key": "k", "value": "v"}),
        send("POST", f"/sessions/{session}/context", {"decision": "d", "agent_id": text}),
        send("POST", f"/sessions/{session}/context", {"decision": "d"}, Idempotency_Key=quote(text)[:250]),
        send("GET", f"{memories}?key={quote(text)}"),
    ]
    assert all(reply.status < 500 for reply in (*done, *refused))
    return done


def read_everything(client: Client) -> bytes:
    """Return all that the daemon gives out."""
    told: list[Any] = [client.list_projects(), client.list_workspaces(), client.status(), client.health()]
    sessions = client.list_sessions(archived="all", limit=500).sessions
    told += sessions
    for session in sessions:
        told += [client.get_context(session.session_id), client.list_entries(session.session_id)]
    for project in client.list_projects().projects:
        told += client.list_memories(project.project_id, limit=100).memories
    return b"".join(repr(one).encode() for one in told)


def test_no_byte_of_any_secret_is_in_any_file_or_answer(empty_home: Home) -> None:
    workspace = empty_home.folder({"a.txt": "x"})
    with running(empty_home, "--log-level", "debug") as daemon, daemon.client(timeout=30) as client:
        listener = Listener(client)
        for number, secret in enumerate(EVERY):
            for reply in use_every_door(daemon.socket, workspace, number, secret.text):
                assert reply.status < 300, reply
                assert secret.kind in reply.headers.get("omnimem-redacted", ""), (secret.kind, reply)
                assert found_in(reply.body) == []
        eventually(lambda: len(listener.of("memory")) >= len(EVERY), "the memories are told of")

        assert found_in(read_everything(client)) == []
        assert found_in(repr(listener.of("memory") + listener.of("entry") + listener.of("session")).encode()) == []
        for file in (*empty_home.data_dir.rglob("*"), daemon.log_file):
            assert not file.is_file() or found_in(file.read_bytes()) == [], file
        assert b"[removed: " in empty_home.database.read_bytes() + Path(f"{empty_home.database}-wal").read_bytes()
        assert Path(f"{empty_home.database}-shm").exists()

    for file in (*empty_home.data_dir.rglob("*"), daemon.log_file):
        assert not file.is_file() or found_in(file.read_bytes()) == [], file


def test_the_search_of_this_test_finds_what_is_kept(empty_home: Home) -> None:
    secret: Secret = tokens()[0]
    with running(empty_home) as daemon, daemon.client() as client:
        project = client.resolve_project(path=str(empty_home.folder())).project_id
        client.update_project(project, settings={"redact": False})
        client.create_memory(project, key="k", value=secret.text)

        assert found_in(Path(f"{empty_home.database}-wal").read_bytes()) == ["AWS key AKIAAB"]
