"""The dtypes of graphs: numpy's names, and TensorFlow's numbers for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from converter.wire.tensorflow_pb2 import DataType

# By numpy's names, with bfloat16, which numpy has not. Source: core/framework/types.proto.
DATA_TYPES: dict[str, int] = {
    "float16": DataType.DT_HALF,
    "bfloat16": DataType.DT_BFLOAT16,
    "float32": DataType.DT_FLOAT,
    "float64": DataType.DT_DOUBLE,
    "int8": DataType.DT_INT8,
    "int16": DataType.DT_INT16,
    "int32": DataType.DT_INT32,
    "int64": DataType.DT_INT64,
    "uint8": DataType.DT_UINT8,
    "uint16": DataType.DT_UINT16,
    "uint32": DataType.DT_UINT32,
    "uint64": DataType.DT_UINT64,
    "bool": DataType.DT_BOOL,
    "complex64": DataType.DT_COMPLEX64,
    "complex128": DataType.DT_COMPLEX128,
    "string": DataType.DT_STRING,
    "resource": DataType.DT_RESOURCE,
}
NAMES = {number: name for name, number in DATA_TYPES.items()}

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGERS = frozenset(name for name in DATA_TYPES if name.startswith(("int", "uint")))


def dtype_of(array: np.ndarray[Any, Any]) -> str:
    """The name of an array's dtype. Raises KeyError for one that no tensor has."""
    if array.dtype.kind in "SUO":
        return "string"
    name = str(array.dtype.name)
    if name not in DATA_TYPES:
        raise KeyError(name)
    return name
