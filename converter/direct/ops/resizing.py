"""Images in other sizes, with the samples in the middle of pixels, as TensorFlow 2 takes them.

TensorFlow 1.12 has no attribute half_pixel_centers, so that a resize is gathered along one axis
after the other. Source: core/kernels/resize_bilinear_op.cc and image_resizer_state.h (HalfPixel
Scaler) of TensorFlow 2.15, whose float32 arithmetic is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from converter.direct.graph import Tensor
from converter.direct.ops.arithmetic import cast, floor, maximum, minimum, unary
from converter.direct.ops.shaping import Dim, dim, gather, range_, reshape, static, vector
from converter.direct.ops.spatial import upsample_linear
from converter.direct.protos import Type

Array = np.ndarray[Any, Any]


# Beyond this, places are worked out when the model runs, and lines are not drawn factor by factor.
MOST_PLACES = 2**14
MOST_STEPS = 64


def nearest(x: Tensor, axis: int, size: Dim) -> Tensor:
    """Along one axis, the nearest pixels of x in as many places as wanted."""
    whole = dim(x, axis)
    if isinstance(whole, int) and isinstance(size, int) and size <= MOST_PLACES:
        if whole == size:
            return x
        scale = np.float32(whole) / np.float32(size)
        at = np.floor((np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale)
        return gather(x, x.graph.constant(np.minimum(at, whole - 1).astype(np.int32)), axis)
    middle = cast(range_(x, 0, size), "float32") + 0.5
    places = cast(floor(middle * _scale(x, whole, size)), "int32")
    return gather(x, minimum(places, whole - 1), axis)


def linear(x: Tensor, axis: int, size: Dim) -> Tensor:
    """Along one axis, what lies between the two pixels next to each place."""
    whole = dim(x, axis)
    axis %= x.rank
    if isinstance(whole, int) and isinstance(size, int) and size <= MOST_PLACES:
        if whole == size:
            return x
        if size % whole == 0 and size // whole <= MOST_STEPS:
            return upsample_linear(x, size // whole, axis)
        lower, upper, share = _between(whole, size)
        places = [x.graph.constant(p) for p in (lower, upper)]
        weight = x.graph.constant(share)
    else:
        middle = cast(range_(x, 0, size), "float32") + 0.5
        at = middle * _scale(x, whole, size) - 0.5
        weight = at - floor(at)
        top = whole - 1
        places = [
            maximum(cast(floor(at), "int32"), 0),
            minimum(cast(unary("Ceil", at), "int32"), top),
        ]
    before, after = (gather(x, p, axis) for p in places)
    weight = reshape(weight, [-1] + [1] * (x.rank - 1 - axis))
    return before + (after - before) * weight


def _between(whole: int, size: int) -> tuple[Array, Array, Array]:
    """(pixel before, pixel after, how far from the first) for every place."""
    scale = np.float32(whole) / np.float32(size)
    half = np.float32(0.5)
    at = (np.arange(size, dtype=np.float32) + half) * scale - half
    lower = np.maximum(np.floor(at), 0).astype(np.int32)
    upper = np.minimum(np.ceil(at), whole - 1).astype(np.int32)
    return lower, upper, at - np.floor(at)


def _scale(x: Tensor, whole: Dim, size: Dim) -> Tensor:
    """How many pixels lie between two places."""
    old, new = (
        cast(d if isinstance(d, Tensor) else x.graph.constant(d), "float32") for d in (whole, size)
    )
    return old / new


def resize_nearest(x: Tensor, height: Dim, width: Dim) -> Tensor:
    """A batch of images (channels last) by the nearest pixels."""
    return nearest(nearest(x, 1, height), 2, width)


def resize_bilinear(x: Tensor, height: Dim, width: Dim) -> Tensor:
    """A batch of images (channels last) by the four pixels about each place, as float32."""
    return linear(linear(cast(x, "float32"), 2, width), 1, height)


def resize_corners(op: str, x: Tensor, height: Dim, width: Dim, *, align: bool = False) -> Tensor:
    """TensorFlow 1's resize by the operation itself: ResizeBilinear or ResizeNearestNeighbor."""
    dtype = "float32" if op == "ResizeBilinear" else x.dtype
    shape = (x.shape[0], *static([height, width]), x.shape[3])
    attrs = {"T": Type(x.dtype), "align_corners": align}
    return x.graph.one(op, [x, vector(x, [height, width])], dtype, shape, attrs)
