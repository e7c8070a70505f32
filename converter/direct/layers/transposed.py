"""Transposed convolutions: a place is spread over a window.

Source: keras/layers/convolutional.py and keras/utils/conv_utils.deconv_length of Keras 2.2.4;
keras/layers/convolutional/ of 2.15; keras/src/backend/common/backend_utils.py of 3.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers.convolution import (
    Slide,
    conv_weights,
    finish,
    kernel_of,
    slide,
    turn,
)
from converter.direct.layers.places import enter, rank_of, theano
from converter.direct.ops import spatial
from converter.direct.ops.shaping import Dim
from converter.direct.registry import layer
from converter.direct.weights import Array


@layer(
    *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    weights=conv_weights,
    masks="stop",
)
def conv_transpose(call: Call) -> Tensor:
    """activation(x spread by the kernel + bias)."""
    rank = rank_of(call)
    by = slide(call, rank)
    if call.meaning.of("spread_dilations") == "ignored":
        by = replace(by, dilations=(1,) * len(by.window))
    if by.padding == "CAUSAL":
        raise call.refuse("its 'padding' is 'causal'")
    if theano(call) and by.padding == "SAME" and max(by.strides) > 1:
        raise call.refuse("it has strides and was written with Theano, which pads otherwise")
    extra = _extra(call, rank, by)
    x = enter(call, rank)
    if max(by.dilations) > 1:
        return finish(call, rank, _dilated(call, rank, by, x))
    sizes = [
        _spread(ops.dim(x, axis), w, s, by.padding, e)
        for axis, (w, s, e) in enumerate(zip(by.window, by.strides, extra, strict=True), start=1)
    ]
    kernel = kernel_of(call, "kernel", rank)
    return finish(call, rank, spatial.conv_transpose(x, kernel, sizes, by.strides, by.padding))


def _extra(call: Call, rank: int, by: Slide) -> Sequence[int | None]:
    """The config's output_padding, which must lead back to as many places as there are."""
    if call.config.get("output_padding", None) is None:
        return [None] * len(by.window)
    given = call.config.integers("output_padding", rank)
    extra = (0, *given) if rank == 1 else given
    for stride, reach, more in zip(by.strides, by.reach, extra, strict=True):
        even = by.padding == "SAME" and reach % 2 == 1
        if not 0 <= more < stride or (even and more == 0):
            raise call.refuse(f"its 'output_padding' is {given}, which does not fit")
    return extra


def _spread(size: Dim, window: int, stride: int, padding: str, extra: int | None) -> Dim:
    """How many places `size` places are spread over."""
    if extra is None:
        more = max(window - stride, 0) if padding == "VALID" else 0
    else:
        more = (window if padding == "VALID" else window % 2) + extra - stride
    return size * stride + more if more else size * stride


def _dilated(call: Call, rank: int, by: Slide, x: Tensor) -> Tensor:
    """With dilations, and so without strides, it is a convolution with the kernel turned around.

    There are no kernels for processors that spread with dilations.
    """
    whole = call.stored_shape("kernel")
    shape = (*whole[:-2], whole[-1], whole[-2])

    def around(array: Array) -> Array:
        return np.swapaxes(array if theano(call) else turn(array), -1, -2)

    kernel = call.variable("kernel", change=around, shape=shape)
    kernel = ops.expand_dims(kernel, 0) if rank == 1 else kernel
    same = by.padding == "SAME"
    margins = [((r + 1) // 2, r // 2) if same else (r, r) for r in by.reach]
    wide = ops.pad(x, [(0, 0), *margins, (0, 0)])
    return spatial.conv(wide, kernel, by.strides, "VALID", by.dilations)
