"""Windows that slide over places: convolutions, pooling, patches, resizing.

Tensors have a batch, two or three dimensions of places, and the channels last: TensorFlow has no
other kernels for processors. padding: "SAME" or "VALID", as TensorFlow means them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from converter.direct.graph import Tensor
from converter.direct.ops.arithmetic import cast
from converter.direct.ops.shaping import Dim, dim, reshape, slice_, stack, static, vector
from converter.direct.protos import Shape, Type

Sizes = Sequence[int]
INT = Type("int32")


def windows(size: int, window: int, stride: int, padding: str, dilation: int = 1) -> int:
    """How many windows fit along a dimension. Raises ValueError where none does."""
    if padding == "SAME":
        return -(-size // stride)
    places = size - (window - 1) * dilation
    if places < 1:
        raise ValueError(f"no window of {window} fits into {size}")
    return -(-places // stride)


def _slid(
    x: Tensor, window: Sizes, strides: Sizes, padding: str, dilations: Sizes = ()
) -> tuple[int | None, ...]:
    """The places of what a window makes of x."""
    rates = dilations or [1] * len(window)
    places = zip(x.shape[1:-1], window, strides, rates, strict=True)
    return tuple(
        None if size is None else windows(size, w, s, padding, rate) for size, w, s, rate in places
    )


def conv(x: Tensor, kernel: Tensor, strides: Sizes, padding: str, dilations: Sizes = ()) -> Tensor:
    """A convolution in two or three dimensions; kernel: (*window, channels, filters).

    Only one in two dimensions has a kernel for processors that knows dilations.
    """
    window = _window(kernel)
    flat = len(window) == 2
    if not flat and max(dilations, default=1) > 1:
        return in_batches(
            x, window, dilations, padding, lambda part: conv(part, kernel, strides, "VALID")
        )
    attrs = {"T": Type(x.dtype), "strides": [1, *strides, 1], "padding": padding}
    if max(dilations, default=1) > 1:
        attrs["dilations"] = [1, *dilations, 1]
    places = _slid(x, window, strides, padding, dilations)
    shape = (x.shape[0], *places, kernel.shape[-1])
    return x.graph.one("Conv2D" if flat else "Conv3D", [x, kernel], x.dtype, shape, attrs)


def depthwise_conv(
    x: Tensor, kernel: Tensor, strides: Sizes, padding: str, dilations: Sizes = ()
) -> Tensor:
    """A convolution of every channel with filters of its own; kernel: (*window, channels, filters
    for each). The strides must be equal, and 1 where there are dilations.
    """
    window = _window(kernel)
    if max(dilations, default=1) > 1:
        return in_batches(
            x,
            window,
            dilations,
            padding,
            lambda part: depthwise_conv(part, kernel, strides, "VALID"),
        )
    channels, filters = kernel.shape[-2:]
    made = None if channels is None or filters is None else channels * filters
    shape = (x.shape[0], *_slid(x, window, strides, padding), made)
    attrs = {"T": Type(x.dtype), "strides": [1, *strides, 1], "padding": padding}
    return x.graph.one("DepthwiseConv2dNative", [x, kernel], x.dtype, shape, attrs)


def conv_transpose(
    x: Tensor, kernel: Tensor, sizes: Sequence[Dim], strides: Sizes, padding: str
) -> Tensor:
    """What a convolution's gradient does: x is spread to `sizes`; kernel: (*window, filters,
    channels).
    """
    filters = kernel.shape[-2]
    if filters is None:
        raise ValueError("the number of filters must be known")
    whole = vector(x, [dim(x, 0), *sizes, filters])
    op = "Conv2DBackpropInput" if len(sizes) == 2 else "Conv3DBackpropInputV2"
    attrs = {"T": Type(x.dtype), "strides": [1, *strides, 1], "padding": padding}
    shape = (x.shape[0], *static(sizes), filters)
    return x.graph.one(op, [whole, kernel, x], x.dtype, shape, attrs)


def in_batches(
    x: Tensor,
    window: Sizes,
    dilations: Sizes,
    padding: str,
    compute: Callable[[Tensor], Tensor],
) -> Tensor:
    """What a dilated window makes of x: places that are seen together become batches of their own,
    in which the window is dense and `compute` slides it without padding.

    Source: tf.nn.with_space_to_batch.
    """
    pads: list[tuple[Dim, Dim]] = []
    crops: list[tuple[Dim, Dim]] = []
    for axis, (size, rate) in enumerate(zip(window, dilations, strict=True), start=1):
        reach = (size - 1) * rate if padding == "SAME" else 0
        extra = _missing(dim(x, axis) + reach, rate)
        pads.append((reach // 2, (reach - reach // 2) + extra))
        crops.append((0, extra))
    block = x.graph.constant(np.asarray(dilations, np.int32))
    attrs = {"T": Type(x.dtype), "Tblock_shape": INT}
    parts = _parts(x.shape, pads, dilations)
    apart = x.graph.one(
        "SpaceToBatchND", [x, block, _pairs(x, pads)], x.dtype, parts, {**attrs, "Tpaddings": INT}
    )
    made = compute(apart)
    places = _slid(x, window, [1] * len(window), padding, dilations)
    return x.graph.one(
        "BatchToSpaceND",
        [made, block, _pairs(x, crops)],
        x.dtype,
        (x.shape[0], *places, made.shape[-1]),
        {**attrs, "Tcrops": INT},
    )


def _missing(size: Dim, rate: int) -> Dim:
    """How many places are missing to a multiple of `rate`."""
    if isinstance(size, int):
        return -size % rate
    return size.graph.binary("FloorMod", -size, rate)


def _parts(shape: Shape, pads: Sequence[tuple[Dim, Dim]], rates: Sizes) -> Shape:
    """The shape of places taken apart into batches."""
    sizes = [
        (size + before + after) // rate
        if size is not None and isinstance(before, int) and isinstance(after, int)
        else None
        for size, (before, after), rate in zip(shape[1:-1], pads, rates, strict=True)
    ]
    return (None, *sizes, shape[-1])


def _pairs(x: Tensor, pairs: Sequence[tuple[Dim, Dim]]) -> Tensor:
    """(before, after) of every dimension as a matrix."""
    if all(isinstance(d, int) for pair in pairs for d in pair):
        return x.graph.constant(np.asarray(pairs, np.int32))
    return stack([vector(x, pair) for pair in pairs], 0)


def pool(op: str, x: Tensor, window: Sizes, strides: Sizes, padding: str) -> Tensor:
    """MaxPool or AvgPool in two or three dimensions; padding does not count."""
    attrs = {
        "T": Type(x.dtype),
        "ksize": [1, *window, 1],
        "strides": [1, *strides, 1],
        "padding": padding,
    }
    shape = (x.shape[0], *_slid(x, window, strides, padding), x.shape[-1])
    return x.graph.one(op if len(window) == 2 else f"{op}3D", [x], x.dtype, shape, attrs)


def patches(x: Tensor, window: Sizes, strides: Sizes) -> Tensor:
    """The windows themselves, rows, columns and channels flat in the last dimension."""
    attrs = {
        "T": Type(x.dtype),
        "ksizes": [1, *window, 1],
        "strides": [1, *strides, 1],
        "rates": [1, 1, 1, 1],
        "padding": "VALID",
    }
    channels = x.shape[-1]
    depth = None if channels is None else channels * window[0] * window[1]
    shape = (x.shape[0], *_slid(x, window, strides, "VALID"), depth)
    return x.graph.one("ExtractImagePatches", [x], x.dtype, shape, attrs)


def resize(op: str, x: Tensor, factors: Sizes) -> Tensor:
    """Rows and columns `factors` times as many: ResizeNearestNeighbor, or ResizeBilinear, which
    takes its samples at pixels' corners and always answers float32.
    """
    sizes: list[Dim] = [dim(x, axis) * factor for axis, factor in enumerate(factors, start=1)]
    dtype = "float32" if op == "ResizeBilinear" else x.dtype
    shape = (x.shape[0], *static(sizes), x.shape[-1])
    return x.graph.one(op, [x, vector(x, sizes)], dtype, shape, {"T": Type(x.dtype)})


def upsample_linear(x: Tensor, factor: int, axis: int) -> Tensor:
    """`factor` times as many places along an axis, between those of x by straight lines.

    Samples are taken at the middles of the new places: that of place i is (i + 1/2) / factor - 1/2
    of the old ones, and at the rim the outermost one. Every old place makes `factor` new ones, each
    between it and a neighbour, always with the same weights. In float32, as TensorFlow does it.
    """
    if factor == 1:
        return cast(x, "float32")
    here = cast(x, "float32")
    around = [(1, 1) if i == axis else (0, 0) for i in range(x.rank)]
    wide = mirror_pad(here, around)
    whole: list[tuple[Dim | None, Dim | None]] = [(None, None)] * axis
    before = slice_(wide, [*whole, (None, -2)]).with_shape(here.shape)
    after = slice_(wide, [*whole, (2, None)]).with_shape(here.shape)
    left, right = here - before, after - here
    places = [(2 * i + 1 - factor) / (2 * factor) for i in range(factor)]
    made = [here + (left if place < 0 else right) * place if place else here for place in places]
    sizes: list[Dim] = [dim(x, i) for i in range(x.rank)]
    sizes[axis] = sizes[axis] * factor
    return reshape(stack(made, axis + 1), sizes)


def mirror_pad(x: Tensor, paddings: Sequence[tuple[int, int]]) -> Tensor:
    """x with its outermost values once more around it; paddings: 0 or 1 each."""
    shape = tuple(
        None if d is None else d + before + after
        for d, (before, after) in zip(x.shape, paddings, strict=True)
    )
    amounts = x.graph.constant(np.asarray(paddings, np.int32))
    attrs = {"T": Type(x.dtype), "Tpaddings": INT, "mode": "SYMMETRIC"}
    return x.graph.one("MirrorPad", [x, amounts], x.dtype, shape, attrs)


def _window(kernel: Tensor) -> list[int]:
    sizes = [size for size in kernel.shape[:-2] if size is not None]
    if len(sizes) != kernel.rank - 2:
        raise ValueError("the window's size must be known")
    return sizes
