"""What calls are made on: tensors, and numbers and nested lists that stand for tensors.

Also what is known of the contents of shapes, so that `reshape(x, [shape(x)[0], 4])` has a known
last dimension. Contents are flat, None where a number is known at run time only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.dtypes import FLOATS, INTEGERS
from converter.direct.graph import Tensor
from converter.direct.ops.shaping import Dim

Contents = tuple[int | None, ...]
MOST_KNOWN = 256


def tensor(call: Call, value: Any, dtype: str | None = None) -> Tensor:
    """A value as a tensor, of `dtype` where it has none of its own.

    As TensorFlow converts: whole numbers become int32, others float32, unless a dtype is wanted.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, list | tuple) and any(_tensors(value)):
        kind = dtype or next(_tensors(value)).dtype
        return stack([tensor(call, inner, kind) for inner in value], 0)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{value!r} is no number")
    own = array.dtype.name if isinstance(value, np.ndarray | np.generic) else _natural(array)
    kind = dtype or own
    if (kind != own and not _fits(array, kind)) or not _holds(array, kind):
        raise TypeError(f"{value!r} as {kind}")
    made = call.graph.constant(array.astype(np.float32 if kind == "bfloat16" else kind), kind)
    if kind in ("int32", "int64") and array.ndim < 2:
        remember(made, [int(v) for v in array.reshape(-1)])
    return made


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)


def _natural(array: np.ndarray[Any, Any]) -> str:
    return {"b": "bool", "i": "int32", "u": "int32", "f": "float32"}[array.dtype.kind]


def _fits(array: np.ndarray[Any, Any], dtype: str) -> bool:
    """Whether TensorFlow takes numbers of this kind where it wants `dtype`."""
    if array.dtype.kind in "iu":
        return dtype in INTEGERS or dtype in FLOATS
    return array.dtype.kind == "f" and dtype in FLOATS


def _holds(array: np.ndarray[Any, Any], dtype: str) -> bool:
    """Whether whole numbers are small enough for a dtype."""
    if array.dtype.kind not in "iu" or dtype not in INTEGERS or not array.size:
        return True
    limits = np.iinfo(dtype)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def alike(call: Call, *values: Any) -> list[Tensor]:
    """Values as tensors of one dtype: that of the first that is a tensor."""
    kinds = [found.dtype for value in values for found in _tensors(value)]
    made = [tensor(call, value, kinds[0] if kinds else None) for value in values]
    if len({t.dtype for t in made}) > 1:
        raise TypeError(f"tensors of {', '.join(t.dtype for t in made)} together")
    return made


def contents(t: Tensor) -> Contents | None:
    """What is known of the contents of a vector or scalar of whole numbers."""
    return t.graph.contents.get(t.name)


def remember(t: Tensor, values: Sequence[int | None] | None) -> Tensor:
    """`t`, whose contents are known from here on, unless it is no shape of anything."""
    if values is not None and len(values) <= MOST_KNOWN:
        t.graph.contents[t.name] = tuple(values)
    return t


def stack(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """ops.stack, with contents."""
    made = ops.stack(tensors, axis)
    parts = [contents(t) for t in tensors]
    if all(t.rank == 0 for t in tensors) and any(parts):
        remember(made, [part[0] if part else None for part in parts])
    return made


def integer(value: Any) -> int:
    """A whole number that must be known now: an axis, a count."""
    if isinstance(value, Tensor):
        known = contents(value)
        if known is None or len(known) != 1:
            raise ValueError("a number is only known at run time")
        value = known[0]
    if isinstance(value, np.generic):
        value = value.item()
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or abs(value) >= 2**31:
        raise ValueError(f"{value!r} is no whole number, or a large one")
    return int(value)


def integers(value: Any) -> list[int]:
    """Whole numbers that must be known now; one alone is a list of one."""
    if isinstance(value, Tensor):
        known = contents(value)
        if known is None or None in known:
            raise ValueError("numbers are only known at run time")
        value = known
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [integer(inner) for inner in value]
    return [integer(value)]


def axes(value: Any, rank: int) -> list[int]:
    """Axes counted from the front; all where none are given."""
    if value is None:
        return list(range(rank))
    found = integers(value)
    if any(not -rank <= axis < rank for axis in found):
        raise ValueError(f"no axes {found} in a tensor of rank {rank}")
    return [axis % rank for axis in found]


def axis(value: Any, rank: int) -> int:
    """One axis counted from the front."""
    (found,) = axes(integer(value), rank)
    return found


def sizes(value: Any) -> list[Dim]:
    """A shape: whole numbers where they are known, else scalar int32 tensors."""
    if isinstance(value, Tensor):
        (count,) = value.shape if value.rank == 1 else (None,)
        if count is None:
            raise ValueError("a shape of unknown length")
        known = contents(value) or (None,) * count
        return [_element(value, i) if d is None else d for i, d in enumerate(known)]
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return [size(inner) for inner in (value if isinstance(value, list | tuple) else [value])]


def size(value: Any) -> Dim:
    """A dimension: a whole number where it is known, else a scalar int32 tensor."""
    if not isinstance(value, Tensor):
        return integer(value)
    if value.rank != 0:
        raise ValueError("a dimension that is no scalar")
    known = contents(value)
    if known and known[0] is not None:
        return known[0]
    return ops.cast(value, "int32")


def _element(vector: Tensor, place: int) -> Tensor:
    return ops.cast(ops.slice_(vector, [(place, place + 1)], shrink=[0]), "int32")


def text(value: Any) -> str:
    """A text, which NodeDefs hold as bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value
