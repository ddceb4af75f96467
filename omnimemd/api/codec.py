"""From the bytes of a request to a value, and back; what is wrong is said in the caller's words."""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from omnimem.errors import FieldError, InvalidRequest, MalformedBody, OmnimemError, UnsupportedMediaType
from omnimem.model import ID_PATTERN, NO_NUL_PATTERN, Request
from omnimemd.domain.nesting import DEEPEST, too_deep
from omnimemd.domain.redaction import redact_all

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

#: What msgspec says of our patterns, in words.
_PATTERNS: Final = {
    repr(ID_PATTERN): "must be 1 to 128 letters, digits or any of . _ : @ -, and begin with a letter, digit or _",
    repr(NO_NUL_PATTERN): "must not be empty and must not hold a NUL character",
}


#: What msgspec says of a value that is too long, too short, too large or too small.
_BOUNDS: Final = re.compile(r"Expected `(?P<type>\w+)`(?: of length)? (?P<bound>[<>]=?) (?P<number>\S+)")
_UNITS: Final = {"str": "character", "array": "item"}


class Nothing(Request, frozen=True, kw_only=True):
    """The body of a request that needs none."""


class Answer(msgspec.Struct, frozen=True):
    """What a handler answers: a status and an encoded body."""

    status: int
    body: bytes | None = None
    media_type: str = "application/json"


def answer(value: object, *, status: int = 200) -> Answer:
    """Return the answer that shows *value*."""
    return Answer(status, _encoder.encode(value))


NO_CONTENT: Final = Answer(204)


def decode_body(body: bytes, media_type: str | None, wanted: Any) -> Any:
    """Return *body* as a value of the type *wanted*.

    Raises:
        UnsupportedMediaType: it is declared as something else than JSON.
        MalformedBody: it is not JSON in UTF-8.
        InvalidRequest: it is not what was wanted; the field is named.
    """
    if body and media_type is not None and media_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(f"The body is declared as {media_type!r}, not as application/json.")
    decoder = _decoders.get(wanted)
    if decoder is None:
        decoder = _decoders[wanted] = msgspec.json.Decoder(wanted)
    if too_deep(body):
        raise MalformedBody(f"The body is nested over {DEEPEST} levels deep.")
    try:
        return decoder.decode(body or _empty(wanted))
    except msgspec.ValidationError as error:
        _refuse_malformed(body)  # what is wrong with a field is told of JSON only
        raise invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(error) from None


def raw_body(body: bytes, media_type: str | None, wanted: str) -> bytes:
    """Return *body*, which is of the media type *wanted*, as it came.

    Raises:
        UnsupportedMediaType: it is declared as something else.
    """
    if body and media_type is not None and media_type.partition(";")[0].strip().lower() != wanted:
        raise UnsupportedMediaType(
            f"The body is declared as {media_type!r}, not as {wanted}.", hint=f"Send Content-Type: {wanted}."
        )
    return body


def invalid(message: str) -> InvalidRequest:
    """Turn msgspec's *message* into the error that names the field."""
    what, _, where = message.partition(" - at `")
    path = where.rstrip("`").removeprefix("$").removeprefix(".")
    if match := re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", what, re.DOTALL):
        field = f"{path}.{match[2]}" if path else match[2]
        what = "is no field of this request" if match[1] == "contains unknown" else "is required"
    else:
        field = path
    if match := re.fullmatch(r"Expected `str` matching regex (.*)", what, re.DOTALL):
        what = _PATTERNS.get(match[1], f"must match {match[1]}")
    elif match := _BOUNDS.fullmatch(what):
        what = _bounded(match["type"], match["bound"], match["number"])
    return InvalidRequest(f"{field}: {what}" if field else what, errors=[FieldError(field, what)])


def problem(error: OmnimemError) -> web.Response:
    """Return the response that says *error*; a secret it would quote is left out, as callers log what they are told."""
    told = redact_all(error.problem()).value
    return web.Response(status=error.status, body=_encoder.encode(told), content_type="application/problem+json")


def telling_of(removed: Sequence[str], answer: Answer) -> Answer:
    """Return *answer* with the kinds of what was *removed* from the request as its member `redacted`, if any were."""
    if not removed or answer.body is None or not answer.body.startswith(b'{"'):
        return answer
    member = b',"redacted":%b}' % _encoder.encode(removed)
    return msgspec.structs.replace(answer, body=answer.body[:-1] + member)


def response(answer: Answer, removed: Sequence[str] = ()) -> web.Response:
    """Return the response that carries *answer*, and says which kinds of secrets were *removed* from the request."""
    headers = {"Omnimem-Redacted": ", ".join(removed)} if removed else {}
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    return web.Response(status=answer.status, body=answer.body, headers={"Content-Type": answer.media_type, **headers})


def _refuse_malformed(body: bytes) -> None:
    try:
        msgspec.json.decode(body)
    except msgspec.ValidationError:  # JSON, but with a number no float can hold
        pass
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> MalformedBody:
    return MalformedBody(f"The body is not JSON in UTF-8: {error}.")


def _empty(wanted: Any) -> bytes:
    """Return what an empty body stands for: an object without members, where none is required."""
    fields = msgspec.structs.fields(wanted)
    return b"" if any(field.required for field in fields) else b"{}"


def _bounded(kind: str, bound: str, number: str) -> str:
    """Return what must be so of a value of the type *kind*, as people say it."""
    unit = _UNITS.get(kind)
    if unit and (bound, number) == (">=", "1"):
        return "must not be empty"
    much = number if unit is None else f"{number} {unit}{'' if number == '1' else 's'}"
    return {">=": f"must be {much} at least", "<=": f"must be {much} at most", ">": f"must be over {much}"}.get(
        bound, f"must be under {much}"
    )
