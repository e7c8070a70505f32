"""JSON text as TensorFlow Serving writes it: RapidJSON's strings, and values inside messages.

Sources: RapidJSON's writer.h, prettywriter.h and internal/dtoa.h; TensorFlow Serving's
util/json_tensor.cc (WriteDecimal, JsonValueToString).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from converter.serving.server.json_parse import Object, Value

# A value inside a message is cut here; the real server repeats the whole body.
LONGEST_TEXT = 1 << 20

_SPECIAL = re.compile(rb'["\\\x00-\x1f]')
_ESCAPED = {bytes([code]): b"\\u%04X" % code for code in range(0x20)} | {
    b'"': b'\\"',
    b"\\": b"\\\\",
    b"\b": b"\\b",
    b"\f": b"\\f",
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"\t": b"\\t",
}
_WORDS = {None: b"null", True: b"true", False: b"false"}
_INDENT = b"    "
_LARGEST_FLOAT = 3.4028234e38  # what RapidJSON's IsFloat compares with


def string(text: bytes) -> bytes:
    """A JSON string; bytes that are no UTF-8 are passed through."""
    return b'"%b"' % _SPECIAL.sub(lambda found: _ESCAPED[found.group()], text)


def as_text(data: bytes) -> str:
    """Bytes inside a message; those that are no UTF-8 survive until `as_bytes`."""
    return data.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """What `as_text` was given."""
    return text.encode("utf-8", "surrogateescape")


def decimal(value: float, digits: int = 9) -> str:
    """A number as WriteDecimal puts it: six digits where they mean the same number, else `digits`.

    9 digits are for float32, of which `value` must be one; 17 for doubles.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    same = float(text) if digits > 9 else float(np.float32(text))
    if same != value:
        text = f"{value:.{digits}g}"
    return text if "." in text or "e" in text else text + ".0"


def debug_text(value: Value) -> str:
    """A value as messages show it, indented by four; at most LONGEST_TEXT bytes of it.

    A double that stands alone is written by WriteDecimal, inside others by RapidJSON, which stops
    at a NaN or an infinity: the rest is missing then.
    """
    if isinstance(value, float):
        if abs(value) <= _LARGEST_FLOAT:
            return decimal(float(np.float32(value)))
        return decimal(value, 17)
    pieces = []
    room = LONGEST_TEXT
    for piece in _pieces(value):
        pieces.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    return as_text(b"".join(pieces))


def _pieces(value: Value) -> Iterator[bytes]:
    """The text of a value bit by bit, without recursion."""
    # What is left of every container around, as pairs of what precedes a value and the value; and
    # the bracket that closes it.
    around: list[tuple[Iterator[tuple[bytes, Value]], bytes]] = []
    while True:
        if isinstance(value, list) and value:
            yield b"["
            around.append((((b"", item) for item in value), b"]"))
            separator = b"\n"
        elif isinstance(value, Object) and value.members:
            yield b"{"
            around.append((((_key(name), item) for name, item in value.members), b"}"))
            separator = b"\n"
        else:
            text = _single(value)
            if text is None:
                return
            yield text
            separator = b",\n"
        while around and (following := next(around[-1][0], None)) is None:
            _, bracket = around.pop()
            yield b"\n" + _INDENT * len(around) + bracket
            separator = b",\n"
        if not around:
            return
        assert following
        before, value = following
        yield separator + _INDENT * len(around) + before


def _key(name: bytes) -> bytes:
    return string(name[:LONGEST_TEXT]) + b": "


def _single(value: Value) -> bytes | None:
    """The text of a value that holds no others; None for what RapidJSON does not write."""
    if isinstance(value, bytes):
        return string(value[:LONGEST_TEXT])
    if isinstance(value, float):
        return _double(value).encode() if math.isfinite(value) else None
    if isinstance(value, list):
        return b"[]"
    if isinstance(value, Object):
        return b"{}"
    return _WORDS[value] if value is None or isinstance(value, bool) else b"%d" % value


def _double(value: float) -> str:
    """The shortest digits that mean `value`, with an exponent from 1e21 up and below 1e-6."""
    if value == 0:
        return str(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    point = len(text) + exponent  # 10 ** (point - 1) <= value < 10 ** point
    if 0 < point <= 21:
        text = text.ljust(point, "0")
        text = f"{text[:point]}.{text[point:] or '0'}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{text}"
    else:
        text = f"{text[0]}{'.' if text[1:] else ''}{text[1:]}e{point - 1}"
    return "-" * sign + text
