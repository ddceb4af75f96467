"""What an operation of the API is: its declaration, and the call that it makes of its arguments.

`Operation` is the declaration; calling one with its arguments makes a `Call`, a value that any transport can send.
The arguments are the fields of the operation's request, so a name is written down in one place only.
"""

from collections.abc import Callable
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from omnimem import errors
from omnimem.errors import OmnimemError

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

#: What any request may be answered, whatever it asks.
COMMON_ERRORS: Final[tuple[type[OmnimemError], ...]] = (
    errors.BadRequest,
    errors.Forbidden,
    errors.InvalidRequest,
    errors.InternalError,
    errors.Unavailable,
)


class Call(msgspec.Struct, Generic[R_co], frozen=True, kw_only=True):
    """One request, ready to be sent; `result` is the type of a successful answer with a body."""

    method: str
    target: str  #: path and query, percent-encoded
    result: Any  #: a msgspec type; NoneType where success has no body
    body: bytes | None = None
    media_type: str = "application/json"  #: of the body
    headers: tuple[tuple[str, str], ...] = ()
    member: str | None = None  #: give back this member of the answer, not the whole


class Operation(Generic[P, R]):
    """One operation: its place, request, answers and errors."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        result: type[R],
        summary: str,
        body: Any = None,
        query: Any = None,
        created: bool = False,
        raises: tuple[type[OmnimemError], ...] = (),
        media_type: str = "application/json",
        also: str | None = None,
        takes: str = "application/json",
        repeatable: bool = False,
    ) -> None:
        """Declare an operation.

        Args:
            method: the HTTP method.
            path: the route, ids in braces.
            result: what success answers; NoneType for 204.
            summary: one line for people.
            body: the request's type, a `Request`.
            query: the query's type, a `Request`; with it goes no body, unless that is no JSON.
            created: success may be 201 as well as 200.
            raises: the errors of its own, besides COMMON_ERRORS.
            media_type: of the answer.
            also: another media type that the answer can be asked for in, of text.
            takes: the media type of the body; one that is not JSON is taken as it comes.
            repeatable: it has no effect that could happen twice, so an Idempotency-Key means nothing to it.
        """
        self.method = method
        self.path = path
        self.result = result
        self.summary = summary
        self.body = body
        self.query = query
        self.created = created
        self.raises = raises
        self.media_type = media_type
        self.also = also
        self.takes = takes
        self.repeatable = repeatable
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the name it is declared by."""
        self.name = name

    def __call__(self, *ids: P.args, **fields: P.kwargs) -> Call[R]:
        """Return the call of this operation on *ids* with *fields*.

        Raises:
            InvalidRequest: an id is empty.
        """
        if not all(ids):
            raise errors.InvalidRequest("An id must not be empty.")  # it would ask for another route
        parts = iter(ids)
        target = "/".join(
            quote(str(next(parts)), safe="") if piece.startswith("{") else piece for piece in self.path.split("/")
        )
        body = None
        if self.query is not None:
            chosen = msgspec.to_builtins(self.query(**fields))
            if chosen:
                target += "?" + urlencode([(k, text) for k, v in chosen.items() for text in _query_texts(v)])
        elif self.body is not None:
            body = msgspec.json.encode(self.body(**fields))
        return Call(method=self.method, target=target, result=self.result, body=body)


def _query_texts(value: object) -> list[str]:
    """Return how often a parameter of *value* is given, and each time what: of a row, each member."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for one in value for text in _query_texts(one)]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def plain(method: str, path: str, result: type[R], summary: str, **more: Any) -> Operation[[], R]:
    """Declare an operation without arguments."""
    return Operation(method, path, result=result, summary=summary, **more)


def of_id(method: str, path: str, result: type[R], summary: str, **more: Any) -> Operation[[str], R]:
    """Declare an operation on one id."""
    return Operation(method, path, result=result, summary=summary, **more)


def of_two_ids(method: str, path: str, result: type[R], summary: str, **more: Any) -> Operation[[str, str], R]:
    """Declare an operation on two ids."""
    return Operation(method, path, result=result, summary=summary, **more)


def of_fields(
    kind: str, fields: Callable[P, object], method: str, path: str, result: type[R], summary: str, **more: Any
) -> Operation[P, R]:
    """Declare an operation with *fields*, which are its *kind*: "body" or "query"."""
    more[kind] = fields
    return Operation(method, path, result=result, summary=summary, **more)


def of_id_with(
    kind: str, fields: Callable[P, object], method: str, path: str, result: type[R], summary: str, **more: Any
) -> Operation[Concatenate[str, P], R]:
    """Declare an operation on one id with *fields*, which are its *kind*: "body" or "query"."""
    more[kind] = fields
    return Operation(method, path, result=result, summary=summary, **more)


def of_two_ids_with(
    kind: str, fields: Callable[P, object], method: str, path: str, result: type[R], summary: str, **more: Any
) -> Operation[Concatenate[str, str, P], R]:
    """Declare an operation on two ids with *fields*, which are its *kind*: "body" or "query"."""
    more[kind] = fields
    return Operation(method, path, result=result, summary=summary, **more)
