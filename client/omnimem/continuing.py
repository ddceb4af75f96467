"""The operations by which one session goes on where another one was; `omnimem.calls` has all the others."""

from omnimem import errors, model
from omnimem.operation import of_id, of_id_with


class ContinuingOperations:
    """What carries the work of a session over to the next."""

    session_chain = of_id(
        "GET",
        "/sessions/{session_id}/chain",
        model.SessionChain,
        "The sessions it goes on from, and those that went on from it.",
        raises=(errors.SessionNotFound,),
    )
    create_checkpoint = of_id_with(
        "body",
        model.CheckpointCreate,
        "POST",
        "/sessions/{session_id}/checkpoints",
        model.Checkpoint,
        "Take a checkpoint of a session.",
        created=True,
        raises=(errors.SessionNotFound,),
    )
    list_checkpoints = of_id_with(
        "query",
        model.CheckpointQuery,
        "GET",
        "/sessions/{session_id}/checkpoints",
        model.CheckpointList,
        "The checkpoints of a session, newest first.",
        raises=(errors.SessionNotFound,),
    )
    list_project_checkpoints = of_id_with(
        "query",
        model.CheckpointQuery,
        "GET",
        "/projects/{project_id}/checkpoints",
        model.CheckpointList,
        "The checkpoints of a project's sessions, newest first.",
    )
    get_checkpoint = of_id(
        "GET",
        "/checkpoints/{checkpoint_id}",
        model.Checkpoint,
        "One checkpoint.",
        raises=(errors.CheckpointNotFound,),
    )
    diff_checkpoint = of_id_with(
        "query",
        model.CheckpointDiffQuery,
        "GET",
        "/checkpoints/{checkpoint_id}/diff",
        model.CheckpointDiff,
        "What is another in a checkpoint than in an earlier one.",
        raises=(errors.CheckpointNotFound, errors.CheckpointElsewhere),
    )
    restore_checkpoint = of_id_with(
        "body",
        model.CheckpointRestore,
        "POST",
        "/checkpoints/{checkpoint_id}/restore",
        model.Session,
        "Begin a session that starts from a checkpoint.",
        created=True,
        raises=(
            errors.CheckpointNotFound,
            errors.CheckpointElsewhere,
            errors.WorkspaceInvalid,
            errors.ProcessNotFound,
        ),
    )
    keep_checkpoint = of_id_with(
        "body",
        model.CheckpointKeep,
        "POST",
        "/checkpoints/{checkpoint_id}/keep",
        model.MemoryWritten,
        "Keep a checkpoint as a project memory.",
        created=True,
        raises=(errors.CheckpointNotFound,),
    )
