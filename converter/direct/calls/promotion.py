"""Which dtype Keras 3 computes in where several meet. Source: keras/src/backend/common/dtypes.py.

Floats win over whole numbers, and the wider ones over the narrower. A Python number takes the dtype
of a tensor beside it, unless it is a float beside whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls.operands import tensor
from converter.direct.dtypes import FLOATS
from converter.direct.graph import Tensor

# The default float of Keras, which files do not tell.
FLOAT = "float32"
HALVES = {"float16", "bfloat16"}


def given(value: Any) -> Any:
    """An argument of a call, with arrays in place of what stands for them."""
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        held = value["config"]
        return np.asarray(held["value"], held["dtype"])
    if isinstance(value, list | tuple):
        return [given(inner) for inner in value]
    return value


def common(*values: Any, strong: bool = False, floating: bool = False) -> str:
    """The dtype of what is computed from values.

    strong: numbers are tensors already, int32 and float32. floating: the result is of floats.
    """
    kinds = {_kind(value) for value in values if not _weak(value) or strong}
    numbers = {_number(value) for value in values if _weak(value) and not strong}
    floats = kinds & FLOATS
    if floats:
        return _widest(floats)
    if floating or "float" in numbers:
        return FLOAT
    if not kinds - {"bool"}:
        return "int32" if "int" in numbers else "bool"
    return str(np.result_type(*(np.dtype(kind) for kind in kinds)))


def _widest(floats: set[str] | frozenset[str]) -> str:
    for kind in ("float64", "float32"):
        if kind in floats:
            return kind
    return "float32" if floats >= HALVES else next(iter(floats))


def _weak(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> str:
    return "int" if isinstance(value, int) else "float"


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return value.dtype
    if isinstance(value, bool):
        return "bool"
    if _weak(value):
        return "int32" if isinstance(value, int) else "float32"
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{value!r} is no tensor")
    return str(value.dtype.name)


def as_tensor(call: Call, value: Any, dtype: str) -> Tensor:
    """A value in a dtype."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return call.graph.constant(value, dtype)
    return ops.cast(tensor(call, value), dtype)


def promoted(
    call: Call, *values: Any, strong: bool = False, floating: bool = False
) -> list[Tensor]:
    """Values in the dtype that they have in common."""
    kind = common(*values, strong=strong, floating=floating)
    return [as_tensor(call, value, kind) for value in values]


def floating(x: Tensor) -> Tensor:
    """Whole numbers as floats."""
    return x if x.dtype in FLOATS else ops.cast(x, FLOAT)
