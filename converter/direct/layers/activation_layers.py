"""Activations that are layers of their own.

Source: keras/layers/advanced_activations.py of Keras 2.2.4, layers/activation of Keras 2.15 and
layers/activations of 3.15.
"""

from __future__ import annotations

from converter.direct import activations, ops
from converter.direct.call import Call
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.layers.normalization import axes_of
from converter.direct.registry import layer

# What is added to a masked logit, by dtype. Source: Softmax of Keras 2.15.
MASKED = {"float16": -65504.0 / 2}


def _optional(config: Config, key: str) -> float | None:
    return None if config.get(key, None) is None else config.number(key)


@layer("ReLU")
def relu(call: Call) -> Tensor:
    """max(x, 0), with a slope below a threshold and a limit above."""
    slope = call.config.number("negative_slope", 0.0)
    limit = _optional(call.config, "max_value")
    threshold = call.config.number("threshold", 0.0)
    if limit is None and not threshold:
        return _leaky(call, slope)
    return activations.relu(call.x, slope, limit, threshold)


@layer("LeakyReLU")
def leaky_relu(call: Call) -> Tensor:
    """x above 0, a fraction of it below; Keras 3 has another name for the fraction."""
    return _leaky(call, call.config.number("alpha", call.config.number("negative_slope", 0.3)))


def _leaky(call: Call, slope: float) -> Tensor:
    if slope > 1 and call.meaning.of("steep_slope") == "unsure":
        raise call.refuse(f"its slope is {slope}, and TensorFlows differ in slopes above 1")
    return activations.relu(call.x, slope)


@layer("PReLU", weights=["alpha"])
def prelu(call: Call) -> Tensor:
    """x above 0, a learned fraction of it below."""
    x = call.x
    return ops.unary("Relu", x) - call.variable("alpha") * ops.unary("Relu", -x)


@layer("ELU")
def elu(call: Call) -> Tensor:
    """x above 0, alpha (e^x - 1) below."""
    return activations.elu(call.x, call.config.number("alpha", 1.0))


@layer("ThresholdedReLU")
def thresholded_relu(call: Call) -> Tensor:
    """x above theta, 0 below."""
    return activations.relu(call.x, start=call.config.number("theta", 1.0))


@layer("Softmax")
def softmax(call: Call) -> Tensor:
    """e^x, made to sum to 1 along one axis or several; masked values are left out."""
    x, mask = call.x, _mask(call)
    if mask is not None:
        x = x + (1.0 - ops.cast(mask, x.dtype)) * MASKED.get(x.dtype, -1e9)
    axes = axes_of(call, x.rank)
    result = ops.softmax(x, axes[0]) if len(axes) == 1 else _joint_softmax(x, axes)
    if mask is not None and call.meaning.of("softmax_mask") == "zeroed":
        result = result * ops.cast(mask, x.dtype)
    return result


def _mask(call: Call) -> Tensor | None:
    """The mask that counts."""
    rule = call.meaning.of("softmax_mask")
    if call.mask is None or rule == "ignored":
        return None
    if rule == "unsure" and call.kwargs.get("mask") is None:
        raise call.refuse("its input is masked, which TensorFlow 2.3 ignores and 2.4 does not")
    return call.mask


def _joint_softmax(x: Tensor, axes: list[int]) -> Tensor:
    powers = ops.unary("Exp", x - ops.reduce("Max", x, axes, keep=True))
    return powers / ops.reduce("Sum", powers, axes, keep=True)
