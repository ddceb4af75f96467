"""Take secrets out of the lines of an import, as they are taken out of every other text that comes in."""

from typing import Any, Final

from msgspec.structs import replace

from omnimemd.domain import export_lines as lines
from omnimemd.domain.redaction import Redacted, check_no_secret, redact_all

#: What was said in each type of line; the rest is what was seen, or names things.
_SAID: Final[dict[type[lines.Line], tuple[str, ...]]] = {
    lines.ProjectLine: ("name", "settings"),
    lines.MemoryLine: ("memory_key",),
    lines.VersionLine: ("memory_value", "metadata"),
    lines.SessionLine: ("end_detail", "metadata"),
    lines.SearchLine: ("query",),
    lines.DecisionLine: ("decision",),
    lines.MemoryNoteLine: ("memory_key",),
    lines.CheckpointLine: ("name", "note", "summary", "decisions", "searches", "memories", "open_points"),
}
#: Ids stay as they are, or are refused.
_IDS: Final = ("project_id", "session_id", "tool_id", "user_id", "continues")


def cleaned(line: lines.Line, *, key: str) -> Redacted[lines.Line]:
    """Return *line* without its secrets; *key* is that of the memory whose version it may be.

    Raises:
        InvalidRequest: an id holds a secret.
    """
    for name in _IDS:
        if isinstance(value := getattr(line, name, None), str):
            check_no_secret(value, field=name)
    changes: dict[str, Any] = {}
    kinds: set[str] = set()
    for name in _SAID.get(type(line), ()):
        value = getattr(line, name)
        # A memory's key says what its value is, as the name of a setting does.
        said = {key: value} if name == "memory_value" else value
        done = redact_all(said)
        if done.kinds:
            changes[name] = next(iter(done.value.values())) if name == "memory_value" else done.value
            kinds.update(done.kinds)
    return Redacted(replace(line, **changes) if changes else line, tuple(sorted(kinds)))
