"""JSON as RapidJSON 1.1.0 reads it, with its error texts and offsets.

TensorFlow Serving reads bodies so (util/json_tensor.cc, ParseJson: kParseNanAndInfFlag over an
EncodedInputStream). What that accepts beyond JSON: NaN, Inf and Infinity, a byte order mark (or
any part of it), bytes in strings that are no UTF-8, lone low surrogates, and anything behind a NUL
byte, which ends the document.

The reader is iterative, so nesting may be of any depth, and takes linear time. Runs of numbers and
plain strings are taken at C speed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from converter.serving.server.json_numbers import (
    INVALID_VALUE,
    number,
    plain_array,
    refuse,
)
from converter.serving.status import Code, StatusError

# Values and containers read one by one; runs of numbers do not count. Each costs about 2 µs and 100
# bytes, so that a body that is nothing else could hold a server up for minutes.
MOST_VALUES = 1 << 22

Value: TypeAlias = "bool | int | float | bytes | list[Value] | Object | None"

EMPTY = "The document is empty."
NOT_SINGULAR = "The document root must not be followed by other values."
MISS_NAME = "Missing a name for object member."
MISS_COLON = "Missing a colon after a name of object member."
MISS_COMMA_OR_BRACE = "Missing a comma or '}' after an object member."
MISS_COMMA_OR_BRACKET = "Missing a comma or ']' after an array element."
BAD_HEX = "Incorrect hex digit after \\u escape in string."
BAD_SURROGATE = "The surrogate pair in string is invalid."
BAD_ESCAPE = "Invalid escape character in string."
MISS_QUOTE = "Missing a closing quotation mark in string."


@dataclass(slots=True)
class Object:
    """The members in the order of the text, duplicates among them; names are bytes, unescaped."""

    members: list[tuple[bytes, Value]] = field(default_factory=list)

    def __contains__(self, name: bytes) -> bool:
        return any(name == key for key, _ in self.members)

    def __getitem__(self, name: bytes) -> Value:
        """The value of the first member of that name. Raises KeyError."""
        for key, value in self.members:
            if key == name:
                return value
        raise KeyError(name)


_SPACE = re.compile(rb"[ \t\r\n]*")
_NUMBERS = re.compile(rb"[0-9.,eE+\- \t\r\n]*")
_NESTED_NUMBERS = re.compile(rb"[\[\]0-9.,eE+\- \t\r\n]*")
_PLAIN_STRING = re.compile(rb'"([^"\\\x00-\x1f]*)"')
# ASCII and escapes, but for surrogates and wrong ones; not all at once, for a match needs memory.
_ESCAPED = re.compile(
    rb"(?:[ !#-\[\]-~]+|\\(?:[\"\\/bfnrt]|u[0-9A-Ca-cEFef][0-9A-Fa-f]{3})){1,65536}"
)
_UNESCAPED = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX4 = re.compile(rb"[0-9A-Fa-f]{4}")
_BYTE_ORDER_MARK = (b"\xef", b"\xbb", b"\xbf")

_WORDS: dict[bytes, tuple[bytes, Value]] = {
    b"n": (b"null", None),
    b"t": (b"true", True),
    b"f": (b"false", False),
}
_ESCAPES = {
    b'"': b'"',
    b"\\": b"\\",
    b"/": b"/",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
}


def parse(body: bytes) -> Value:
    """The value that `body` is. Raises StatusError (INVALID_ARGUMENT) with RapidJSON's words."""
    if not body:
        raise StatusError(Code.INVALID_ARGUMENT, "JSON Parse error: The document is empty")
    start = 0
    for byte in _BYTE_ORDER_MARK:
        start += body.startswith(byte, start)
    return _Reader(body).document(start)


