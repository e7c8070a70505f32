"""Preprocessing that is part of a model: scaling, resizing, cropping, encoding of whole numbers.

Source: keras/layers/preprocessing of tf.keras 2.2, 2.3 and 2.15 and of Keras 3.15. What works on
texts or keeps tables is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls import images
from converter.direct.calls.promotion import given
from converter.direct.config import Config
from converter.direct.dtypes import FLOATS
from converter.direct.graph import Tensor
from converter.direct.protos import Type
from converter.direct.registry import layer


def dtype_of(call: Call) -> str:
    """The dtype that a layer answers in."""
    return call.compute_dtype or "float32"


def cast_images(call: Call) -> Tensor:
    """Images in the dtype that the layer computes in, where the writer's layers cast them."""
    return ops.cast(call.x, dtype_of(call)) if call.meaning.of("images") == "cast" else call.x


@layer("Rescaling", masks="own")
def rescaling(call: Call) -> Tensor:
    """x · scale + offset."""
    dtype = dtype_of(call)
    if dtype not in FLOATS:
        raise call.refuse(f"its dtype is {dtype}")
    scale, offset = (
        np.asarray(given(call.config.get(key, default)), np.float32)
        for key, default in (("scale", None), ("offset", 0.0))
    )
    x = ops.cast(call.x, dtype) * call.graph.constant(scale, dtype)
    x = x + call.graph.constant(offset, dtype) if offset.any() else x
    return x.with_mask(call.mask if call.meaning.writer.flavour == "keras3" else None)


@layer(
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast"),
    *("RandomBrightness", "RandomHeight", "RandomWidth"),
    masks="stop",
)
def idle(call: Call) -> Tensor:
    """What changes images in training only."""
    return cast_images(call)


@layer("Resizing", masks="stop", autocast=False)
def resizing(call: Call) -> Tensor:
    """Images of another size."""
    config = call.config
    method = config.text("interpolation", "bilinear").lower()
    for key in ("pad_to_aspect_ratio", "antialias"):
        if config.flag(key, False):
            raise call.refuse(f"its '{key}' is set")
    _channels_last(call)
    x = cast_images(call)
    size = config.integer("height"), config.integer("width")
    made = _window(call, x, size) if config.flag("crop_to_aspect_ratio", False) else x
    made = images.resize(call, made, list(size), method)
    return ops.cast(made, x.dtype) if call.meaning.of("images") == "cast" else made


