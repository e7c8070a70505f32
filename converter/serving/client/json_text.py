"""Tensors as TensorFlow Serving's JSON, and JSON as arrays of a signature's dtypes.

Numbers are written so that they are read back exactly. NaN and the infinities stand bare, which is
no JSON but what TensorFlow Serving reads and writes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from converter.serving.client.contract import TensorSpec
from converter.serving.tensors import KINDS, Tensor, name_of
from converter.wire.tensorflow_pb2 import DataType

_NUMPY = orjson.OPT_SERIALIZE_NUMPY
# TensorFlow Serving up to 1.9 wrote 9e-07 as 9e-07.0 (its issues 989 and 1014).
_EXPONENT_WITH_FRACTION = re.compile(r"(\d[eE][+-]?\d+)\.0(?=[\s,\]}])")


def written(tensor: Tensor, *, plain: bool = False) -> bytes:
    """The tensor as JSON: nested lists, or one value. Strings are base64, or themselves if `plain`.

    Raises ValueError for what JSON cannot say: complex numbers, the shape of an empty tensor whose
    empty dimension is not the last, and plain strings that are not UTF-8.
    """
    array = tensor.values()
    if array.dtype.kind == "c":
        raise ValueError(f"JSON has no {name_of(tensor.dtype)} numbers")
    if 0 in array.shape[:-1]:
        raise ValueError(f"JSON cannot say the shape {list(array.shape)}")
    if array.dtype.hasobject:
        return orjson.dumps(_each(array.tolist(), bytes.decode if plain else _base64))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return json.dumps(array.tolist()).encode()
    return _finite(array)


def _finite(array: NDArray[Any]) -> bytes:
    """An array of numbers or bools, each of which JSON has."""
    if array.ndim == 0:
        # orjson writes no arrays without dimensions.
        return orjson.dumps(array.reshape(1), option=_NUMPY)[1:-1]
    if array.ndim > 1 and array.shape[-1] == 1:
        # A list for each number costs orjson ten times as much (gray images end so). The same
        # text: every comma becomes "],[", which puts the numbers into lists of their own.
        return b"[%b]" % _finite(array[..., 0]).replace(b",", b"],[")
    return orjson.dumps(np.ascontiguousarray(array), option=_NUMPY)


def _each(value: Any, coded: Callable[[bytes], Any]) -> Any:
    """Nested lists with every string coded."""
    return coded(value) if isinstance(value, bytes) else [_each(item, coded) for item in value]


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def parsed(body: bytes) -> Any:
    """The value of a JSON text as any TensorFlow Serving writes it. Raises ValueError.

    Strings of a model need not be UTF-8: their bytes are kept as surrogate escapes.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "surrogateescape")
    try:
        return json.loads(text, strict=False)
    except ValueError:
        return json.loads(_EXPONENT_WITH_FRACTION.sub(r"\1", text), strict=False)


def array_of(value: Any, spec: TensorSpec) -> NDArray[Any]:
    """A value of an answer as an array of the output's dtype, as Tensor.values gives it.

    Raises ValueError where it is not of that dtype, or no array.
    """
    kind = KINDS.get(spec.dtype)
    if kind is None or kind.numpy.kind == "c":
        raise ValueError(f"an output of type {name_of(spec.dtype)} does not come as JSON")
    if spec.dtype == DataType.DT_STRING:
        array = _strings(value)
    elif spec.dtype == DataType.DT_BFLOAT16:
        array = _numbers(value, np.dtype("<f4"))
    else:
        array = _numbers(value, kind.numpy)
    return _full_rank(array, spec)


def _numbers(value: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    found = np.array(value)
    if found.size == 0:
        return found.astype(dtype)
    if dtype.kind == "f" and found.dtype.kind in "iuf":
        with np.errstate(over="ignore"):
            return found.astype(dtype)
    if dtype.kind == "u" and found.dtype.kind == "f":
        # numpy takes a list with numbers on both sides of 2**63 for floats.
        items = np.array(value, object)
        most = int(np.iinfo(dtype).max)
        if all(isinstance(item, int) and 0 <= item <= most for item in items.flat):
            return items.astype(dtype)
    if found.dtype.kind not in ("b" if dtype.kind == "b" else "iu"):
        raise ValueError(f"its values are not of type {dtype}")
    exact = found.astype(dtype)
    if not np.array_equal(exact, found):
        raise ValueError(f"it has values outside the range of {dtype}")
    return exact


def _strings(value: Any) -> NDArray[Any]:
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    items: list[bytes] = []
    _collect(value, shape, items)
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)


def _collect(value: Any, shape: list[int], items: list[bytes]) -> None:
    """Add the strings in `value`, which must have `shape`, to `items`."""
    if not shape:
        items.append(_decoded(value))
    elif not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError("its lists are of several lengths")
    else:
        for item in value:
            _collect(item, shape[1:], items)


def _decoded(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"it has a string that is not base64: {error}") from error
    raise ValueError("its values are not strings")


def _full_rank(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """An empty array with the dimensions that its empty list could not tell."""
    if array.size or spec.shape is None or array.ndim >= len(spec.shape):
        return array
    return array.reshape(*array.shape, *(size or 0 for size in spec.shape[array.ndim :]))
