"""Convolutions: plain, in groups, by channels, and separable.

Source: keras/layers/convolutional.py of Keras 2.2.4 and keras/layers/convolutional/ of 2.15 and
3.15; for Theano's files keras/backend/theano_backend.py of Keras 2.2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.layers.places import enter, leave, numbers, padding_of, rank_of, theano
from converter.direct.ops import spatial
from converter.direct.registry import layer
from converter.direct.weights import Array


@dataclass(frozen=True)
class Slide:
    """How a window moves over an entered input."""

    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: str

    @property
    def reach(self) -> tuple[int, ...]:
        """How far the window's last place is from its first."""
        return tuple((w - 1) * d for w, d in zip(self.window, self.dilations, strict=True))


def conv_weights(config: Config) -> Sequence[str]:
    """A kernel, and a bias unless the config says no."""
    return ["kernel", *["bias"] * config.flag("use_bias", True)]


def depthwise_weights(config: Config) -> Sequence[str]:
    """A kernel for the channels, and a bias."""
    return ["depthwise_kernel", *["bias"] * config.flag("use_bias", True)]


def separable_weights(config: Config) -> Sequence[str]:
    """A kernel for the channels, one to mix them, and a bias."""
    both = ["depthwise_kernel", "pointwise_kernel"]
    return [*both, *["bias"] * config.flag("use_bias", True)]


def slide(call: Call, rank: int) -> Slide:
    """The config's window. Raises NotDirect for strides with dilations, which no Keras has."""
    made = Slide(
        numbers(call, "kernel_size", rank),
        numbers(call, "strides", rank, 1),
        numbers(call, "dilation_rate", rank, 1),
        padding_of(call),
    )
    if max(made.strides) > 1 and max(made.dilations) > 1:
        raise call.refuse("it has both strides and dilations")
    return made


def turn(array: Array) -> Array:
    """A kernel turned around in its places, as Theano's convolutions see it."""
    return array[(slice(None, None, -1),) * (array.ndim - 2)]


def kernel_of(call: Call, role: str, rank: int) -> Tensor:
    """A kernel as TensorFlow wants it; that of a line is for a row of one."""
    if len(call.stored_shape(role)) != rank + 2:
        raise call.refuse(f"its '{role}' has the shape {call.stored_shape(role)}")
    kernel = call.variable(role, change=turn if theano(call) else None)
    return ops.expand_dims(kernel, 0) if rank == 1 else kernel


def padded(call: Call, x: Tensor, by: Slide) -> tuple[Tensor, str]:
    """The input, and how TensorFlow is to pad it.

    Causal: all before the first place. Theano pads half the window on either side, also where
    TensorFlow would put less before the first place; what is too much behind is not seen.
    """
    if by.padding == "CAUSAL":
        return ops.pad(x, [(0, 0), *((reach, 0) for reach in by.reach), (0, 0)]), "VALID"
    if by.padding == "SAME" and theano(call):
        halves = [((reach + 1) // 2, reach // 2) for reach in by.reach]
        if max(by.strides) > 1 or any(before != after for before, after in halves):
            return ops.pad(x, [(0, 0), *halves, (0, 0)]), "VALID"
    return x, by.padding


def finish(call: Call, rank: int, y: Tensor) -> Tensor:
    """The bias added, the form of the input, the activation."""
    if call.has("bias"):
        if call.config.channels_first() and call.meaning.of("first_bias") == "unsure":
            _check_bias(call, y)
        y = ops.bias_add(y, call.variable("bias"))
    return call.activation(leave(call, rank, y))


def _check_bias(call: Call, y: Tensor) -> None:
    """Refuse what the writer's Keras answers in two ways: the last places as many as filters."""
    filters, places = y.shape[-1], y.shape[-2]
    if filters != 1 and places in (None, filters):
        raise call.refuse("its Keras may add the bias along the last places, not to the channels")


@layer("Conv1D", "Conv2D", "Conv3D", weights=conv_weights, masks="stop")
def conv(call: Call) -> Tensor:
    """activation(x convolved with kernel + bias), in groups of channels if the config says so."""
    rank = rank_of(call)
    by = slide(call, rank)
    x, padding = padded(call, enter(call, rank), by)
    kernel = kernel_of(call, "kernel", rank)
    groups = call.config.integer("groups", 1)
    if groups > 1:
        return finish(call, rank, _grouped(x, kernel, by, padding, groups))
    return finish(call, rank, spatial.conv(x, kernel, by.strides, padding, by.dilations))


def _grouped(x: Tensor, kernel: Tensor, by: Slide, padding: str, groups: int) -> Tensor:
    """Every group of channels with its own filters; there are no such kernels for processors.

    A group for each channel is a convolution by channels, the filters in the same order.
    """
    filters = kernel.shape[-1] or 0
    strides = _equal(by.strides, row=x.shape[1] == 1)
    if groups == x.shape[-1] and len(by.window) == 2 and strides:
        each = ops.reshape(kernel, [*by.window, groups, filters // groups])
        return spatial.depthwise_conv(x, each, strides, padding, by.dilations)
    parts = zip(ops.split(x, groups, -1), ops.split(kernel, groups, -1), strict=True)
    made = [spatial.conv(part, own, by.strides, padding, by.dilations) for part, own in parts]
    return ops.concat(made, -1)


def _equal(strides: tuple[int, ...], *, row: bool) -> tuple[int, ...] | None:
    """Strides as convolutions by channels take them, equal, or None; between the places of a row
    of one, any will do.
    """
    return strides[-1:] * len(strides) if row or len(set(strides)) == 1 else None


def _by_channels(call: Call, rank: int) -> Tensor:
    """Every channel convolved with its own filters."""
    by = slide(call, rank)
    strides = _equal(by.strides, row=rank == 1)
    if strides is None:
        raise call.refuse(f"its 'strides' are {by.strides}, and TensorFlow wants them equal")
    x, padding = padded(call, enter(call, rank), by)
    kernel = kernel_of(call, "depthwise_kernel", rank)
    return spatial.depthwise_conv(x, kernel, strides, padding, by.dilations)


@layer("DepthwiseConv1D", "DepthwiseConv2D", weights=depthwise_weights, masks="stop")
def depthwise_conv(call: Call) -> Tensor:
    """activation(every channel convolved with its own filters + bias)."""
    rank = rank_of(call)
    return finish(call, rank, _by_channels(call, rank))


@layer("SeparableConv1D", "SeparableConv2D", weights=separable_weights, masks="stop")
def separable_conv(call: Call) -> Tensor:
    """activation(channels convolved each on their own, then mixed place by place + bias)."""
    rank = rank_of(call)
    apart = _by_channels(call, rank)
    mixed = spatial.conv(apart, kernel_of(call, "pointwise_kernel", rank), (1, 1), "VALID")
    return finish(call, rank, mixed)
