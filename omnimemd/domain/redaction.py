"""Take secrets out of what is said before anything is done with it: before it is stored, indexed, told or logged.

What is a secret is known by its shape (`secret_tokens`) or by its place (`secret_settings`). Something that merely
looks random (a commit, a checksum, an id) stays: a memory with a hole in it is worth less, and nobody trusts a memory
that eats text. In place of a secret stands `[removed: kind]`; names around it stay, so that one can read which setting
it was. Doing it twice changes nothing more. It takes time in proportion to the text, whatever that holds.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from omnimem.errors import InvalidRequest
from omnimem.model import ID_PATTERN
from omnimemd.domain.secret_settings import find_settings, kind_of_member
from omnimemd.domain.secret_tokens import Found, find_tokens

T = TypeVar("T")


class Redacted(msgspec.Struct, Generic[T], frozen=True):
    """Something without its secrets."""

    value: T
    kinds: tuple[str, ...] = ()  #: what was taken out, each kind once, sorted


def redact(text: str) -> Redacted[str]:
    """Return *text* with every secret that is recognised replaced by a marker; any text is safe, in linear time."""
    kinds: set[str] = set()
    for _ in range(_ROUNDS):
        found = _joined([*find_tokens(text), *find_settings(text)])
        if not found:
            break
        kinds.update(one.kind for one in found)
        text = _without(text, found)
    return Redacted(text, tuple(sorted(kinds)))


def redact_all(value: T) -> Redacted[T]:
    """Return *value*, a request or anything of JSON, with every text in it redacted, names of members too.

    Two kinds of text in a request stay as they are: folders, which exist under their name or are refused, and ids, by
    which the caller will ask again: an id that holds a token is refused.

    Raises:
        InvalidRequest: an id holds a secret.
    """
    kinds: set[str] = set()
    cleaned = _cleaned(value, kinds, where="")
    return Redacted(cleaned, tuple(sorted(kinds)))


def check_no_secret(text: str, *, field: str) -> None:
    """Refuse what is kept as it is, and holds a token.

    Raises:
        InvalidRequest: it does; the error does not repeat it.
    """
    kind = min((one.kind for one in find_tokens(text)), default=None)
    if kind is not None:
        raise InvalidRequest.field(field, f"holds a secret ({kind}): it would be kept, and shown, as it is")


#: Most rounds that are made: what stood beside a secret may show itself to be one when that is gone.
_ROUNDS: Final = 5
#: Fields of requests that name a folder.
_FOLDERS: Final = frozenset(("path", "workspace_path"))
#: Kinds that say less than that of the token itself.
_BY_PLACE: Final = frozenset(("authorization", "password", "secret"))


def _without(text: str, found: list[Found]) -> str:
    parts: list[str] = []
    end = 0
    for one in found:
        parts += (text[end : one.start], _marker(one.kind))
        end = one.end
    return "".join((*parts, text[end:]))


def _marker(kind: str) -> str:
    return f"[removed: {kind}]"


def _joined(found: list[Found]) -> list[Found]:
    """Return *found* in the order of the text, those that overlap made one."""
    joined: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        last = joined[-1] if joined else None
        if last is None or one.start >= last.end:
            joined.append(one)
        else:
            kind = one.kind if last.kind in _BY_PLACE else last.kind
            joined[-1] = Found(last.start, max(last.end, one.end), kind)
    return joined


def _cleaned(value: Any, kinds: set[str], *, where: str) -> Any:
    if isinstance(value, msgspec.Struct):
        return _cleaned_request(value, kinds, where=where)
    if isinstance(value, Mapping):
        return _cleaned_object(value, kinds)
    if isinstance(value, list):
        return [_cleaned(one, kinds, where=f"{where}[{at}]") for at, one in enumerate(value)]
    if isinstance(value, tuple):  # several things
        return tuple(_cleaned(one, kinds, where=where) for one in value)
    if type(value) is str:  # not a choice of ours, which is a StrEnum
        return _cleaned_text(value, kinds)
    return value


def _cleaned_text(text: str, kinds: set[str]) -> str:
    done = redact(text)
    kinds.update(done.kinds)
    return done.value


def _cleaned_object(members: Mapping[str, Any], kinds: set[str]) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for name, value in members.items():
        safe = _cleaned_text(name, kinds)
        number = 2
        while safe in cleaned:  # two secrets of a kind
            safe, number = f"{_cleaned_text(name, kinds)} {number}", number + 1
        cleaned[safe] = _cleaned_member(name, value, kinds)
    return cleaned


def _cleaned_member(name: str, value: Any, kinds: set[str]) -> Any:
    kind = kind_of_member(name, value) if isinstance(value, str) else None
    if kind is None or redact(value).kinds:
        return _cleaned(value, kinds, where=name)
    kinds.add(kind)
    return _marker(kind)


def _cleaned_request(request: msgspec.Struct, kinds: set[str], *, where: str) -> msgspec.Struct:
    changes: dict[str, Any] = {}
    for name, is_id in _texts_of(type(request)):
        value = getattr(request, name)
        if value is None or value is msgspec.UNSET:
            continue
        field = f"{where}.{name}" if where else name
        if is_id:
            for one in [value] if isinstance(value, str) else value:
                check_no_secret(one, field=field)
            continue
        if name == "value":  # a memory's: its key says what that is, as the name of a setting does
            safe = _cleaned_member(getattr(request, "key", ""), value, kinds)
        else:
            safe = _cleaned(value, kinds, where=field)
        if safe != value:
            changes[name] = safe
    return replace(request, **changes) if changes else request


@cache
def _texts_of(request: type[msgspec.Struct]) -> tuple[tuple[str, bool], ...]:
    """Return the fields of *request* that may hold text, each with whether it is an id."""
    found: list[tuple[str, bool]] = []
    for field in msgspec.structs.fields(request):
        parts = list(_parts(field.type))
        is_id = any(isinstance(one, msgspec.Meta) and one.pattern == ID_PATTERN for one in parts)
        holds_text = any(one in (str, Any) or _is_request(one) for one in parts)
        if holds_text and field.name not in _FOLDERS:
            found.append((field.name, is_id))
    return tuple(found)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for one in get_args(annotation):
        yield from _parts(one)


def _is_request(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)
