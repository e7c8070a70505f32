"""Functions along axes: sums, means, the largest, running sums, norms."""

from __future__ import annotations

from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls import operands
from converter.direct.calls.operands import axis as axis_of
from converter.direct.calls.operands import contents, remember
from converter.direct.calls.table import function
from converter.direct.graph import Tensor
from converter.direct.protos import Type

SIMPLE = {
    "Sum": "math.reduce_sum reduce_sum sum",
    "Mean": "math.reduce_mean reduce_mean mean",
    "Max": "math.reduce_max reduce_max max",
    "Min": "math.reduce_min reduce_min min",
    "All": "math.reduce_all reduce_all all",
    "Any": "math.reduce_any reduce_any any",
}


def _simple(op: str) -> Any:
    def build(call: Call, input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        x = operands.tensor(call, input_tensor)
        return ops.reduce(op, x, operands.axes(axis, x.rank), keep=bool(keepdims))

    return build


for _op, _names in SIMPLE.items():
    function(_names)(_simple(_op))


@function("math.reduce_prod reduce_prod prod")
def reduce_prod(call: Call, input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The product along axes."""
    x = operands.tensor(call, input_tensor)
    made = ops.reduce("Prod", x, operands.axes(axis, x.rank), keep=bool(keepdims))
    known = contents(x)
    if known is None or x.rank != 1:
        return made
    product: int | None = 1
    for number in known:
        product = None if product is None or number is None else product * number
    return remember(made, [product])


@function("math.reduce_variance var")
def reduce_variance(
    call: Call, input_tensor: Any, axis: Any = None, keepdims: bool = False
) -> Tensor:
    """The mean square of what is left after the mean."""
    x = operands.tensor(call, input_tensor)
    places = operands.axes(axis, x.rank)
    apart = x - ops.reduce("Mean", x, places, keep=True)
    return ops.reduce("Mean", ops.square(apart), places, keep=bool(keepdims))


@function("math.reduce_std std")
def reduce_std(call: Call, input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The root of the variance."""
    return ops.unary("Sqrt", reduce_variance(call, input_tensor, axis, keepdims))


@function("math.reduce_logsumexp reduce_logsumexp logsumexp")
def reduce_logsumexp(
    call: Call, input_tensor: Any, axis: Any = None, keepdims: bool = False
) -> Tensor:
    """log(sum(e^x)), with the largest taken out before, unless it is infinite."""
    x = operands.tensor(call, input_tensor)
    places = operands.axes(axis, x.rank)
    largest = ops.reduce("Max", x, places, keep=True)
    finite = call.graph.one("IsFinite", [largest], "bool", largest.shape, {"T": Type(x.dtype)})
    base = ops.select(finite, largest, ops.zeros_like(largest))
    total = ops.reduce("Sum", ops.unary("Exp", x - base), places, keep=bool(keepdims))
    return ops.unary("Log", total) + (base if keepdims else ops.squeeze(base, places))


@function("math.reduce_euclidean_norm")
def euclidean_norm(
    call: Call, input_tensor: Any, axis: Any = None, keepdims: bool = False
) -> Tensor:
    """The root of the sum of squares."""
    x = operands.tensor(call, input_tensor)
    total = ops.reduce("Sum", ops.square(x), operands.axes(axis, x.rank), keep=bool(keepdims))
    return ops.unary("Sqrt", total)


@function("norm linalg.norm")
def norm(
    call: Call,
    tensor: Any,  # TensorFlow calls it so
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The euclidean norm, or the 1-norm or largest of vectors."""
    if not isinstance(tensor, Tensor):
        raise TypeError("a norm of what is no tensor")
    keep = bool(keepdims)
    vectors = axis is None or len(operands.axes(axis, tensor.rank)) == 1
    if ord == "euclidean" or (ord == 2 and vectors) or (ord == "fro" and not vectors):
        return euclidean_norm(call, tensor, axis, keep)
    kinds = {1: "Sum", float("inf"): "Max"}
    if not vectors or ord not in kinds:
        raise ValueError(f"a norm of order {ord}")
    return ops.reduce(
        kinds[ord], ops.unary("Abs", tensor), operands.axes(axis, tensor.rank), keep=keep
    )


@function("math.l2_normalize nn.l2_normalize l2_normalize")
def l2_normalize(call: Call, x: Any, axis: Any = None, epsilon: float = 1e-12) -> Tensor:
    """x divided by its norm along axes."""
    given = operands.tensor(call, x)
    total = ops.reduce("Sum", ops.square(given), operands.axes(axis, given.rank), keep=True)
    return given * ops.unary("Rsqrt", ops.maximum(total, epsilon))


@function("nn.moments")
def moments(
    call: Call, x: Any, axes: Any, shift: Any = None, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance."""
    del shift
    x = operands.tensor(call, x)
    mean = ops.reduce("Mean", x, operands.axes(axes, x.rank), keep=True)
    apart = call.graph.binary("SquaredDifference", x, mean)
    variance = ops.reduce("Mean", apart, operands.axes(axes, x.rank), keep=bool(keepdims))
    return (mean if keepdims else ops.squeeze(mean, operands.axes(axes, x.rank))), variance


def _arg(op: str) -> Any:
    def build(call: Call, input: Any, axis: Any = None, output_type: str | None = None) -> Tensor:
        x = operands.tensor(call, input)
        found = ops.argmax(x, axis_of(0 if axis is None else axis, x.rank), op)
        return ops.cast(found, output_type or "int64")

    return build


argmax = function("math.argmax argmax")(_arg("ArgMax"))
argmin = function("math.argmin argmin")(_arg("ArgMin"))


def _running(op: str) -> Any:
    def build(
        call: Call, x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False
    ) -> Tensor:
        x = operands.tensor(call, x)
        attrs = {
            "T": Type(x.dtype),
            "Tidx": Type("int32"),
            "exclusive": bool(exclusive),
            "reverse": bool(reverse),
        }
        where = call.graph.constant(axis_of(axis, x.rank))
        return call.graph.one(op, [x, where], x.dtype, x.shape, attrs)

    return build


cumsum = function("math.cumsum cumsum")(_running("Cumsum"))
cumprod = function("math.cumprod cumprod")(_running("Cumprod"))


@function("math.top_k nn.top_k")
def top_k(
    call: Call, input: Any, k: Any = 1, sorted: bool = True, index_type: str = "int32"
) -> tuple[Tensor, Tensor]:
    """The k largest along the last axis, and where they are."""
    x = operands.tensor(call, input)
    count = operands.tensor(call, k)
    known = contents(count)
    shape = (*x.shape[:-1], known[0] if known else None)
    attrs = {"T": Type(x.dtype), "sorted": bool(sorted)}
    outputs = [(x.dtype, shape), ("int32", shape)]
    values, places = call.graph.node("TopKV2", [x, count], outputs, attrs=attrs)
    return values, ops.cast(places, index_type)


@function("sort")
def sort(call: Call, values: Any, axis: Any = -1, direction: str = "ASCENDING") -> Tensor:
    """Values in order along an axis of known size."""
    x = operands.tensor(call, values)
    place = axis_of(axis, x.rank)
    order = [i for i in range(x.rank) if i != place] + [place]
    back = [order.index(i) for i in range(x.rank)]
    x = ops.transpose(x, order)
    if x.shape[-1] is None:
        raise ValueError("an axis of unknown size cannot be sorted")
    down = direction == "DESCENDING"
    found, _ = top_k(call, x if down else -x, x.shape[-1])
    return ops.transpose(found if down else -found, back)


@function("math.count_nonzero")
def count_nonzero(
    call: Call, input: Any, axis: Any = None, keepdims: bool = False, dtype: str = "int64"
) -> Tensor:
    """How many are not 0."""
    x = operands.tensor(call, input)
    there = ops.cast(ops.not_equal(x, 0), dtype)
    return ops.reduce("Sum", there, operands.axes(axis, x.rank), keep=bool(keepdims))


@function("math.zero_fraction")
def zero_fraction(call: Call, value: Any) -> Tensor:
    """The share of zeros."""
    x = operands.tensor(call, value)
    return ops.reduce("Mean", ops.cast(ops.equal(x, 0), "float32"), operands.axes(None, x.rank))
