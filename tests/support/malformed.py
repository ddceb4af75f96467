"""Requests that are wrong somewhere, made of right ones: the same ones for the same seed."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

#: Lengths that are none, or not the body's.
_LENGTHS: Final = (
    b"-1", b"+5", b"0x10", b"abc", b"", b" ", b"0", b"1", b"3", b"99", b"1000000000", b"18446744073709551617",
    b"5, 5", b"5,6", b"1e3", "٣".encode(), b"00005", b"5\x00", b"9" * 400,
)  # fmt: skip
_METHODS: Final = (
    b"", b"get", b"BREW", b"CONNECT", b"TRACE", b"PUT", b"HEAD", b"OPTIONS", b"PROPFIND", b"PRI", b"G\x00T", b"GE T",
    b"M" * 300, b"POST POST", "É".encode(), b"-", b"\r\nGET", b"DELETE",
)  # fmt: skip
_TARGETS: Final = (
    b"*", b"/", b"//", b"///sessions", b"", b"/%", b"/%zz", b"/%00", b"/%ff%fe", b"/sessions/%2e%2e/x", b"/../../etc",
    b"/sessions/..%2f..%2f", b"http://omnimemd/health", b"http://", b"https://[::1", b"omnimemd:443", b"/\x00",
    b"/\xff", b"/health?" + b"a=b&" * 500, b"/health#x", b"/health?%", b"/search?q=" + b"%" * 50, b"/search?q=%ff",
    b"?", b"/sessions?limit=" + b"9" * 5000, b"/sessions?limit=1e400", b"/search?q=x&since=99999999999999999999",
    b"/sessions?cursor=%00", b"/search?q=x&limit=-0", b"/sessions/" + b"a/" * 3000, b"/\xe2\x80\xae", b"/ /",
)  # fmt: skip
_VERSIONS: Final = (
    b"HTTP/0.9", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.1 ", b"http/1.1", b"HTTP/", b"", b"X/1.1",
)  # fmt: skip
_CHUNKS: Final = (
    b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\nabc\r\n", b"ffffffffffffffff\r\nabc", b"3 \r\nabc\r\n0\r\n\r\n",
    b"3;" + b"x" * 20_000 + b"\r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n", b"3\r\nabcd\r\n0\r\n\r\n",
    b"0\r\nTrailer: \x00\r\n\r\n", b"1\r\na\r\n" * 2000, b"\r\n\r\n", b"3\r\n", b"0" * 5000 + b"\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n", b"0\r\n" + b"T: x\r\n" * 5000 + b"\r\n",
)  # fmt: skip
_HEADERS: Final = (
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: gzip",
    b"Expect: 100-continue", b"Transfer-Encoding:\x0bchunked", b"Content-Encoding: gzip",
    b"Content-Encoding: deflate", b"Content-Encoding: br", b"Content-Type: text/html",
    b"Content-Type: application/json; charset=utf-16", b"Content-Type: \xff", b"no colon", b": nameless", b" folded",
    b"Na me: x", b"X: a\x00b", b"X\x00: a", b"Host: a\r\nHost: b", b"Upgrade: h2c",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x",
    b"Connection: close", b"Connection: " + b"close, " * 2000, b"Idempotency-Key: " + b"k" * 5000,
    b"Idempotency-Key: \xff", b"Idempotency-Key: a", b"Origin: null", b"Prefer: " + b"return=minimal," * 1000,
    b"Range: bytes=9-1", b"If-None-Match: *", b"Cookie: " + b"a=b;" * 3000, b"Content-Length: 3\r\nContent-Length: 4",
    b"Authorization: Basic \xff", b"X: \x1b[2J", b"X: " + b"a" * 70_000,
    b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked", b"Trailer: X", b"TE: trailers", b"Host: \r\n",
)  # fmt: skip
#: What no field expects, as it stands in JSON.
_VALUES: Final = (
    b"null", b"true", b"[]", b"{}", b'""', b"0", b"-1", b"-0", b"1e400", b"-1e400", b"1e-400", b"NaN", b"Infinity",
    b"9" * 5000, b"0." + b"1" * 5000, b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"', b'"\xff\xfe"',
    b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\\x"', b"'a'", b'"' + b"a" * 100_000 + b'"', b"[" * 100_000,
    b'{"a":' * 50_000, b"[[]" * 3000, b"/* */ 1", b"01", b'"\\u202e\\u001b[2J"', b'"a\nb"', b"18446744073709551616",
    b"-9223372036854775809", b"2147483648", b'"../../../etc/passwd"', b'"/proc/self/mem"', b'"' + b"/a" * 3000 + b'"',
    b'{"__proto__":{}}', b'{"a":1,"a":2}', b'"\xef\xbb\xbf"', b"\xef\xbb\xbf{}",
)  # fmt: skip


class Malformed:
    """Makes bytes to send; without end."""

    def __init__(self, valid: Sequence[bytes], *, seed: int) -> None:
        """Make them of *valid* requests."""
        self._valid = valid
        self._random = random.Random(seed)  # noqa: S311 for variety, not for secrets
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._cut, self._double, self._insert, self._drop, self._splice, self._length, self._method,
            self._target, self._version, self._chunks, self._header, self._flood, self._value, self._value, self._value,
            self._pipeline, self._line_ends, self._noise,
        )  # fmt: skip

    def next(self) -> bytes:
        """Return the next: one to three things are wrong with it."""
        data = self._random.choice(self._valid)
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            data = self._random.choice(self._ways)(data)
        return data

    # -- bytes of any kind --

    def _somewhere(self, data: bytes) -> int:
        return self._random.randrange(len(data) + 1)

    def _part(self, data: bytes) -> tuple[int, int]:
        begin = self._somewhere(data)
        return begin, min(len(data), begin + self._random.randint(1, 40))

    def _flip(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.randint(1, 8)):
            if changed:
                changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, data: bytes) -> bytes:
        return data[: self._somewhere(data)]

    def _double(self, data: bytes) -> bytes:
        begin, end = self._part(data)
        return data[:end] + data[begin:end] * self._random.choice((1, 1, 2, 500)) + data[end:]

    def _insert(self, data: bytes) -> bytes:
        at = self._somewhere(data)
        what = self._random.choice((b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\xff\xfe", b'"', b"%", b"\x1b[2J"))
        return data[:at] + what * self._random.choice((1, 1, 3, 1000)) + data[at:]

    def _drop(self, data: bytes) -> bytes:
        begin, end = self._part(data)
        return data[:begin] + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._random.choice(self._valid)
        return data[: self._somewhere(data)] + other[self._somewhere(other) :]

    def _noise(self, data: bytes) -> bytes:
        return self._random.randbytes(self._random.choice((1, 30, 3000))) + self._random.choice(
            (b"", b"\r\n\r\n", data)
        )

    # -- the head --

    def _head(self, data: bytes) -> tuple[list[bytes], bytes]:
        head, _, body = data.partition(b"\r\n\r\n")
        return head.split(b"\r\n"), body

    def _whole(self, lines: list[bytes], body: bytes) -> bytes:
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _word(self, data: bytes, number: int, word: bytes) -> bytes:
        """Put *word* in the place of one of the three words of the request line."""
        lines, body = self._head(data)
        words = lines[0].split(b" ", 2)
        if number < len(words):
            words[number] = word
        return self._whole([b" ".join(words), *lines[1:]], body)

    def _method(self, data: bytes) -> bytes:
        return self._word(data, 0, self._random.choice(_METHODS))

    def _target(self, data: bytes) -> bytes:
        return self._word(data, 1, self._random.choice(_TARGETS))

    def _version(self, data: bytes) -> bytes:
        return self._word(data, 2, self._random.choice(_VERSIONS))

    def _length(self, data: bytes) -> bytes:
        lines, body = self._head(data)
        length = b"Content-Length: " + self._random.choice(_LENGTHS)
        return self._whole([length if one.startswith(b"Content-Length") else one for one in lines], body)

    def _chunks(self, data: bytes) -> bytes:
        lines, body = self._head(data)
        kept = [one for one in lines if not one.startswith(b"Content-Length")]
        piece = self._random.choice((b"", b"%x\r\n%b\r\n" % (len(body), body)))
        return self._whole([*kept, b"Transfer-Encoding: chunked"], piece + self._random.choice(_CHUNKS))

    def _header(self, data: bytes) -> bytes:
        lines, body = self._head(data)
        lines.insert(self._random.randint(1, len(lines)), self._random.choice(_HEADERS))
        return self._whole(lines, body)

    def _flood(self, data: bytes) -> bytes:
        lines, body = self._head(data)
        count = self._random.choice((50, 500, 3000))
        return self._whole([*lines, *(b"X-%d: %b" % (number, b"y" * (number % 50)) for number in range(count))], body)

    def _line_ends(self, data: bytes) -> bytes:
        return data.replace(b"\r\n", self._random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\x00\r\n")))

    # -- the body, and several requests --

    def _value(self, data: bytes) -> bytes:
        """Put what nobody expects in the place of one member of the body, or of all of it."""
        lines, body = self._head(data)
        wrong = self._random.choice(_VALUES)
        try:
            whole: Any = json.loads(body)
        except (ValueError, RecursionError):
            whole = None
        if isinstance(whole, dict) and whole and self._random.random() < 0.8:
            name = self._random.choice([*whole, "nobody_knows_me"])
            members = [
                b"%b:%b" % (json.dumps(one).encode(), json.dumps(value).encode())
                for one, value in whole.items()
                if one != name
            ]
            wrong = b"{" + b",".join([*members, b"%b:%b" % (json.dumps(name).encode(), wrong)]) + b"}"
        kept = [one for one in lines if not one.startswith(b"Content-Length")]
        return self._whole([*kept, b"Content-Length: %d" % len(wrong)], wrong)

    def _pipeline(self, data: bytes) -> bytes:
        more = [self._random.choice(self._valid) for _ in range(self._random.choice((1, 3, 30)))]
        return b"".join([data, *more])
