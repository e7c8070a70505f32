"""The usual bodies, read straight into arrays: arrays of plain numbers, and a signature's name.

    {"instances": [[1.5, …], …]}
    {"signature_name": "other", "inputs": {"a": [1, 2], "b": [[0.5]]}}

What is read here is exactly what json_parse and json_tensors make of the same body; for whatever
else stands in a body the answer is None, and they are to be asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import simdjson

from converter.serving.server.json_numbers import small_exponents
from converter.serving.server.json_tensors import RULES, from_array
from converter.serving.tensors import Tensor

# Bodies of more arrays than any model has inputs are not worth the hurry.
MAX_ARRAYS = 64

_OPENING = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*")
# Printable ASCII without quotes and escapes.
_NAME = re.compile(rb'"([ !#-\[\]-~]*)"[ \t\r\n]*:[ \t\r\n]*')
_TEXT = re.compile(rb'"([ !#-\[\]-~]*)"')
_AFTER = re.compile(rb"[ \t\r\n]*([,}])[ \t\r\n]*")
_ALL_BUT_BRACKETS = b"0123456789.eE+- \t\r\n"

# pysimdjson's names of what an array is read as.
_BUFFERS: dict[str, Literal["d", "i", "u"]] = {"<f8": "d", "<i8": "i", "<u8": "u"}


@dataclass(frozen=True)
class Numbers:
    """A regular array of numbers, parsed."""

    array: simdjson.Array
    shape: list[int]

    def tensor(self, dtype: int) -> Tensor | None:
        """The tensor of that DataType, or None where these numbers want a closer look."""
        if dtype not in RULES or RULES[dtype].read_as not in _BUFFERS:
            return None
        rule = RULES[dtype]
        try:
            buffer = self.array.as_buffer(of_type=_BUFFERS[rule.read_as])
        except (TypeError, ValueError):
            return None
        flat = np.frombuffer(buffer, rule.read_as)
        if flat.size != math.prod(self.shape):
            return None
        if rule.limits and flat.size:
            least, largest = rule.limits
            if flat.min() < least or flat.max() > largest:
                return None
        return from_array(flat, self.shape, dtype)


Arrays: TypeAlias = "Numbers | dict[str, Numbers]"


@dataclass(frozen=True)
class Quick:
    """A body: the signature it names ("" for none), its format, and its arrays."""

    signature_name: str
    row: bool
    arrays: Arrays

    def tensors(self, dtypes: Mapping[str, int]) -> dict[str, Tensor] | None:
        """A tensor for each alias of a signature's inputs, or None."""
        if isinstance(self.arrays, dict):
            arrays = self.arrays
        else:
            if len(dtypes) != 1:
                return None
            arrays = dict.fromkeys(dtypes, self.arrays)
        if not dtypes.keys() <= arrays.keys():
            return None
        found = {}
        for alias, dtype in dtypes.items():
            tensor = arrays[alias].tensor(dtype)
            if tensor is None:
                return None
            found[alias] = tensor
        return found


def read(body: bytes) -> Quick | None:
    """What `body` holds, if it is of the usual kind."""
    members = _members(body, 0, _member)
    if members is None or members[1] != len(body):
        return None
    found = members[0]
    signature_name = found.pop("signature_name", "")
    if len(found) != 1 or not isinstance(signature_name, str):
        return None
    ((key, arrays),) = found.items()
    row = key == "instances"
    if isinstance(arrays, str) or (isinstance(arrays, Numbers) and row and not arrays.shape[0]):
        return None
    return Quick(signature_name, row, arrays)


def _member(body: bytes, name: str, at: int) -> tuple[Arrays | str, int] | None:
    """A member of the body and where it ends."""
    if name == "signature_name":
        text = _TEXT.match(body, at)
        return (text.group(1).decode(), text.end()) if text else None
    if name == "inputs" and body.startswith(b"{", at):
        return _members(body, at, lambda body, _, at: _numbers(body, at))
    return _numbers(body, at) if name in ("instances", "inputs") else None


_V = TypeVar("_V")
_Read: TypeAlias = Callable[[bytes, str, int], "tuple[_V, int] | None"]


def _members(body: bytes, start: int, read_value: _Read[_V]) -> tuple[dict[str, _V], int] | None:
    """The members of the object at `start`, no name twice, and where what follows it begins."""
    found: dict[str, _V] = {}
    after = _OPENING.match(body, start)
    while after:
        name = _NAME.match(body, after.end())
        alias = name.group(1).decode() if name else ""
        if name is None or alias in found or len(found) == MAX_ARRAYS:
            return None
        member = read_value(body, alias, name.end())
        if member is None:
            return None
        found[alias], at = member
        after = _AFTER.match(body, at)
        if after and after.group(1) == b"}":
            return found, after.end()
    return None


def _numbers(body: bytes, start: int) -> tuple[Numbers, int] | None:
    """The array at `start` and where it ends."""
    if not body.startswith(b"[", start):
        return None
    quote = body.find(b'"', start)
    end = body.rfind(b"]", start, len(body) if quote < 0 else quote) + 1
    text = body[start:end]
    if not small_exponents(text):
        return None
    try:
        array = simdjson.Parser().parse(text)
    except (ValueError, RuntimeError):
        return None
    if not isinstance(array, simdjson.Array):
        return None
    shape = _shape(array)
    brackets = text.translate(None, _ALL_BUT_BRACKETS)
    # The length first, for what a first row promises may be larger than any memory.
    if len(brackets) != _brackets_count(shape) or brackets != _brackets(shape):
        return None
    return Numbers(array, shape), end


def _shape(array: simdjson.Array) -> list[int]:
    """The shape that the first elements tell."""
    shape = [len(array)]
    while shape[-1] and isinstance(first := array[0], simdjson.Array):
        array = first
        shape.append(len(array))
    return shape


def _brackets_count(shape: list[int]) -> int:
    count = max(shape[-1] - 1, 0) + 2
    for size in reversed(shape[:-1]):
        count = size * count + size - 1 + 2
    return count


def _brackets(shape: list[int]) -> bytes:
    """A regular array of that shape as text, without its numbers."""
    text = b"[" + b"," * (shape[-1] - 1) + b"]"
    for size in reversed(shape[:-1]):
        text = b"[" + b",".join([text] * size) + b"]"
    return text
