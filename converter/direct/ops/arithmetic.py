"""Elementwise operations."""

from __future__ import annotations

from collections.abc import Sequence

from converter.direct.graph import Tensor, broadcast
from converter.direct.protos import Type


def unary(op: str, x: Tensor, name: str = "") -> Tensor:
    """An operation with one attribute T that keeps dtype and shape: Relu, Tanh, Exp, Sqrt, ..."""
    return x.graph.one(op, [x], x.dtype, x.shape, {"T": Type(x.dtype)}, name=name)


def square(x: Tensor) -> Tensor:
    """x·x."""
    return unary("Square", x)


def floor(x: Tensor) -> Tensor:
    """The largest whole number that is not above x."""
    return unary("Floor", x)


def maximum(x: Tensor, y: Tensor | float) -> Tensor:
    """The larger of two, element by element."""
    return x.graph.binary("Maximum", x, y)


def minimum(x: Tensor, y: Tensor | float) -> Tensor:
    """The smaller of two, element by element."""
    return x.graph.binary("Minimum", x, y)


def power(x: Tensor, y: Tensor | float) -> Tensor:
    """x to the y-th."""
    return x.graph.binary("Pow", x, y)


def clip(x: Tensor, low: float, high: float) -> Tensor:
    """x, at least `low` and at most `high`."""
    return maximum(minimum(x, high), low)


def compare(op: str, x: Tensor, y: Tensor | float) -> Tensor:
    """A bool from two numbers: Less, Greater, Equal, ..."""
    return x.graph.binary(op, x, y, dtype="bool")


def less(x: Tensor, y: Tensor | float) -> Tensor:
    """x < y."""
    return compare("Less", x, y)


def greater(x: Tensor, y: Tensor | float) -> Tensor:
    """x > y."""
    return compare("Greater", x, y)


def greater_equal(x: Tensor, y: Tensor | float) -> Tensor:
    """x ≥ y."""
    return compare("GreaterEqual", x, y)


def equal(x: Tensor, y: Tensor | float) -> Tensor:
    """x = y."""
    return compare("Equal", x, y)


def not_equal(x: Tensor, y: Tensor | float) -> Tensor:
    """x ≠ y."""
    return compare("NotEqual", x, y)


def logical_not(x: Tensor) -> Tensor:
    """Not x."""
    return x.graph.one("LogicalNot", [x], "bool", x.shape)


def logical_and(x: Tensor, y: Tensor) -> Tensor:
    """Both."""
    return x.graph.one("LogicalAnd", [x, y], "bool", broadcast(x.shape, y.shape))


def logical_or(x: Tensor, y: Tensor) -> Tensor:
    """One or both."""
    return x.graph.one("LogicalOr", [x, y], "bool", broadcast(x.shape, y.shape))


def all_of(masks: Sequence[Tensor]) -> Tensor:
    """True where all are."""
    result = masks[0]
    for mask in masks[1:]:
        result = logical_and(result, mask)
    return result


def select(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x where the condition holds, else y, which have one shape.

    condition: of that shape too, or of rank 1 and then for whole rows (the operation Select).
    """
    return x.graph.one("Select", [condition, x, y], x.dtype, x.shape, {"T": Type(x.dtype)})


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of x's shape and dtype."""
    return unary("ZerosLike", x)


def add_n(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of tensors that are broadcast, from the left."""
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total


def cast(x: Tensor, dtype: str) -> Tensor:
    """x in another dtype; x itself where it has it."""
    if x.dtype == dtype:
        return x
    attrs = {"SrcT": Type(x.dtype), "DstT": Type(dtype)}
    return x.graph.one("Cast", [x], dtype, x.shape, attrs).with_mask(x.mask)
