"""Operations of Keras 3 between layers: elementwise ones, and the table of all of them.

`a + b` is saved as the class Add with no more than a name: its arguments are those of the call, and
those that the operation was made with are its config. Source: keras/src/ops/*.py and
keras/src/backend/tensorflow/*.py of Keras 3.15.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from converter.direct import activations, ops
from converter.direct.call import Call
from converter.direct.calls import activating, elementwise
from converter.direct.calls.operands import axis as axis_of
from converter.direct.calls.operands import tensor
from converter.direct.calls.promotion import as_tensor, floating, given, promoted
from converter.direct.calls.table import Function
from converter.direct.graph import Tensor, broadcast
from converter.direct.layers.calls import unmasked
from converter.direct.registry import Result, layer, operation

# Operations that keep the dtype of what they are called on.
KEEP = {
    "Abs": "Abs",
    "Absolute": "Abs",
    "Erf": "Erf",
    "Erfc": "Erfc",
    "Negative": "Neg",
    "Reciprocal": "Reciprocal",
    "Relu": "Relu",
    "Relu6": "Relu6",
    "Selu": "Selu",
    "Sigmoid": "Sigmoid",
    "Sign": "Sign",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "Square": "Square",
}
# Operations that make floats of whole numbers.
FLOATING = {
    "Arccos": "Acos",
    "Arccosh": "Acosh",
    "Arcsin": "Asin",
    "Arcsinh": "Asinh",
    "Arctan": "Atan",
    "Arctanh": "Atanh",
    "Ceil": "Ceil",
    "Cos": "Cos",
    "Cosh": "Cosh",
    "Exp": "Exp",
    "Expm1": "Expm1",
    "Floor": "Floor",
    "Log": "Log",
    "Log1p": "Log1p",
    "Sin": "Sin",
    "Sinh": "Sinh",
    "Sqrt": "Sqrt",
    "Tan": "Tan",
    "Tanh": "Tanh",
}
BINARY = {
    "FloorDivide": "FloorDiv",
    "Maximum": "Maximum",
    "Minimum": "Minimum",
    "Multiply": "Mul",
    "Power": "Pow",
    "Subtract": "Sub",
}
COMPARISONS = {
    "Equal": "Equal",
    "Greater": "Greater",
    "GreaterEqual": "GreaterEqual",
    "Less": "Less",
    "LessEqual": "LessEqual",
    "NotEqual": "NotEqual",
}
LOGICAL = {"LogicalAnd": "LogicalAnd", "LogicalOr": "LogicalOr"}
TESTS = {"Isfinite": "IsFinite", "Isinf": "IsInf", "Isnan": "IsNan"}
# Operations without arguments that are activations of the same name.
ACTIVATIONS = {
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LogSigmoid": "log_sigmoid",
    "Mish": "mish",
    "Silu": "swish",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "TanhShrink": "tanh_shrink",
}


def keras3(*class_names: str) -> Callable[[Function], Function]:
    """Register the function of operations; it takes a call's arguments and then the config's."""

    def register(function: Function) -> Function:
        def build(call: Call) -> Result:
            made = {k: v for k, v in call.config.values.items() if k != "name"}
            named: Mapping[str, Any] = {k: given(v) for k, v in call.kwargs.items()}
            return unmasked(call, function(call, *map(given, call.args), **named, **made))

        layer(*map(operation, class_names), masks="own", autocast=False)(build)
        return function

    return register


def _keep(op: str) -> Function:
    return lambda call, x: ops.unary(op, tensor(call, x))


def _floating(op: str) -> Function:
    return lambda call, x: ops.unary(op, floating(tensor(call, x)))


def _binary(op: str) -> Function:
    return lambda call, x1, x2: call.graph.binary(op, *promoted(call, x1, x2))


def _comparison(op: str) -> Function:
    return lambda call, x1, x2: ops.compare(op, *promoted(call, x1, x2, strong=True))


def _logical(op: str) -> Function:
    def build(call: Call, x1: Any, x2: Any) -> Tensor:
        a, b = (_bool(call, x) for x in (x1, x2))
        return call.graph.one(op, [a, b], "bool", broadcast(a.shape, b.shape))

    return build


def _bool(call: Call, x: Any) -> Tensor:
    return as_tensor(call, x, "bool")


def _activation(name: str) -> Function:
    return lambda call, x: activations.ACTIVATIONS[name](tensor(call, x), call.meaning)


for _table, _make in (
    (KEEP, _keep),
    (FLOATING, _floating),
    (BINARY, _binary),
    (COMPARISONS, _comparison),
    (LOGICAL, _logical),
    (TESTS, elementwise.test),
    (ACTIVATIONS, _activation),
):
    for _class, _op in _table.items():
        keras3(_class)(_make(_op))


@keras3("Add")
def add(call: Call, x1: Any, x2: Any) -> Tensor:
    """x1 + x2. A vector, however it lies, is added along the last or else the second dimension that
    is as long: so does the backend, also where broadcasting would add it elsewhere.
    """
    a, b = promoted(call, x1, x2)
    long = [d for d in b.shape if d != 1]
    if a.rank < 2 or len(long) != 1 or long[0] is None or long[0] not in (a.shape[1], a.shape[-1]):
        return a + b
    if a.shape[-1] == long[0]:
        return ops.bias_add(a, ops.reshape(b, [-1]))
    return a + ops.reshape(b, [-1] + [1] * (a.rank - 2))


@keras3("Divide", "TrueDivide")
def divide(call: Call, x1: Any, x2: Any) -> Tensor:
    """x1 / x2, of floats."""
    a, b = promoted(call, x1, x2, floating=True)
    return a / b


@keras3("Mod")
def mod(call: Call, x1: Any, x2: Any) -> Tensor:
    """What is left after division."""
    a, b = promoted(call, x1, x2, strong=True)
    return call.graph.binary("FloorMod", a, b)


@keras3("Arctan2")
def arctan2(call: Call, x1: Any, x2: Any) -> Tensor:
    """The angle of the point (x2, x1)."""
    a, b = promoted(call, x1, x2, strong=True, floating=True)
    return call.graph.binary("Atan2", a, b)


@keras3("LogicalNot")
def logical_not(call: Call, x: Any) -> Tensor:
    """Not x."""
    return ops.logical_not(_bool(call, x))


@keras3("LogicalXor")
def logical_xor(call: Call, x1: Any, x2: Any) -> Tensor:
    """One, but not both."""
    return elementwise.logical_xor(call, _bool(call, x1), _bool(call, x2))


@keras3("Where")
def where(call: Call, condition: Any, x1: Any, x2: Any) -> Tensor:
    """x1 where the condition holds, else x2."""
    return elementwise.where(call, _bool(call, condition), *promoted(call, x1, x2))


@keras3("Clip")
def clip(call: Call, x: Any, x_min: Any, x_max: Any) -> Tensor:
    """x, at least the one and at most the other."""
    return elementwise.clip_by_value(call, x, given(x_min), given(x_max))


@keras3("Cast")
def cast(call: Call, x: Any, dtype: str) -> Tensor:
    """x in another dtype."""
    return ops.cast(tensor(call, x), dtype)


@keras3("Round")
def round_(call: Call, x: Any, decimals: int = 0) -> Tensor:
    """x rounded to so many decimals."""
    value = tensor(call, x)
    if not decimals:
        return ops.unary("Round", value)
    if abs(decimals) > 30:
        raise ValueError(f"numbers rounded to {decimals} decimals")
    factor = 10.0**decimals
    return ops.unary("Round", floating(value) * factor) / factor


@keras3("Rsqrt")
def rsqrt(call: Call, x: Any) -> Tensor:
    """1 / sqrt(x)."""
    return elementwise.rsqrt(call, x)


@keras3("Log2")
def log2(call: Call, x: Any) -> Tensor:
    """The logarithm to base 2."""
    return ops.unary("Log", floating(tensor(call, x))) / float(np.log(2.0))


@keras3("Log10")
def log10(call: Call, x: Any) -> Tensor:
    """The logarithm to base 10."""
    return ops.unary("Log", floating(tensor(call, x))) / float(np.log(10.0))


@keras3("ReLU")
def relu(
    call: Call,
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Tensor:
    """relu with all its arguments."""
    return activations.relu(tensor(call, x), negative_slope, max_value, threshold)


@keras3("LeakyRelu")
def leaky_relu(call: Call, x: Any, negative_slope: float = 0.2) -> Tensor:
    """x above 0, a part of it below."""
    return activating.leaky_relu(call, x, negative_slope)


@keras3("Elu")
def elu(call: Call, x: Any, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha (e^x - 1) below."""
    return activations.elu(tensor(call, x), alpha)


