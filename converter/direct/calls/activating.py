"""Activations as functions; those that are one operation are in `elementwise`."""

from __future__ import annotations

from typing import Any

from converter.direct import activations, ops
from converter.direct.call import Call
from converter.direct.calls.operands import axis as axis_of
from converter.direct.calls.operands import tensor
from converter.direct.calls.table import function
from converter.direct.graph import Tensor


@function("nn.leaky_relu")
def leaky_relu(call: Call, features: Any, alpha: Any = 0.2) -> Tensor:
    """x above 0, alpha x below."""
    x = tensor(call, features)
    if isinstance(alpha, int | float) and not 0 <= alpha <= 1:
        return activations.relu(x, slope=float(alpha))
    return ops.maximum(x, x * alpha)


@function("nn.gelu keras.activations.gelu")
def gelu(call: Call, features: Any, approximate: bool = False) -> Tensor:
    """x times the normal distribution's share below x."""
    return activations.gelu(tensor(call, features), approximate=approximate)


@function("nn.silu nn.swish keras.activations.swish keras.activations.silu")
def silu(call: Call, features: Any, beta: Any = 1.0) -> Tensor:
    """x sigmoid(beta x)."""
    x = tensor(call, features)
    return x * activations.sigmoid(x if beta == 1.0 else x * beta)


@function("nn.softmax math.softmax keras.activations.softmax")
def softmax(call: Call, logits: Any, axis: Any = None) -> Tensor:
    """Softmax along an axis, the last by default."""
    x = tensor(call, logits)
    return ops.softmax(x, -1 if axis is None else axis_of(axis, x.rank))


@function("nn.log_softmax math.log_softmax")
def log_softmax(call: Call, logits: Any, axis: Any = None) -> Tensor:
    """The logarithm of softmax along an axis."""
    x = tensor(call, logits)
    place = x.rank - 1 if axis is None else axis_of(axis, x.rank)
    order = [i for i in range(x.rank) if i != place] + [place]
    back = [order.index(i) for i in range(x.rank)]
    return ops.transpose(ops.unary("LogSoftmax", ops.transpose(x, order)), back)


@function("nn.crelu")
def crelu(call: Call, features: Any, axis: Any = -1) -> Tensor:
    """relu(x) and relu(-x) side by side."""
    x = tensor(call, features)
    return ops.unary("Relu", ops.concat([x, -x], axis_of(axis, x.rank)))


@function("math.log_sigmoid")
def log_sigmoid(call: Call, x: Any) -> Tensor:
    """The logarithm of sigmoid."""
    return -activations.softplus(-tensor(call, x))


@function("keras.activations.hard_sigmoid hard_sigmoid")
def hard_sigmoid(call: Call, x: Any) -> Tensor:
    """A straight line cut to 0..1."""
    return activations.hard_sigmoid(tensor(call, x), call.meaning)


@function("keras.activations.linear")
def linear(call: Call, x: Any) -> Tensor:
    """x."""
    return tensor(call, x)
