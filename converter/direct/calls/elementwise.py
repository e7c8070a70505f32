"""Functions on each element: arithmetic, comparison, choice, activations."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls.operands import (
    Contents,
    alike,
    contents,
    remember,
    sizes,
    tensor,
)
from converter.direct.calls.table import function
from converter.direct.dtypes import INTEGERS
from converter.direct.graph import Tensor, broadcast
from converter.direct.ops.shaping import Dim
from converter.direct.protos import Type

# Operations that keep dtype and shape, and the functions that are nothing else.
UNARY = {
    "Abs": "math.abs abs",
    "Acos": "math.acos acos",
    "Acosh": "math.acosh acosh",
    "Asin": "math.asin asin",
    "Asinh": "math.asinh asinh",
    "Atan": "math.atan atan",
    "Atanh": "math.atanh atanh",
    "Ceil": "math.ceil",
    "Cos": "math.cos cos",
    "Cosh": "math.cosh cosh",
    "Digamma": "math.digamma",
    "Elu": "nn.elu keras.activations.elu",
    "Erf": "math.erf",
    "Erfc": "math.erfc",
    "Exp": "math.exp exp keras.activations.exponential",
    "Expm1": "math.expm1",
    "Floor": "math.floor floor",
    "Lgamma": "math.lgamma",
    "Log": "math.log",
    "Log1p": "math.log1p",
    "Neg": "math.negative negative",
    "Reciprocal": "math.reciprocal",
    "Relu": "nn.relu keras.activations.relu",
    "Relu6": "nn.relu6",
    "Rint": "math.rint",
    "Round": "math.round round",
    "Selu": "nn.selu keras.activations.selu",
    "Sigmoid": "math.sigmoid sigmoid nn.sigmoid keras.activations.sigmoid",
    "Sign": "math.sign sign",
    "Sin": "math.sin sin",
    "Sinh": "math.sinh sinh",
    "Softplus": "math.softplus nn.softplus keras.activations.softplus",
    "Softsign": "math.softsign nn.softsign keras.activations.softsign",
    "Sqrt": "math.sqrt sqrt",
    "Square": "math.square square",
    "Tan": "math.tan tan",
    "Tanh": "math.tanh tanh nn.tanh keras.activations.tanh",
}
# Operations on two tensors of one dtype that are broadcast, with one of that dtype as the result.
BINARY = {
    "Add": "math.add add __operators__.add",
    "DivNoNan": "math.divide_no_nan",
    "FloorDiv": "math.floordiv floor_div",
    "FloorMod": "math.floormod math.mod",
    "Maximum": "math.maximum maximum",
    "Minimum": "math.minimum minimum",
    "Mul": "math.multiply multiply",
    "Pow": "math.pow pow",
    "RealDiv": "realdiv",
    "SquaredDifference": "math.squared_difference",
    "Sub": "math.subtract subtract",
    "Xdivy": "math.xdivy",
    "Xlogy": "math.xlogy",
}
COMPARISONS = {
    "Equal": "math.equal equal __operators__.eq",
    "Greater": "math.greater greater",
    "GreaterEqual": "math.greater_equal greater_equal",
    "Less": "math.less less",
    "LessEqual": "math.less_equal less_equal",
    "NotEqual": "math.not_equal not_equal __operators__.ne",
}
LOGICAL = {
    "LogicalAnd": "math.logical_and logical_and",
    "LogicalOr": "math.logical_or logical_or",
}
TESTS = {
    "IsFinite": "math.is_finite",
    "IsInf": "math.is_inf",
    "IsNan": "math.is_nan",
}
# What becomes of known contents.
FOLDS: dict[str, Callable[[int, int], int]] = {
    "Add": operator.add,
    "FloorDiv": operator.floordiv,
    "FloorMod": operator.mod,
    "Maximum": max,
    "Minimum": min,
    "Mul": operator.mul,
    "Sub": operator.sub,
}


def unary(op: str) -> Callable[[Call, Any], Tensor]:
    """The function that is one operation."""
    return lambda call, x: ops.unary(op, tensor(call, x))


def binary(op: str) -> Callable[[Call, Any, Any], Tensor]:
    """The function that is one operation on two."""

    def build(call: Call, x: Any, y: Any) -> Tensor:
        a, b = alike(call, x, y)
        return remember(call.graph.binary(op, a, b), _folded(op, contents(a), contents(b)))

    return build


def _folded(op: str, a: Contents | None, b: Contents | None) -> Contents | None:
    """The contents of op(a, b), where both are known."""
    if op not in FOLDS or not a or not b or (len(a) != len(b) and 1 not in (len(a), len(b))):
        return None
    count = max(len(a), len(b))
    pairs = zip(a * (count // len(a)), b * (count // len(b)), strict=True)
    return tuple(
        None if m is None or n is None or (n == 0 and op.startswith("Floor")) else FOLDS[op](m, n)
        for m, n in pairs
    )


def comparison(op: str) -> Callable[[Call, Any, Any], Tensor]:
    """The function that compares two."""
    return lambda call, x, y: ops.compare(op, *alike(call, x, y))


def logical(op: str) -> Callable[[Call, Any, Any], Tensor]:
    """The function of two bools."""

    def build(call: Call, x: Any, y: Any) -> Tensor:
        a, b = alike(call, x, y)
        return call.graph.one(op, [a, b], "bool", broadcast(a.shape, b.shape))

    return build


def test(op: str) -> Callable[[Call, Any], Tensor]:
    """The function that asks something of each number."""

    def build(call: Call, x: Any) -> Tensor:
        x = tensor(call, x)
        return call.graph.one(op, [x], "bool", x.shape, {"T": Type(x.dtype)})

    return build


for _ops, _make in (
    (UNARY, unary),
    (BINARY, binary),
    (COMPARISONS, comparison),
    (LOGICAL, logical),
    (TESTS, test),
):
    for _op, _names in _ops.items():
        function(_names)(_make(_op))


@function("math.truediv truediv math.divide divide")
def divide(call: Call, x: Any, y: Any) -> Tensor:
    """x / y as Python means it: whole numbers become float64, small ones float32."""
    a, b = alike(call, x, y)
    if a.dtype in INTEGERS:
        kind = "float64" if a.dtype in ("int32", "int64", "uint32", "uint64") else "float32"
        a, b = ops.cast(a, kind), ops.cast(b, kind)
    return a / b


@function("math.atan2 atan2")
def atan2(call: Call, y: Any, x: Any) -> Tensor:
    """The angle of the point (x, y)."""
    a, b = alike(call, y, x)
    return call.graph.binary("Atan2", a, b)


@function("math.rsqrt")
def rsqrt(call: Call, x: Any) -> Tensor:
    """1 / sqrt(x), by two operations.

    TensorFlow 2.15 and 2.21 fuse Rsqrt between two means and numbers (an instance normalization
    with a scale and offset that are no vectors) and read past the numbers: measured, off by 4.7.
    """
    return ops.unary("Reciprocal", ops.unary("Sqrt", tensor(call, x)))


@function("math.multiply_no_nan")
def multiply_no_nan(call: Call, x: Any, y: Any) -> Tensor:
    """x y, but 0 where y is 0 whatever x is."""
    a, b = alike(call, x, y)
    return where(call, ops.equal(b, 0), tensor(call, 0, a.dtype), a * b)


@function("math.logical_not logical_not")
def logical_not(call: Call, x: Any) -> Tensor:
    """Not x."""
    return ops.logical_not(tensor(call, x))


@function("math.logical_xor")
def logical_xor(call: Call, x: Any, y: Any) -> Tensor:
    """One, but not both."""
    a, b = alike(call, x, y)
    both = ops.logical_not(ops.logical_and(a, b))
    return ops.logical_and(ops.logical_or(a, b), both)


@function("math.add_n add_n")
def add_n(call: Call, inputs: Any) -> Tensor:
    """The sum of tensors of one shape."""
    tensors = alike(call, *(inputs if isinstance(inputs, list | tuple) else [inputs]))
    shape = tensors[0].shape
    for other in tensors[1:]:
        shape = broadcast(shape, other.shape)
    attrs = {"T": Type(tensors[0].dtype), "N": len(tensors)}
    return call.graph.one("AddN", tensors, tensors[0].dtype, shape, attrs)


@function("clip_by_value")
def clip_by_value(call: Call, t: Any, clip_value_min: Any, clip_value_max: Any) -> Tensor:
    """t, at least the one and at most the other."""
    t, low, high = alike(call, t, clip_value_min, clip_value_max)
    return ops.maximum(ops.minimum(t, high), low)


@function("clip")
def clip(call: Call, x: Any, min_value: Any, max_value: Any) -> Tensor:
    """Of keras.backend: None is no limit."""
    low = -np.inf if min_value is None else min_value
    high = np.inf if max_value is None else max_value
    return clip_by_value(call, x, low, high)


@function("cast")
def cast(call: Call, x: Any, dtype: str) -> Tensor:
    """x in another dtype."""
    x = tensor(call, x)
    return remember(ops.cast(x, dtype), contents(x) if dtype in INTEGERS else None)


@function("zeros_like")
def zeros_like(call: Call, input: Any, dtype: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros of the shape of another."""
    del optimize
    return ops.zeros_like(ops.cast(tensor(call, input), dtype or tensor(call, input).dtype))


