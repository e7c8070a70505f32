"""Pooling over windows and over all places.

Source: keras/layers/pooling.py of Keras 2.2.4, keras/layers/pooling/ of 2.15 and 3.15.
"""

from __future__ import annotations

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers.places import (
    enter,
    leave,
    numbers,
    padding_of,
    rank_of,
    spatial_axes,
    theano,
)
from converter.direct.ops import spatial
from converter.direct.registry import layer


def _max(call: Call) -> bool:
    return "Max" in call.layer.class_name


@layer(
    *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D"),
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
    masks="stop",
)
def pooling(call: Call) -> Tensor:
    """The largest or the mean of every window; padding does not count."""
    rank = rank_of(call)
    window = numbers(call, "pool_size", rank, 2)
    given = call.config.get("strides", None) is not None
    strides = numbers(call, "strides", rank) if given else window
    padding = padding_of(call)
    if padding == "CAUSAL" or (padding == "SAME" and theano(call)):
        raise call.refuse("its 'padding' is not TensorFlow's")
    x = enter(call, rank)
    op = "MaxPool" if _max(call) else "AvgPool"
    return leave(call, rank, spatial.pool(op, x, window, strides, padding))


@layer(
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    masks="stop",
)
def global_pooling(call: Call) -> Tensor:
    """The largest or the mean of all places; of steps, only those that are not masked."""
    rank = rank_of(call)
    axes = spatial_axes(call, rank)
    keep = call.config.flag("keepdims", False)
    mask = call.mask
    if _max(call):
        return ops.reduce("Max", call.x, axes, keep=keep)
    if mask is None or rank > 1:
        return ops.reduce("Mean", call.x, axes, keep=keep)
    if call.config.channels_first():
        # Keras 2.3 and TensorFlow 1.15 take the mask for one of the channels then.
        raise call.refuse("it has a mask, and its channels come first")
    return _masked_mean(call.x, mask, keep=keep)


def _masked_mean(x: Tensor, mask: Tensor, *, keep: bool) -> Tensor:
    """The mean of the steps that are not masked."""
    kept = ops.expand_dims(ops.cast(mask, x.dtype), 2)
    total = ops.reduce("Sum", x * kept, 1, keep=keep)
    return total / ops.reduce("Sum", kept, 1, keep=keep)
