"""Cropping, padding and repeating places.

Source: keras/layers/convolutional.py of Keras 2.2.4, keras/layers/reshaping/ of 2.15 and 3.15, and
resize_images of their backends.
"""

from __future__ import annotations

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers.places import (
    enter,
    leave,
    numbers,
    pairs,
    rank_of,
    spatial_axes,
    theano,
)
from converter.direct.ops import spatial
from converter.direct.registry import layer


@layer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", masks="stop")
def zero_padding(call: Call) -> Tensor:
    """Zeros before and behind the places."""
    rank = rank_of(call)
    around = [(0, 0)] * call.x.rank
    for axis, pair in zip(spatial_axes(call, rank), pairs(call, "padding", rank), strict=True):
        around[axis] = pair
    return ops.pad(call.x, around)


@layer("Cropping1D", "Cropping2D", "Cropping3D", masks="stop")
def cropping(call: Call) -> Tensor:
    """The outermost places left out."""
    rank = rank_of(call)
    axes = spatial_axes(call, rank)
    spans: list[tuple[int | None, int | None]] = [(None, None)] * (axes[-1] + 1)
    for axis, (before, after) in zip(axes, pairs(call, "cropping", rank), strict=True):
        spans[axis] = (before or None, -after if after else None)
    return ops.slice_(call.x, spans)


@layer("UpSampling1D", "UpSampling3D", masks="stop")
def repeated(call: Call) -> Tensor:
    """Every place several times."""
    rank = rank_of(call)
    return _repeat(call, rank, call.config.integers("size", rank, 2))


@layer("UpSampling2D", masks="stop")
def resized(call: Call) -> Tensor:
    """Every place several times, or those between by straight lines."""
    factors = numbers(call, "size", 2, 2)
    if "interpolation" not in call.config.values and call.meaning.of("interpolation") == "unsaid":
        raise call.refuse("its config does not say its 'interpolation'")
    how = call.config.text("interpolation", "nearest")
    if how == "nearest":
        if call.config.channels_first():
            return _repeat(call, 2, factors)
        return spatial.resize("ResizeNearestNeighbor", call.x, factors)
    if how != "bilinear" or theano(call):
        raise call.refuse(f"its 'interpolation' is {how!r}")
    x = enter(call, 2)
    if call.meaning.of("resize") == "corners":
        return leave(call, 2, spatial.resize("ResizeBilinear", x, factors))
    wide = spatial.upsample_linear(x, factors[1], 2)
    return leave(call, 2, spatial.upsample_linear(wide, factors[0], 1))


def _repeat(call: Call, rank: int, factors: tuple[int, ...]) -> Tensor:
    x = call.x
    for axis, factor in zip(spatial_axes(call, rank), factors, strict=True):
        x = ops.repeat(x, factor, axis)
    return x
