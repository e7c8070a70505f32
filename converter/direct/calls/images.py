"""Functions of tf.image on a batch of images, or one; channels come last."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls.operands import integer, sizes, tensor, text
from converter.direct.calls.operands import size as size_of
from converter.direct.calls.table import function
from converter.direct.graph import Tensor
from converter.direct.ops import resizing
from converter.direct.ops.shaping import Dim

# What TensorFlow 1 has as numbers.
METHODS = {"0": "bilinear", "1": "nearest"}
# The operations of TensorFlow 1's rules, by method.
OPERATIONS = {"bilinear": "ResizeBilinear", "nearest": "ResizeNearestNeighbor"}


def _batched(x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """What `change` makes of a batch, for one image too."""
    if x.rank == 4:
        return change(x)
    if x.rank != 3:
        raise ValueError(f"an image of rank {x.rank}")
    return ops.squeeze(change(ops.expand_dims(x, 0)), [0])


@function("image.resize")
def resize(
    call: Call,
    images: Any,
    size: Any,
    method: Any = "bilinear",
    *,
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Tensor:
    """Images of another size, as TensorFlow 2 makes them."""
    if preserve_aspect_ratio or antialias:
        raise ValueError("a resize that keeps the aspect ratio or smooths")
    height, width = sizes(size)
    return _batched(tensor(call, images), lambda x: half_pixel(x, height, width, method))


def half_pixel(x: Tensor, height: Dim, width: Dim, method: Any) -> Tensor:
    """A resize whose samples are in the middle of pixels."""
    kind = METHODS.get(str(method), method)
    if kind == "bilinear":
        return resizing.resize_bilinear(x, height, width)
    if kind == "nearest":
        return resizing.resize_nearest(x, height, width)
    raise ValueError(f"a resize by {method!r}")


def _resize_by(method: str) -> Any:
    def build(
        call: Call,
        images: Any,
        size: Any,
        *,
        align_corners: bool = False,
        half_pixel_centers: bool = False,
    ) -> Tensor:
        height, width = sizes(size)
        x = tensor(call, images)
        if half_pixel_centers:
            return half_pixel(x, height, width, method)
        op = OPERATIONS[method]
        return resizing.resize_corners(op, x, height, width, align=bool(align_corners))

    return build


resize_bilinear = function("image.resize_bilinear")(_resize_by("bilinear"))
resize_nearest_neighbor = function("image.resize_nearest_neighbor")(_resize_by("nearest"))


@function("compat.v1.image.resize")
def resize_images(
    call: Call,
    images: Any,
    size: Any,
    method: Any = 0,
    *,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
) -> Tensor:
    """Images of another size, as TensorFlow 1 makes them: left alone where they have it."""
    kind = METHODS.get(str(method), method)
    if preserve_aspect_ratio or kind not in OPERATIONS:
        raise ValueError(f"a resize by {method!r}")
    wanted = sizes(size)
    x = tensor(call, images)
    if list(x.shape[-3:-1]) == wanted:
        return x
    return _batched(
        x, lambda batch: _resize_by(kind)(call, batch, wanted, align_corners=align_corners)
    )


@function("image.flip_left_right")
def flip_left_right(call: Call, image: Any) -> Tensor:
    """Columns backwards."""
    return ops.reverse(tensor(call, image), [-2])


@function("image.flip_up_down")
def flip_up_down(call: Call, image: Any) -> Tensor:
    """Rows backwards."""
    return ops.reverse(tensor(call, image), [-3])


@function("image.grayscale_to_rgb")
def grayscale_to_rgb(call: Call, images: Any) -> Tensor:
    """One channel, three times."""
    x = tensor(call, images)
    return ops.tile(x, [1] * (x.rank - 1) + [3])


@function("image.crop_to_bounding_box")
def crop_to_bounding_box(
    call: Call,
    image: Any,
    offset_height: Any,
    offset_width: Any,
    *,
    target_height: Any,
    target_width: Any,
) -> Tensor:
    """A part of every image."""
    x = tensor(call, image)
    top, left = size_of(offset_height), size_of(offset_width)
    height, width = integer(target_height), integer(target_width)
    made = ops.slice_(
        x, [(None, None)] * (x.rank - 3) + [(top, top + height), (left, left + width)]
    )
    return made.with_shape((*x.shape[:-3], height, width, x.shape[-1]))


@function("image.per_image_standardization")
def per_image_standardization(call: Call, image: Any) -> Tensor:
    """Every image with mean 0 and variance 1, unless it is all alike."""
    x = ops.cast(tensor(call, image), "float32")
    places = [x.rank - 3, x.rank - 2, x.rank - 1]
    known = [d for d in x.shape[-3:] if d is not None]
    if len(known) != 3:
        raise ValueError("images of unknown size are standardized")
    mean = ops.reduce("Mean", x, places, keep=True)
    apart = x - mean
    spread = ops.unary("Sqrt", ops.reduce("Mean", ops.square(apart), places, keep=True))
    return apart / ops.maximum(spread, 1 / math.sqrt(math.prod(known)))


@function("image.rgb_to_grayscale")
def rgb_to_grayscale(call: Call, images: Any) -> Tensor:
    """Brightness. Source: tf.image.rgb_to_grayscale, for floats."""
    x = tensor(call, images)
    weights = tensor(call, [0.2989, 0.587, 0.114], x.dtype)
    return ops.reduce("Sum", x * weights, [-1], keep=True)


@function("image.adjust_brightness")
def adjust_brightness(call: Call, image: Any, delta: Any) -> Tensor:
    """Floats, moved."""
    return tensor(call, image) + float(delta)


@function("image.adjust_contrast")
def adjust_contrast(call: Call, images: Any, contrast_factor: Any) -> Tensor:
    """Floats, further from or nearer to the mean of their channel."""
    x = tensor(call, images)
    mean = ops.reduce("Mean", x, [-3, -2], keep=True)
    return (x - mean) * float(contrast_factor) + mean


@function("resize_images")
def resize_by_factors(
    call: Call,
    x: Any,
    height_factor: Any,
    width_factor: Any,
    *,
    data_format: Any,
    interpolation: Any = "nearest",
) -> Tensor:
    """Of keras.backend: so many times as high and wide."""
    if text(data_format) != "channels_last":
        raise ValueError("images with the channels first are resized")
    given = tensor(call, x)
    height = ops.dim(given, 1) * integer(height_factor)
    return half_pixel(given, height, ops.dim(given, 2) * integer(width_factor), interpolation)