@keras3("Celu")
def celu(call: Call, x: Any, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha (e^(x / alpha) - 1) below."""
    value = tensor(call, x)
    below = ops.unary("Expm1", ops.minimum(value, 0.0) / alpha)
    return ops.maximum(value, 0.0) + below * alpha


@keras3("Gelu")
def gelu(call: Call, x: Any, approximate: bool = True) -> Tensor:
    """x times the normal distribution's share below x."""
    return activations.gelu(tensor(call, x), approximate=approximate)


@keras3("Glu")
def glu(call: Call, x: Any, axis: int = -1) -> Tensor:
    """One half, as far as the other lets it through."""
    value = tensor(call, x)
    left, right = ops.split(value, 2, axis_of(axis, value.rank))
    return left * activations.sigmoid(right)


@keras3("SoftShrink")
def soft_shrink(call: Call, x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0."""
    return activations.soft_shrink(tensor(call, x), threshold)


@keras3("HardShrink")
def hard_shrink(call: Call, x: Any, threshold: float = 0.5) -> Tensor:
    """x, but 0 where it is near to that."""
    return activations.hard_shrink(tensor(call, x), threshold)


@keras3("Squareplus")
def squareplus(call: Call, x: Any, b: float = 4) -> Tensor:
    """(x + sqrt(x² + b)) / 2."""
    return activations.squareplus(tensor(call, x), b)


@keras3("Softmax")
def softmax(call: Call, x: Any, axis: Any = -1) -> Tensor:
    """Softmax along an axis, or over all of x."""
    if axis is None:
        raise ValueError("a softmax over all axes")
    return activating.softmax(call, x, axis)


@keras3("LogSoftmax")
def log_softmax(call: Call, x: Any, axis: Any = -1) -> Tensor:
    """The logarithm of softmax."""
    if axis is None:
        raise ValueError("a softmax over all axes")
    return activating.log_softmax(call, x, axis)


@keras3("StopGradient", "Copy")
def same(call: Call, x: Any) -> Tensor:
    """x."""
    return tensor(call, x).with_mask(None)


@keras3("ConvertToTensor")
def convert_to_tensor(
    call: Call, x: Any, dtype: str | None = None, sparse: Any = None, ragged: Any = None
) -> Tensor:
    """x, in another dtype if one is told."""
    if sparse or ragged:
        raise ValueError("a sparse or ragged tensor")
    value = tensor(call, x)
    return value if dtype is None else ops.cast(value, dtype)
