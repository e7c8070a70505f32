"""Layers that only Keras 1 has, under names that no file gives a layer: see keras1.py.

Source: keras/layers/ and engine/topology.py (Merge) of Keras 1.2.2.
"""

from __future__ import annotations

import numpy as np

from converter.direct import ops
from converter.direct.activations import sigmoid, softplus
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.keras1_layers import OWN
from converter.direct.layers.convolution import Slide, finish, turn
from converter.direct.layers.normalization import axes_of, moments, parameter
from converter.direct.layers.places import enter, numbers, padding_of, theano
from converter.direct.ops import spatial
from converter.direct.registry import layer
from converter.direct.weights import Array

# Of Keras 1: 10e-8.
EPSILON = 1e-7


@layer(OWN + "Highway")
def highway(call: Call) -> Tensor:
    """t · activation(x · W + b) + (1 - t) · x, where t = sigmoid(x · W_carry + b_carry)."""
    x = call.x
    t = sigmoid(_affine(call, x, "W_carry", "b_carry"))
    return call.activation(_affine(call, x, "W", "b")) * t + (1.0 - t) * x


def _affine(call: Call, x: Tensor, kernel: str, bias: str) -> Tensor:
    y = ops.dot(x, call.variable(kernel))
    return ops.bias_add(y, call.variable(bias)) if call.has(bias) else y


@layer(OWN + "MaxoutDense")
def maxout_dense(call: Call) -> Tensor:
    """The largest of several x · W + b, number by number; all of them in one product."""
    features, size, units = call.stored_shape("W")

    def side_by_side(kernels: Array) -> Array:
        return np.transpose(kernels, (1, 0, 2)).reshape(size, features * units)

    y = ops.dot(call.x, call.variable("W", side_by_side, [size, features * units]))
    if call.has("b"):
        flat = call.variable("b", lambda biases: biases.reshape(-1), [features * units])
        y = ops.bias_add(y, flat)
    return ops.reduce("Max", ops.reshape(y, [-1, features, units]), 1)


@layer(OWN + "ParametricSoftplus")
def parametric_softplus(call: Call) -> Tensor:
    """alphas · softplus(betas · x)."""
    return softplus(call.variable("betas") * call.x) * call.variable("alphas")


@layer(OWN + "SReLU")
def s_relu(call: Call) -> Tensor:
    """x, but of other slopes below t_left and above t_left + |t_right|."""
    x = call.x
    left, slope = call.variable("t_left"), call.variable("a_left")
    right = left + ops.unary("Abs", call.variable("t_right"))
    inside = ops.minimum(ops.unary("Relu", x - left), right - left)
    below = ops.unary("Relu", left - x) * slope
    above = ops.unary("Relu", x - right) * call.variable("a_right")
    return left + (inside - below) + above


@layer(OWN + "BatchNormalization")
def batch_normalization(call: Call) -> Tensor:
    """Mode 1: every vector by its own mean and deviation. Mode 2: by those of what is asked."""
    x = call.x
    epsilon = call.config.number("epsilon", 1e-3)
    if call.config.integer("mode") == 1:
        centred, variance = moments(x, [-1])
        deviation = ops.unary("Sqrt", variance + epsilon)
        return centred / (deviation + epsilon) * call.variable("gamma") + call.variable("beta")
    if call.config.integer("mode") != 2:
        raise call.refuse(f"its 'mode' is {call.config.integer('mode')}")
    (axis,) = axes_of(call, x.rank)
    centred, variance = moments(x, [a for a in range(x.rank) if a != axis])
    shape = [-1 if a == axis else 1 for a in range(x.rank)]
    shape[axis] = call.stored_shape("gamma")[0]
    scale = ops.unary("Rsqrt", variance + epsilon) * parameter(call, "gamma", x, shape)
    return centred * scale + parameter(call, "beta", x, shape)


@layer(OWN + "Merge", masks="stop")
def merge(call: Call) -> Tensor:
    """A product of two tensors along an axis each, or the cosine of the angle between them."""
    if len(call.inputs) != 2:
        raise call.refuse(f"it is called on {len(call.inputs)} tensors, not two")
    x, y = call.inputs
    axes = _axes(call, x, y)
    if call.config.text("mode") == "dot":
        return _product(x, y, axes)
    if x.rank > 2:
        raise call.refuse("its 'mode' is 'cos', of matrices, whose squares may be negative")
    squares = _product(x, x, axes) * _product(y, y, axes)
    lengths = ops.maximum(ops.unary("Sqrt", squares), EPSILON)
    return ops.expand_dims(_product(x, y, axes) / lengths, 1)


def _axes(call: Call, x: Tensor, y: Tensor) -> tuple[int, int]:
    """`dot_axes`, counted from the front; a negative number stands for both tensors' own."""
    given = call.config.get("dot_axes", -1)
    first, second = given if isinstance(given, list) else [given, given]
    if isinstance(given, int) and given < 0:
        first, second = first % x.rank, second % y.rank
    # Keras 1 multiplies the last two dimensions, whatever the axis is.
    if x.rank != y.rank or x.rank > 3 or not {first, second} <= set(range(1, x.rank)):
        raise call.refuse(f"its 'dot_axes' are {given!r}, of tensors of rank {x.rank}, {y.rank}")
    return first, second


def _product(x: Tensor, y: Tensor, axes: tuple[int, int]) -> Tensor:
    """Row by row: of vectors their inner product, of matrices their product."""
    if x.rank == 2:
        return ops.reduce("Sum", x * y, 1, keep=True)
    return ops.batch_matmul(x, y, adj_x=axes[0] == 1, adj_y=axes[1] == 2)


@layer(OWN + "Deconvolution2D", masks="stop")
def deconvolution(call: Call) -> Tensor:
    """activation(x spread by the kernel to the places that the config says + bias)."""
    by = Slide(
        numbers(call, "kernel_size", 2), numbers(call, "strides", 2, 1), (1, 1), padding_of(call)
    )
    odd = all(size % 2 for size in by.window) and max(by.strides) == 1
    if theano(call) and by.padding == "SAME" and not odd:
        raise call.refuse("it was written with Theano, which pads otherwise")
    whole = [int(size) for size in call.config.get("output_shape")[1:]]
    sizes = whole[1:] if call.config.channels_first() else whole[:2]
    stored = call.stored_shape("kernel")

    def change(kernel: Array) -> Array:
        return np.swapaxes(turn(kernel) if theano(call) else kernel, -1, -2)

    kernel = call.variable("kernel", change, [*stored[:2], stored[3], stored[2]])
    y = spatial.conv_transpose(enter(call, 2), kernel, sizes, by.strides, by.padding)
    return finish(call, 2, y)
