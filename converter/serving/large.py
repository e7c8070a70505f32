"""PredictRequests whose large tensors stay where they lie.

protobuf copies a `tensor_content` when it parses and again when it is asked for. For an image that
takes as long as to run a small model, so large ones are cut out of the bytes before they are parsed
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from converter.wire.apis_pb2 import PredictRequest
from converter.wire.tensorflow_pb2 import TensorProto

Parsed = tuple[PredictRequest, dict[str, memoryview]]

# From here on looking for it is quicker than copying it.
LARGE = 64 * 1024
# Messages of more fields are parsed as they are.
MOST_FIELDS = 64

_INPUTS = PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number
_CONTENT = TensorProto.DESCRIPTOR.fields_by_name["tensor_content"].number
_KEY, _VALUE = 1, 2  # of every map's entries
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


class _OtherwiseError(Exception):
    """Bytes that are left to protobuf: unusual, or no message at all."""


@dataclass(frozen=True)
class _Field:
    """A field of a message: its tag begins at `start`, its payload is data[at:end]."""

    number: int
    wire_type: int
    start: int
    at: int
    end: int


def parse(data: bytes) -> Parsed:
    """The request in `data`, and the `tensor_content` of its large inputs by their names.

    Those are views of `data`, and empty in the message. Raises DecodeError.
    """
    if len(data) >= LARGE:
        try:
            rest, contents = _cut(data)
        except _OtherwiseError:
            pass
        else:
            return PredictRequest.FromString(rest), contents
    return PredictRequest.FromString(data), {}


def _cut(data: bytes) -> tuple[bytes, dict[str, memoryview]]:
    """The message without its large contents, and these by the names of their inputs."""
    rest: list[bytes] = []
    names: set[str] = set()
    contents: dict[str, memoryview] = {}
    for field in _fields(data, 0, len(data)):
        if field.number == _INPUTS:
            key, value = _entry(data, field)
            if key in names:
                raise _OtherwiseError  # the last one counts, which protobuf knows best
            names.add(key)
            if field.end - field.at >= LARGE:
                smaller, contents[key] = _without_content(data, field, value)
                rest.append(smaller)
                continue
        rest.append(data[field.start : field.end])
    return b"".join(rest), contents


def _entry(data: bytes, field: _Field) -> tuple[str, _Field]:
    """The key of a map's entry, and its value."""
    parts = list(_fields(data, field.at, field.end))
    if [(p.number, p.wire_type) for p in parts] != [(_KEY, _DELIMITED), (_VALUE, _DELIMITED)]:
        raise _OtherwiseError
    try:
        return data[parts[0].at : parts[0].end].decode(), parts[1]
    except UnicodeDecodeError:
        raise _OtherwiseError from None


def _without_content(data: bytes, entry: _Field, value: _Field) -> tuple[bytes, memoryview]:
    """An entry's bytes without its tensor's content, and the content."""
    found = [f for f in _fields(data, value.at, value.end) if f.number == _CONTENT]
    if [f.wire_type for f in found] != [_DELIMITED]:
        raise _OtherwiseError
    (content,) = found
    key = data[entry.at : value.start]
    tensor = data[value.at : content.start] + data[content.end : value.end]
    held = key + _delimited(_VALUE, tensor)
    return _delimited(_INPUTS, held), memoryview(data)[content.at : content.end]


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    """The fields of the message in data[start:end]."""
    for _ in range(MOST_FIELDS):
        if start == end:
            return
        tag, at = _varint(data, start, end)
        stop = at
        if tag & 7 == _DELIMITED:
            length, at = _varint(data, at, end)
            stop = at + length
        elif tag & 7 == _VARINT:
            _, stop = _varint(data, at, end)
        elif tag & 7 in (_EIGHT_BYTES, _FOUR_BYTES):
            stop = at + (8 if tag & 7 == _EIGHT_BYTES else 4)
        else:
            raise _OtherwiseError
        if stop > end:
            raise _OtherwiseError
        yield _Field(tag >> 3, tag & 7, start, at, stop)
        start = stop
    raise _OtherwiseError


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at data[at:end], and where it ends."""
    value = 0
    for place, byte in enumerate(data[at : min(end, at + 5)]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _OtherwiseError


def _delimited(number: int, payload: bytes) -> bytes:
    """A field of bytes, for numbers below 16."""
    length, left = bytearray(), len(payload)
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    return bytes([number << 3 | _DELIMITED]) + bytes(length) + payload
