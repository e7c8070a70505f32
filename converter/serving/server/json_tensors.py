"""Tensors from JSON values, by the rules of TensorFlow Serving's util/json_tensor.cc.

A tensor is a value or a list of lists, all of the same length on each level; its shape is told by
the first element of each. Types are strict: floating point takes any number (one too large becomes
an infinity), integers only numbers without point and exponent, and so on. Where a signature has
int8, uint8 or int16, numbers are checked against int32 and cut down to their lowest bits.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converter.serving.server.json_parse import Object, Value
from converter.serving.server.json_text import debug_text
from converter.serving.status import Code, StatusError
from converter.serving.tensors import KINDS, MAX_RANK, Tensor, name_of
from converter.wire.tensorflow_pb2 import DataType


@dataclass(frozen=True)
class Rule:
    """What JSON values a DataType takes: types, range, and the numpy dtype that holds them all."""

    types: frozenset[type]
    read_as: str
    limits: tuple[int, int] | None = None


_NUMBER = frozenset([int, float])
_INT = frozenset([int])
_INT32 = Rule(_INT, "<i8", (-(2**31), 2**31 - 1))

RULES: dict[int, Rule] = {
    DataType.DT_FLOAT: Rule(_NUMBER, "<f8"),
    DataType.DT_DOUBLE: Rule(_NUMBER, "<f8"),
    DataType.DT_INT32: _INT32,
    DataType.DT_INT16: _INT32,
    DataType.DT_INT8: _INT32,
    DataType.DT_UINT8: _INT32,
    DataType.DT_INT64: Rule(_INT, "<i8", (-(2**63), 2**63 - 1)),
    DataType.DT_UINT32: Rule(_INT, "<i8", (0, 2**32 - 1)),
    DataType.DT_UINT64: Rule(_INT, "<u8", (0, 2**64 - 1)),
    DataType.DT_BOOL: Rule(frozenset([bool]), "?"),
    DataType.DT_STRING: Rule(frozenset([bytes]), "O"),
}

_TYPE_NAMES: dict[type, str] = {
    type(None): "Null",
    int: "Number",
    float: "Number",
    bytes: "String",
    list: "Array",
    Object: "Object",
}

_B64 = b"b64"
_B64_SPACES = b" \t\n\v\f\r"
_B64_TEXT = re.compile(rb"([A-Za-z0-9+/]*)([=.]*)")
# By how many characters are left after the last group of four: how much padding there may be.
_B64_PADDING = {0: 0, 2: 2, 3: 1}


def refused(message: str) -> StatusError:
    """The error that most wrong bodies get."""
    return StatusError(Code.INVALID_ARGUMENT, message)


def type_name(value: Value) -> str:
    """What messages call the type of a value: "Null", "True", "Number"…"""
    return str(value) if isinstance(value, bool) else _TYPE_NAMES[type(value)]


def shape_of(value: Value) -> list[int]:
    """The shape that the first elements tell."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def is_b64(value: Value) -> bool:
    """Whether `value` is an object with a text named b64 and nothing else."""
    if not isinstance(value, Object) or len(value.members) != 1:
        return False
    ((name, text),) = value.members
    return name == _B64 and isinstance(text, bytes)


def from_b64(value: Object) -> bytes:
    """The bytes that an object with a b64 text means. Raises StatusError.

    The rules are those of absl::Base64Unescape: spaces do not count, padding may be missing but not
    be wrong, and may be points.
    """
    if not is_b64(value):
        raise refused(f"JSON Value: {debug_text(value)} not formatted correctly for base64 data")
    text = value[_B64]
    assert isinstance(text, bytes)
    found = _B64_TEXT.fullmatch(text.translate(None, _B64_SPACES))
    if found:
        data, padding = found.groups()
        wanted = _B64_PADDING.get(len(data) % 4)
        if wanted is not None and len(padding) in (0, wanted):
            return base64.b64decode(data + b"=" * wanted)
    raise refused("Unable to base64 decode")


