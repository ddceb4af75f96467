"""Long values compressed, short ones as they are."""

import zlib
from typing import Final

#: Values longer than this are kept compressed.
_COMPRESS_OVER_BYTES: Final = 8 * 1024


def packed(value: str | None) -> tuple[str | None, bytes | None]:
    """Return *value* plain or compressed: one of both, or neither for None."""
    if value is None or len(value.encode()) <= _COMPRESS_OVER_BYTES:
        return value, None
    return None, zlib.compress(value.encode())


def unpacked(plain: str | None, compressed: bytes | None) -> str:
    """Return the value that `packed` made the two of; "" where it was None."""
    return zlib.decompress(compressed).decode() if compressed is not None else plain or ""
