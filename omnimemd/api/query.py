"""From what an address says behind its path to a value; what is wrong is said in the caller's words.

What a library would let pass is refused: bytes that are no UTF-8 (they would become replacement characters, and another
question be answered) and numbers that are not written as whole ones.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web

from omnimem.errors import InvalidRequest
from omnimemd.api.codec import invalid

_WHOLE: Final = re.compile(r"-?[0-9]+")
#: What stands for bytes that are no UTF-8 once an address was decoded.
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def decode_query(request: web.Request, wanted: Any) -> Any:
    """Return the query of *request* as a value of the type *wanted*.

    Raises:
        InvalidRequest: a parameter is unknown, repeated, or not what was wanted.
    """
    chosen: dict[str, str | list[str]] = {}
    query = request.query
    for name, value in query.items():
        if _REPLACED in value:
            _check_utf8(request.rel_url.raw_query_string)
        if name in _repeatable(wanted):
            chosen[name] = query.getall(name)
        elif name in chosen:
            raise InvalidRequest.field(name, "is given twice")
        elif name in _whole(wanted) and _WHOLE.fullmatch(value) is None:
            raise InvalidRequest.field(name, "must be a whole number")
        else:
            chosen[name] = value
    if wanted is None:
        if chosen:
            raise InvalidRequest.field(next(iter(chosen)), "is no parameter of this call")
        return None
    try:
        return msgspec.convert(chosen, wanted, strict=False, str_keys=True)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from None
    except ValueError:  # of a number of seconds that leads beyond the year 9999, which msgspec does not catch
        raise InvalidRequest.field(_out_of_range(chosen, wanted), "must be a time up to the year 9999") from None


def _check_utf8(quoted: str) -> None:
    for pair in quoted.split("&"):
        name, _, value = pair.partition("=")
        try:
            unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise InvalidRequest.field(name, "must be UTF-8") from None


def _out_of_range(chosen: Mapping[str, str | list[str]], wanted: Any) -> str:
    for field in msgspec.structs.fields(wanted):
        try:
            msgspec.convert(chosen.get(field.encode_name, field.default), field.type, strict=False)
        except ValueError:
            return field.encode_name
        except msgspec.ValidationError:  # of one that is required and not there
            pass
    return ""


@cache
def _repeatable(wanted: Any) -> frozenset[str]:
    """Return the parameters of *wanted* that may be given several times: those of which it keeps a row."""
    fields = () if wanted is None else msgspec.structs.fields(wanted)
    return frozenset(field.encode_name for field in fields if get_origin(field.type) is tuple)


@cache
def _whole(wanted: Any) -> frozenset[str]:
    """Return the parameters of *wanted* that are whole numbers."""
    fields = () if wanted is None else msgspec.structs.fields(wanted)
    return frozenset(field.encode_name for field in fields if _is_whole(field.type))


def _is_whole(kind: Any) -> bool:
    return kind is int or any(map(_is_whole, get_args(kind)))
