"""Activations by their Keras names, as formulas of operations that every TensorFlow has.

Source: keras/activations.py of Keras 2.2.4, 2.15 and 3.15.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.meanings import Meaning

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
# Of Keras 2 and 3 alike.
LEAKY_RELU_SLOPE = 0.2


def relu(x: Tensor, slope: float = 0.0, limit: float | None = None, start: float = 0.0) -> Tensor:
    """max(x, 0) with a slope below `start` and a limit above (the layer ReLU's parameters)."""
    if not slope and not start:
        if limit == 6:
            return ops.unary("Relu6", x)
        positive = ops.unary("Relu", x)
        return positive if limit is None else ops.minimum(positive, limit)
    if 0 < slope <= 1 and limit is None and not start:
        return ops.maximum(x * slope, x)
    above = ops.cast(ops.greater(x, start), x.dtype)
    positive = x * above if start else ops.unary("Relu", x)
    if limit is not None:
        positive = ops.clip(positive, 0.0, limit)
    return positive - ops.unary("Relu", start - x) * slope if slope else positive


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha (e^x - 1) below."""
    whole = ops.unary("Elu", x)
    if alpha == 1.0:
        return whole
    return ops.select(ops.greater(x, 0.0), whole, whole * alpha)


def hard_sigmoid(x: Tensor, meaning: Meaning) -> Tensor:
    """A straight line cut to 0..1, as steep as the writer's Keras makes it."""
    if meaning.of("hard_sigmoid") == "sixth":
        return ops.unary("Relu6", x + 3.0) / 6.0
    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def gelu(x: Tensor, *, approximate: bool = False) -> Tensor:
    """x times the normal distribution's share below x."""
    if approximate:
        inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
        return x * 0.5 * (ops.unary("Tanh", inner) + 1.0)
    return x * 0.5 * (ops.unary("Erf", x / math.sqrt(2)) + 1.0)


def softplus(x: Tensor) -> Tensor:
    """log(e^x + 1)."""
    return ops.unary("Softplus", x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    return ops.unary("Sigmoid", x)


def softmax(x: Tensor) -> Tensor:
    """Softmax along the last axis."""
    return ops.softmax(x)


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold."""
    return ops.unary("Relu", x - threshold) - ops.unary("Relu", -x - threshold)


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """x, but 0 where it is within the threshold."""
    return x * ops.cast(ops.greater(ops.unary("Abs", x), threshold), x.dtype)


def squareplus(x: Tensor, b: float = 4.0) -> Tensor:
    """(x + sqrt(x² + b)) / 2."""
    return (x + ops.unary("Sqrt", x * x + b)) / 2.0


def sparse_plus(x: Tensor) -> Tensor:
    """0 below -1, x above 1, (x + 1)² / 4 between."""
    between = ops.square(ops.clip(x, -1.0, 1.0) + 1.0) / 4.0
    return between + ops.unary("Relu", x - 1.0)


# By name; each takes the input and what the writer means.
ACTIVATIONS: dict[str, Callable[[Tensor, Meaning], Tensor]] = {
    "linear": lambda x, _: x,
    "relu": lambda x, _: relu(x),
    "relu6": lambda x, _: relu(x, limit=6),
    "leaky_relu": lambda x, _: relu(x, slope=LEAKY_RELU_SLOPE),
    "elu": lambda x, _: elu(x),
    "celu": lambda x, _: elu(x),
    "selu": lambda x, _: ops.unary("Selu", x),
    "softmax": lambda x, _: softmax(x),
    "log_softmax": lambda x, _: ops.unary("LogSoftmax", x),
    "softplus": lambda x, _: softplus(x),
    "softsign": lambda x, _: ops.unary("Softsign", x),
    "tanh": lambda x, _: ops.unary("Tanh", x),
    "sigmoid": lambda x, _: sigmoid(x),
    "log_sigmoid": lambda x, _: -softplus(-x),
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda x, meaning: x * hard_sigmoid(x, meaning),
    "hard_tanh": lambda x, _: ops.clip(x, -1.0, 1.0),
    "exponential": lambda x, _: ops.unary("Exp", x),
    "swish": lambda x, _: x * sigmoid(x),
    "mish": lambda x, _: x * ops.unary("Tanh", softplus(x)),
    "gelu": lambda x, _: gelu(x),
    "glu": lambda x, _: _glu(x),
    "tanh_shrink": lambda x, _: x - ops.unary("Tanh", x),
    "soft_shrink": lambda x, _: soft_shrink(x),
    "hard_shrink": lambda x, _: hard_shrink(x),
    "squareplus": lambda x, _: squareplus(x),
    "sparse_plus": lambda x, _: sparse_plus(x),
    "sparse_sigmoid": lambda x, _: ops.clip(x * 0.5 + 0.5, 0.0, 1.0),
}
# Other names of the same.
ALIASES = {"silu": "swish", "hard_swish": "hard_silu", "hardtanh": "hard_tanh"}


def _glu(x: Tensor) -> Tensor:
    left, right = ops.split(x, 2, -1)
    return left * sigmoid(right)


def apply(call: Call, given: Any, x: Tensor) -> Tensor:
    """The activation that a config gives: a name, nothing, or a layer. Raises NotDirect."""
    if isinstance(given, dict):
        inner = given.get("config")
        if not isinstance(inner, str):
            return call.run(given, [x])[0]
        given = inner  # Keras 3 wraps functions' names
    name = "linear" if given is None else given
    found = ACTIVATIONS.get(ALIASES.get(name, name)) if isinstance(name, str) else None
    if found is None:
        raise call.refuse(f"its activation is {given!r}")
    return found(x, call.meaning)
