"""Where a page of sessions ends, as a text that callers hand back as it is."""

import base64
import binascii

import msgspec

from omnimem.errors import InvalidRequest
from omnimemd.storage.sessions import Cursor


def text(cursor: Cursor) -> str:
    """Return *cursor* as callers are given it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode("ascii").rstrip("=")


def read(given: str) -> Cursor:
    """Return the cursor that *given* is.

    Raises:
        InvalidRequest: it is none of ours.
    """
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)), type=Cursor)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise InvalidRequest.field("cursor", "give the next_cursor of an earlier answer as it is") from None
