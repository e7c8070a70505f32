"""Shapes, arrays and values of attributes as the messages of a GraphDef."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from converter.direct.dtypes import DATA_TYPES
from converter.wire.graph_pb2 import AttrValue
from converter.wire.tensorflow_pb2 import TensorProto, TensorShapeProto

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Type:
    """A DataType as the value of an attribute."""

    name: str


def tensor_proto(array: np.ndarray[Any, Any], dtype: str) -> TensorProto:
    """A TensorProto that holds `array`, whose bits are of `dtype`."""
    proto = TensorProto()
    proto.dtype = DATA_TYPES[dtype]  # type: ignore[assignment]
    proto.tensor_shape.CopyFrom(shape_proto(array.shape))
    if array.dtype.kind in "SUO":
        proto.string_val.extend(
            item.encode() if isinstance(item, str) else bytes(item) for item in array.ravel()
        )
    else:
        proto.tensor_content = array.tobytes()
    return proto


def shape_proto(shape: Shape) -> TensorShapeProto:
    """A TensorShapeProto; None is an unknown dimension."""
    proto = TensorShapeProto()
    for size in shape:
        proto.dim.add(size=-1 if size is None else size)
    return proto


def put(attr: AttrValue, value: Any) -> None:
    """Set an attribute: Type, bool, int, float, str, bytes, shape (tuple), TensorProto, or a list
    of one of these.
    """
    match value:
        case Type():
            attr.type = DATA_TYPES[value.name]  # type: ignore[assignment]
        case bool():
            attr.b = value
        case int():
            attr.i = value
        case float():
            attr.f = value
        case str() | bytes():
            attr.s = value.encode() if isinstance(value, str) else value
        case tuple():
            attr.shape.CopyFrom(shape_proto(value))
        case TensorProto():
            attr.tensor.CopyFrom(value)
        case list():
            _list_attr(attr.list, value)
        case _:
            raise TypeError(f"no attribute holds a {type(value).__name__}")


def _list_attr(held: AttrValue.ListValue, values: list[Any]) -> None:
    held.SetInParent()
    for value in values:
        match value:
            case Type():
                held.type.append(DATA_TYPES[value.name])  # type: ignore[arg-type]
            case bool():
                held.b.append(value)
            case int():
                held.i.append(value)
            case float():
                held.f.append(value)
            case str() | bytes():
                held.s.append(value.encode() if isinstance(value, str) else value)
            case tuple():
                held.shape.append(shape_proto(value))
            case _:
                raise TypeError(f"no attribute holds a list of {type(value).__name__}")