@function("ones_like")
def ones_like(call: Call, input: Any, dtype: str | None = None, optimize: bool = True) -> Tensor:
    """Ones of the shape of another."""
    del optimize
    x = tensor(call, input)
    return ops.unary("OnesLike", ops.cast(x, dtype or x.dtype))


@function("identity stop_gradient")
def identity(call: Call, input: Any) -> Tensor:
    """The tensor itself."""
    return tensor(call, input).with_mask(None)


@function("convert_to_tensor")
def convert_to_tensor(
    call: Call, value: Any, dtype: str | None = None, dtype_hint: str | None = None
) -> Tensor:
    """The tensor itself, or numbers as one."""
    made = tensor(call, value, dtype or dtype_hint)
    if dtype not in (None, made.dtype):
        raise TypeError(f"{made.dtype} as {dtype}")
    return made


@function("where")
def where(call: Call, condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """x where the condition holds, else y; all three are broadcast."""
    chosen = tensor(call, condition)
    if x is None or y is None:
        return _places(chosen)
    a, b = alike(call, x, y)
    shape = broadcast(chosen.shape, broadcast(a.shape, b.shape))
    target = [_widest(place - len(shape), (chosen, a, b)) for place in range(len(shape))]
    return ops.select(*(spread(t, target) for t in (chosen, a, b)))


@function("compat.v1.where")
def where_rows(call: Call, condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """Of TensorFlow 1: a condition of rank 1 chooses rows, nothing is broadcast."""
    if x is None or y is None:
        return _places(tensor(call, condition))
    return ops.select(tensor(call, condition), *alike(call, x, y))


def _places(condition: Tensor) -> Tensor:
    """Where a condition holds, a row of indices for each place."""
    attrs = {"T": Type(condition.dtype)}
    return condition.graph.one("Where", [condition], "int64", (None, condition.rank), attrs)


def _widest(place: int, tensors: tuple[Tensor, ...]) -> Dim:
    """The size of a dimension, counted from the end, to which tensors are broadcast."""
    reaching = [t for t in tensors if t.rank >= -place]
    known = [d for t in reaching if (d := t.shape[place]) not in (None, 1)]
    if known:
        return known[0] or 0
    unknown = [t for t in reaching if t.shape[place] is None]
    return ops.dim(unknown[0], place) if unknown else 1


def spread(x: Tensor, target: list[Dim]) -> Tensor:
    """x broadcast to a shape that it fits."""
    more = len(target) - x.rank
    if more:
        x = ops.reshape(x, [*[1] * more, *ops.dims(x)])
    counts: list[Dim] = [n if d == 1 else 1 for d, n in zip(x.shape, target, strict=True)]
    return x if all(n == 1 for n in counts) else ops.tile(x, counts)


@function("broadcast_to")
def broadcast_to(call: Call, input: Any, shape: Any) -> Tensor:
    """A tensor spread over a shape."""
    x, target = tensor(call, input), sizes(shape)
    broadcast(x.shape, tuple(d if isinstance(d, int) else None for d in target))
    return spread(x, target)
