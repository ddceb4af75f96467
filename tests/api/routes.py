"""Every route of the API with a request it takes, for what holds for all of them alike."""

from typing import Any, Final

import pytest

from omnimem.calls import ALL, Operation

#: A body each operation with one takes. `{workspace}` and `{version}` are filled in.
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "create_session": {"tool_id": "tool", "workspace_path": "{workspace}"},
    "update_session": {"pinned": False},
    "end_session": {"reason": "done"},
    "append_context": {"decision": "x"},
    "append_batch": {"entries": [{"decision": "x"}]},
    "resolve_project": {"path": "{workspace}"},
    "update_project": {"name": "x"},
    "add_workspace": {"path": "{workspace}"},
    "create_memory": {"key": "k", "value": "v"},
    "update_memory": {"value": "w"},
    "restore_memory": {"version": 1},
    "change_log": {"level": "info"},
    "apply_retention": {"dry_run": True},
    "restore_backup": {"dry_run": True},
    "create_checkpoint": {"name": "x"},
    "restore_checkpoint": {"tool_id": "tool", "workspace_path": "{workspace}"},
    "keep_checkpoint": {"key": "k"},
    "rewind_memories": {"to": "2026-03-01T12:00:00Z"},
}
_QUERIES: Final = {
    **dict.fromkeys(("remove_workspace", "explain_workspace"), "?path={workspace}"),
    **dict.fromkeys(("search_memories", "search"), "?q=words"),
}

EVERY: Final = [pytest.param(one, id=one.name) for one in ALL]
WITH_BODY: Final = [
    pytest.param(one, id=one.name) for one in ALL if one.method in ("POST", "PATCH") and one.body is not None
]
TAKING_POSTS: Final = [
    pytest.param(one, id=one.name) for one in ALL if one.method in ("POST", "PATCH") and one.takes == "application/json"
]
PATHS: Final = sorted({one.path for one in ALL})

AnyOperation = Operation[..., Any]


def path_of(
    operation: AnyOperation,
    *,
    session_id: str = "s-1",
    project_id: str = "p",
    memory_id: str = "mem_000000000000",
    checkpoint_id: str = "ckpt_000000000000",
    backup_id: str = "backup_20260301T120000000Z_client_0000",
    workspace: str = "/",
) -> str:
    """Return a path of *operation*, with the query it cannot do without."""
    ids = {
        "{session_id}": session_id,
        "{project_id}": project_id,
        "{memory_id}": memory_id,
        "{checkpoint_id}": checkpoint_id,
        "{backup_id}": backup_id,
    }
    path = operation.path + _QUERIES.get(operation.name, "").format(workspace=workspace)
    for name, value in ids.items():
        path = path.replace(name, value)
    return path


def body_of(operation: AnyOperation, *, workspace: str = "/") -> dict[str, Any] | None:
    """Return a body that *operation* takes, None where it has none."""
    if operation.body is None:
        return None
    body = dict(_BODIES[operation.name])
    return {name: workspace if value == "{workspace}" else value for name, value in body.items()}