def regular(value: Value, dtype: int) -> Tensor | None:
    """The tensor that `value` is, or None where something in it wants a closer look."""
    shape = shape_of(value)
    taken = _regular(value, shape, dtype)
    return None if taken is None else tensor(taken, shape, dtype)


def leaves(value: Value, shape: Sequence[int], dtype: int) -> list[Any]:
    """The values in `value`, in order. Raises StatusError where it has not that shape and type."""
    taken = _regular(value, shape, dtype)
    return _checked(value, shape, dtype) if taken is None else taken


def tensor(values: list[Any], shape: Sequence[int], dtype: int) -> Tensor | None:
    """The tensor of values that `leaves` gave; None where no array has its dtype and rank."""
    if dtype not in KINDS:
        return None
    read_as = RULES[dtype].read_as if dtype in RULES else KINDS[dtype].numpy
    array = np.empty(len(values), read_as)
    array[:] = values
    return from_array(array, shape, dtype)


def from_array(flat: NDArray[Any], shape: Sequence[int], dtype: int) -> Tensor | None:
    """The tensor of values in the dtype that RULES names; None where numpy has no such rank."""
    with np.errstate(over="ignore"):
        array = flat.astype(KINDS[dtype].numpy, copy=False)
    try:
        return Tensor(dtype, array.reshape(shape))
    except ValueError:
        return None


def _regular(value: Value, shape: Sequence[int], dtype: int) -> list[Any] | None:
    """As `leaves`, level by level; None where anything is not as it should be."""
    if dtype not in RULES or len(shape) > MAX_RANK:
        return None
    rule = RULES[dtype]
    items: list[Any] = [value]
    for size in shape:
        if set(map(type, items)) != {list} or set(map(len, items)) != {size}:
            return None
        items = list(chain.from_iterable(items))
    if not set(map(type, items)) <= rule.types:
        return None
    if rule.limits and items and not rule.limits[0] <= min(items) <= max(items) <= rule.limits[1]:
        return None
    return items


def _checked(value: Value, shape: Sequence[int], dtype: int) -> list[Any]:
    """As `leaves`, value by value in the order of the text; the first error is the one raised."""
    taken: list[Any] = []
    rank = len(shape)
    around: list[Iterator[Value]] = [iter([value])]  # what is left of every list around
    while around:
        level = len(around) - 1
        for item in around[-1]:
            if isinstance(item, list):
                _check_list(item, level, shape)
                around.append(iter(item))
                break
            if level != rank:
                raise refused(
                    f"JSON Value: {debug_text(item)} found at incorrect level: {level + 1} in the"
                    f" JSON DOM. Expected at level: {rank}"
                )
            taken.append(_leaf(item, dtype))
        else:
            around.pop()
    return taken


def _check_list(items: list[Value], level: int, shape: Sequence[int]) -> None:
    if level >= len(shape):
        raise refused(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(items) != shape[level]:
        raise refused(
            f"Encountered list at unexpected size: {len(items)} at level: {level} expected size:"
            f" {shape[level]}"
        )


def _leaf(value: Value, dtype: int) -> Any:
    if isinstance(value, Object) and dtype == DataType.DT_STRING:
        return from_b64(value)
    rule = RULES.get(dtype)
    if rule is None and not isinstance(value, Object):
        raise StatusError(
            Code.UNIMPLEMENTED,
            f"Conversion of JSON Value: {debug_text(value)} to type: {name_of(dtype)}",
        )
    if rule is None or type(value) not in rule.types or not _within(value, rule.limits):
        raise refused(
            f"JSON Value: {debug_text(value)} Type: {type_name(value)} is not of expected type:"
            f" {name_of(dtype)}"
        )
    return value


def _within(value: Value, limits: tuple[int, int] | None) -> bool:
    return not limits or (isinstance(value, int) and limits[0] <= value <= limits[1])