@layer("CenterCrop", masks="stop", autocast=False)
def center_crop(call: Call) -> Tensor:
    """The middle of images; where they are too small, their largest window, resized."""
    _channels_last(call)
    x = cast_images(call)
    size = call.config.integer("height"), call.config.integer("width")
    height, width = _known_size(call, x)
    if height >= size[0] and width >= size[1]:
        return _crop(x, [(height - size[0]) // 2, (width - size[1]) // 2], size)
    if call.meaning.of("images") != "cast":
        raise call.refuse(f"it crops {size} from images of {(height, width)}")
    return smart_resize(call, x, size)


@layer("RandomCrop", masks="stop", autocast=False)
def random_crop(call: Call) -> Tensor:
    """When it is not trained: images resized to the size, of which what is too long is cut off."""
    _channels_last(call)
    x = cast_images(call)
    size = call.config.integer("height"), call.config.integer("width")
    match call.meaning.of("random_crop"):
        case "idle":
            return call.x
        case "window":
            return smart_resize(call, x, size)
        case "shorter side":
            height, width = _known_size(call, x)
            tall = np.float64(height) / width > 1.0
            wide = int(size[0] * width / height)
            whole = (int(size[1] * height / width), size[1]) if tall else (size[0], wide)
            made = images.resize(call, x, list(whole))
            return _crop(made, [(w - s) // 2 for w, s in zip(whole, size, strict=True)], size)
        case rule:
            raise call.refuse(f"what it does when served is {rule}")


def smart_resize(call: Call, x: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest window in the middle that has the shape of `size`, resized to it."""
    return ops.cast(images.resize(call, _window(call, x, size), list(size)), x.dtype)


def _window(call: Call, x: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest window in the middle of images that has the shape of `size`."""
    height, width = _known_size(call, x)
    rows = int(np.float32(width * size[0]) / np.float32(size[1]))
    columns = int(np.float32(height * size[1]) / np.float32(size[0]))
    rows, columns = max(min(height, rows), 1), max(min(width, columns), 1)
    return _crop(x, [(height - rows) // 2, (width - columns) // 2], (rows, columns))


def _crop(x: Tensor, starts: Sequence[int], size: tuple[int, int]) -> Tensor:
    """A part of images."""
    if (*size,) == x.shape[-3:-1]:
        return x
    lead: list[tuple[None, None]] = [(None, None)] * (x.rank - 3)
    return ops.slice_(x, [*lead, *((a, a + n) for a, n in zip(starts, size, strict=True))])


def _known_size(call: Call, x: Tensor) -> tuple[int, int]:
    if x.rank not in (3, 4):
        raise call.refuse(f"its images have {x.rank} dimensions")
    height, width = x.shape[-3:-1]
    if height is None or width is None:
        raise call.refuse("its images may be of any size")
    return height, width


def _channels_last(call: Call) -> None:
    if call.config.channels_first():
        raise call.refuse("its images have the channels first")


@layer("CategoryEncoding", masks="stop", autocast=False)
def category_encoding(call: Call) -> Tensor:
    """Whole numbers as vectors: a 1 for each, or how often each occurs in the last dimension."""
    if call.kwargs.get("count_weights") is not None:
        raise call.refuse("its counts are weighted")
    depth = call.config.get("num_tokens", None) or call.config.get("max_tokens", None)
    if depth is None:
        raise call.refuse("its number of tokens is in a table")
    x = call.x
    old = "max_tokens" in call.config.values
    if old and x.rank == 1:
        x = ops.expand_dims(x, 1)
    mode = call.config.text("output_mode", "multi_hot")
    return encoded(call, x, mode, int(depth), "float32" if old else dtype_of(call))


def encoded(call: Call, x: Tensor, mode: str, depth: int, dtype: str) -> Tensor:
    """Whole numbers encoded as a mode says."""
    if call.config.flag("sparse", False):
        raise call.refuse("it answers a sparse tensor")
    if mode == "int":
        return ops.cast(x, dtype)
    places = x if x.dtype in ("int32", "int64", "uint8") else ops.cast(x, "int64")
    if mode == "one_hot":
        if x.rank > 1 and x.shape[-1] == 1:
            places = ops.squeeze(places, [-1])
        return ops.one_hot(places, depth, dtype)
    if x.rank != 2 or mode not in ("multi_hot", "binary", "count"):
        raise call.refuse(f"it encodes a tensor of {x.rank} dimensions by {mode}")
    each = ops.one_hot(places, depth, dtype)
    return ops.reduce("Sum" if mode == "count" else "Max", each, [-2])


def _summary(config: Config) -> Sequence[str]:
    known = config.get("bin_boundaries", None) or config.get("bins", None)
    return [] if isinstance(known, list) or "num_bins" not in config.values else ["summary"]


@layer("Discretization", weights=_summary, masks="stop", autocast=False)
def discretization(call: Call) -> Tensor:
    """Between which boundaries numbers lie."""
    config = call.config
    bounds = config.get("bin_boundaries", None) or config.get("bins", None)
    if not isinstance(bounds, list):
        raise call.refuse("its boundaries are not in the file")
    x = call.x if call.x.dtype in ("int32", "int64", "float64") else ops.cast(call.x, "float32")
    attrs = {"T": Type(x.dtype), "boundaries": [float(b) for b in bounds]}
    found = call.graph.one("Bucketize", [x], "int32", x.shape, attrs)
    if "bins" in config.values:
        if call.meaning.of("bins") == "unsure":
            raise call.refuse("what its 'bins' make is not known of this Keras")
        return found
    mode = config.text("output_mode", "int")
    whole = "int32" if call.meaning.writer.flavour == "keras3" else "int64"
    dtype = dtype_of(call)
    if mode == "int":
        dtype = whole if dtype in FLOATS or whole == "int32" else dtype
    return encoded(call, found, mode, len(bounds) + 1, dtype)
