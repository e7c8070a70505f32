"""Operations of Keras 3 along axes: sums, means, the largest, norms.

Source: keras/src/ops/*.py and keras/src/backend/tensorflow/*.py of Keras 3.15.
"""

from __future__ import annotations

from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls import reducing
from converter.direct.calls.operands import axes as axes_of
from converter.direct.calls.operands import axis as axis_of
from converter.direct.calls.operands import tensor
from converter.direct.calls.promotion import as_tensor, floating
from converter.direct.graph import Tensor
from converter.direct.layers.keras3_operations import keras3
from converter.direct.registry import Result

# Small whole numbers are summed as larger ones.
SUMS = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
# What Keras divides by at least.
EPSILON = 1e-7


def _reduced(op: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    return ops.reduce(op, x, axes_of(axis, x.rank), keep=bool(keepdims))


@keras3("Mean")
def mean(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean, computed in float32 at least."""
    value = tensor(call, x)
    exact = ops.cast(value, "float64" if value.dtype == "float64" else "float32")
    made = _reduced("Mean", exact, axis, keepdims)
    return ops.cast(made, floating(value).dtype)


@keras3("Average")
def average(call: Call, x: Any, weights: Any = None, axis: Any = None) -> Tensor:
    """The mean."""
    if weights is not None:
        raise ValueError("a weighted average")
    return _reduced("Mean", floating(tensor(call, x)), axis, False)


@keras3("Sum")
def sum_(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum."""
    value = tensor(call, x)
    return _reduced("Sum", ops.cast(value, SUMS.get(value.dtype, value.dtype)), axis, keepdims)


@keras3("Prod")
def prod(
    call: Call, x: Any, axis: Any = None, keepdims: bool = False, dtype: str | None = None
) -> Tensor:
    """The product."""
    value = tensor(call, x)
    kind = value.dtype if dtype else SUMS.get(value.dtype, value.dtype)
    return _reduced("Prod", ops.cast(value, kind), axis, keepdims)


def _extreme(op: str) -> Any:
    def build(
        call: Call, x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None
    ) -> Tensor:
        if initial is not None:
            raise ValueError("the largest or smallest beside a given one")
        return _reduced(op, tensor(call, x), axis, keepdims)

    return build


keras3("Max", "Amax")(_extreme("Max"))
keras3("Min", "Amin")(_extreme("Min"))


def _bools(op: str) -> Any:
    def build(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        return _reduced(op, as_tensor(call, x, "bool"), axis, keepdims)

    return build


keras3("All")(_bools("All"))
keras3("Any")(_bools("Any"))


@keras3("Var")
def var(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The variance, computed in float32 at least."""
    value = tensor(call, x)
    exact = ops.cast(value, "float64" if value.dtype == "float64" else "float32")
    made = reducing.reduce_variance(call, exact, axis, keepdims)
    return ops.cast(made, floating(value).dtype)


@keras3("Std")
def std(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The standard deviation."""
    return reducing.reduce_std(call, floating(tensor(call, x)), axis, keepdims)


@keras3("Logsumexp")
def logsumexp(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(e^x))."""
    return reducing.reduce_logsumexp(call, x, axis, keepdims)


def _arg(op: str) -> Any:
    def build(call: Call, x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        value = tensor(call, x)
        if axis is None:
            value = ops.reshape(value, [-1])
            if keepdims:
                raise ValueError("the place among all values, with dimensions of 1")
        place = axis_of(axis or 0, value.rank)
        found = ops.cast(ops.argmax(value, place, op), "int32")
        return ops.expand_dims(found, place) if keepdims else found

    return build


keras3("Argmax")(_arg("ArgMax"))
keras3("Argmin")(_arg("ArgMin"))


@keras3("CountNonzero")
def count_nonzero(call: Call, x: Any, axis: Any = None) -> Tensor:
    """How many are not 0."""
    return reducing.count_nonzero(call, x, axis, dtype="int32")


@keras3("Norm")
def norm(call: Call, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The euclidean norm, or the 1-norm or largest of vectors."""
    value = floating(tensor(call, x))
    places = axes_of(axis, value.rank)
    order = "euclidean" if ord is None and len(places) < 3 else ord
    return reducing.norm(call, value, order, places, keepdims)


@keras3("Normalize")
def normalize(
    call: Call, x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None
) -> Tensor:
    """x divided by its norm."""
    value, least = tensor(call, x), EPSILON if epsilon is None else epsilon
    if order == 2:
        total = _reduced("Sum", ops.square(value), axis, True)
        return value * ops.minimum(ops.unary("Rsqrt", total), 1.0 / least)
    return value / ops.maximum(reducing.norm(call, value, order, axis, True), least)


@keras3("Moments")
def moments(
    call: Call, x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> Result:
    """Mean and variance."""
    if synchronized:
        raise ValueError("moments over several devices")
    return reducing.moments(call, x, axes, None, keepdims)


def _running(op: str) -> Any:
    function = reducing.cumsum if op == "Cumsum" else reducing.cumprod

    def build(call: Call, x: Any, axis: Any = None, dtype: str | None = None) -> Tensor:
        value = tensor(call, x)
        value = value if dtype is None else ops.cast(value, dtype)
        if axis is None:
            value, axis = ops.reshape(value, [-1]), 0
        made: Tensor = function(call, value, axis)
        return made

    return build


keras3("Cumsum")(_running("Cumsum"))
keras3("Cumprod")(_running("Cumprod"))


@keras3("TopK")
def top_k(call: Call, x: Any, k: int, sorted: bool = True) -> Result:
    """The k largest and where they are."""
    return reducing.top_k(call, x, k, sorted)


@keras3("Sort")
def sort(call: Call, x: Any, axis: Any = -1) -> Tensor:
    """Values in order."""
    return reducing.sort(call, x, -1 if axis is None else axis)