class _Reader:
    """Reads one body; `_open` holds the arrays and objects around the place where it is."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[list[Value] | Object] = []
        self._values = 0
        self._names: list[bytes] = []  # of the members whose values are being read
        # Runs of numbers that begin before these places were tried and cannot be taken at once.
        self._tried = 0
        self._tried_flat = 0

    def document(self, start: int) -> Value:
        """The only value of the body."""
        at = self._spaces(start)
        if self._ends(at):
            refuse(EMPTY, at)
        value, at = self._value(at)
        at = self._spaces(at)
        if not self._ends(at):
            refuse(NOT_SINGULAR, at)
        return value

    def _value(self, at: int) -> tuple[Value, int]:
        while True:
            at, value, whole = self._begin(at)
            # A whole value may be the last of its container, and that the last of its own.
            while whole:
                if not self._open:
                    return value, at
                at, value, whole = self._after(value, at)

    def _begin(self, at: int) -> tuple[int, Value, bool]:
        """Read a value that begins at `at`, or open the container that does.

        Returns where to read on, the value and whether it is whole.
        """
        self._values += 1
        if self._values > MOST_VALUES:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED, f"The body holds more than {MOST_VALUES} values"
            )
        first = self._data[at : at + 1]
        if first == b"[":
            return self._array(at)
        if first == b"{":
            return self._object(at)
        value: Value
        if first == b'"':
            value, at = self._string(at)
        elif first in _WORDS:
            value, at = self._word(at, *_WORDS[first])
        else:
            value, at = number(self._data, at)
        return at, value, True

    def _array(self, start: int) -> tuple[int, Value, bool]:
        taken = self._nested_numbers(start)
        if taken is not None:
            return taken
        at = self._spaces(start + 1)
        items: list[Value] = []
        if self._data.startswith(b"]", at):
            return at + 1, items, True
        self._open.append(items)
        return self._run(items, at), None, False

    def _object(self, start: int) -> tuple[int, Value, bool]:
        at = self._spaces(start + 1)
        if self._data.startswith(b"}", at):
            return at + 1, Object(), True
        self._open.append(Object())
        return self._name(at), None, False

    def _name(self, at: int) -> int:
        """Read a member's name and the colon; returns where its value begins."""
        if not self._data.startswith(b'"', at):
            refuse(MISS_NAME, at)
        name, at = self._string(at)
        at = self._spaces(at)
        if not self._data.startswith(b":", at):
            refuse(MISS_COLON, at)
        self._names.append(name)
        return self._spaces(at + 1)

    def _after(self, value: Value, at: int) -> tuple[int, Value, bool]:
        """Put `value` into its container and read what follows it, as `_begin` does."""
        at = self._spaces(at)
        next_ = self._data[at : at + 1]
        container = self._open[-1]
        if isinstance(container, Object):
            container.members.append((self._names.pop(), value))
            if next_ == b",":
                return self._name(self._spaces(at + 1)), None, False
            if next_ != b"}":
                refuse(MISS_COMMA_OR_BRACE, at)
        else:
            container.append(value)
            if next_ == b",":
                return self._run(container, self._spaces(at + 1)), None, False
            if next_ != b"]":
                refuse(MISS_COMMA_OR_BRACKET, at)
        return at + 1, self._open.pop(), True

    def _nested_numbers(self, start: int) -> tuple[int, Value, bool] | None:
        """The array at `start` if it holds nothing but numbers, in arrays or not."""
        if start < self._tried:
            return None
        run = _NESTED_NUMBERS.match(self._data, start)
        assert run
        end = self._data.rfind(b"]", start, run.end()) + 1
        taken = plain_array(self._data[start:end]) if end else None
        if taken is None:
            self._tried = run.end()
            return None
        return end, taken, True

    def _run(self, items: list[Value], start: int) -> int:
        """Take the numbers at `start` that a comma follows; returns where to read on."""
        if start < self._tried_flat:
            return start
        run = _NUMBERS.match(self._data, start)
        assert run
        comma = self._data.rfind(b",", start, run.end())
        if comma < 0:
            return start
        taken = plain_array(b"[%b]" % self._data[start:comma])
        if not taken:  # not plain numbers, or none
            self._tried_flat = run.end()
            return start
        items.extend(taken)
        return self._spaces(comma + 1)

    def _word(self, start: int, word: bytes, value: Value) -> tuple[Value, int]:
        for place, letter in enumerate(word):
            if self._data[start + place : start + place + 1] != bytes([letter]):
                refuse(INVALID_VALUE, start + place)
        return value, start + len(word)

    def _string(self, start: int) -> tuple[bytes, int]:
        """The bytes of the string at `start`, unescaped."""
        plain = _PLAIN_STRING.match(self._data, start)
        if plain:
            return plain.group(1), plain.end()
        pieces = []
        at = start + 1
        while True:
            piece = _UNESCAPED.match(self._data, at)
            assert piece
            pieces.append(piece.group())
            at = piece.end()
            special = self._data[at : at + 1]
            if special == b'"':
                return b"".join(pieces), at + 1
            run = _ESCAPED.match(self._data, at)
            if run:
                pieces.append(orjson.loads(b'"%b"' % run.group()).encode())
                at = run.end()
                continue
            if special != b"\\":
                # The end of the document, or a control character.
                refuse(MISS_QUOTE if self._ends(at) else BAD_ESCAPE, at)
            escaped, at = self._escape(at)
            pieces.append(escaped)

    def _escape(self, start: int) -> tuple[bytes, int]:
        letter = self._data[start + 1 : start + 2]
        if letter in _ESCAPES:
            return _ESCAPES[letter], start + 2
        if letter != b"u":
            refuse(BAD_ESCAPE, start)
        code = self._hex4(start + 2, start)
        at = start + 6
        if 0xD800 <= code <= 0xDBFF:
            low = self._data[at : at + 2]
            if low != b"\\u":
                refuse(BAD_SURROGATE, start)
            second = self._hex4(at + 2, start)
            if not 0xDC00 <= second <= 0xDFFF:
                refuse(BAD_SURROGATE, start)
            code = (code - 0xD800 << 10 | second - 0xDC00) + 0x10000
            at += 6
        # RapidJSON writes a low surrogate that stands alone as three bytes, like any character.
        return chr(code).encode("utf-8", "surrogatepass"), at

    def _hex4(self, at: int, escape: int) -> int:
        digits = _HEX4.match(self._data, at)
        if not digits:
            refuse(BAD_HEX, escape)
        return int(digits.group(), 16)

    def _spaces(self, at: int) -> int:
        """Where the spaces at `at` end."""
        spaces = _SPACE.match(self._data, at)
        assert spaces
        return spaces.end()

    def _ends(self, at: int) -> bool:
        """Whether the document ends at `at`: there is nothing more, or a NUL byte."""
        return at >= len(self._data) or self._data[at] == 0
