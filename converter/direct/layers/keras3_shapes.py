"""Operations of Keras 3 that reshape, move and choose values, and multiply matrices.

Source: keras/src/ops/*.py and keras/src/backend/tensorflow/*.py of Keras 3.15.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls import (
    elementwise,
    images,
    networks,
    products,
    shaping,
    slicing,
)
from converter.direct.calls.operands import axes as axes_of
from converter.direct.calls.operands import axis as axis_of
from converter.direct.calls.operands import integers, tensor
from converter.direct.calls.promotion import given, promoted
from converter.direct.graph import Tensor
from converter.direct.layers.keras3_operations import keras3
from converter.direct.registry import Result


@keras3("Reshape")
def reshape(call: Call, x: Any, newshape: Any) -> Tensor:
    """Another shape; None, as -1, is what is left."""
    sizes = newshape if isinstance(newshape, list | tuple) else [newshape]
    return ops.reshape(tensor(call, x), [d if d is None else int(d) for d in sizes])


@keras3("Transpose")
def transpose(call: Call, x: Any, axes: Any = None) -> Tensor:
    """Dimensions in another order."""
    return shaping.transpose(call, x, axes or None)


@keras3("ExpandDims")
def expand_dims(call: Call, x: Any, axis: Any) -> Tensor:
    """New dimensions of 1."""
    value = tensor(call, x)
    places = integers(axis)
    for place in sorted(axes_of(places, value.rank + len(places))):
        value = ops.expand_dims(value, place)
    return value


@keras3("Squeeze")
def squeeze(call: Call, x: Any, axis: Any = None) -> Tensor:
    """Without dimensions of 1."""
    return shaping.squeeze(call, x, axis)


@keras3("Concatenate")
def concatenate(call: Call, xs: Any, axis: Any = 0) -> Tensor:
    """One after the other."""
    return shaping.concat(call, promoted(call, *xs), axis)


@keras3("Hstack")
def hstack(call: Call, xs: Any) -> Tensor:
    """Side by side: along the second dimension, of vectors the first."""
    tensors = promoted(call, *xs)
    return shaping.concat(call, tensors, min(1, tensors[0].rank - 1))


@keras3("Vstack")
def vstack(call: Call, xs: Any) -> Tensor:
    """One below the other."""
    return shaping.concat(call, promoted(call, *xs), 0)


@keras3("Stack")
def stack(call: Call, x: Any, axis: Any = 0) -> Tensor:
    """Side by side along a new axis."""
    return shaping.stack(call, promoted(call, *x), axis)


@keras3("Unstack")
def unstack(call: Call, x: Any, num: Any = None, axis: Any = 0) -> Result:
    """The slices along an axis."""
    return shaping.unstack(call, x, num, axis)


@keras3("Split")
def split(call: Call, x: Any, indices_or_sections: Any, axis: Any = 0) -> Sequence[Tensor]:
    """Equal parts, or those between places."""
    value = tensor(call, x)
    if isinstance(indices_or_sections, int):
        return shaping.split(call, value, indices_or_sections, axis)
    whole = value.shape[axis_of(axis, value.rank)]
    if whole is None:
        raise ValueError("a dimension of unknown size is split")
    ends = [0, *integers(given(indices_or_sections)), whole]
    return shaping.split(call, value, [b - a for a, b in itertools.pairwise(ends)], axis)


@keras3("Tile")
def tile(call: Call, x: Any, repeats: Any) -> Tensor:
    """Repeated as a whole."""
    value, counts = tensor(call, x), integers(repeats)
    counts = [1] * (value.rank - len(counts)) + counts
    while value.rank < len(counts):
        value = ops.expand_dims(value, 0)
    return ops.tile(value, counts)


@keras3("Repeat")
def repeat(call: Call, x: Any, repeats: Any, axis: Any = None) -> Tensor:
    """Every slice repeated."""
    return shaping.repeat(call, x, repeats, axis)


@keras3("Flip")
def flip(call: Call, x: Any, axis: Any = None) -> Tensor:
    """Backwards."""
    value = tensor(call, x)
    return ops.reverse(value, axes_of(axis, value.rank))


@keras3("Roll")
def roll(call: Call, x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Moved along axes."""
    if axis is None:
        raise ValueError("all values rolled as one row")
    return shaping.roll(call, x, shift, axis)


@keras3("Pad")
def pad(
    call: Call, x: Any, constant_values: Any = None, pad_width: Any = 0, mode: str = "constant"
) -> Tensor:
    """Values added around."""
    value = tensor(call, x)
    pairs = [integers(p) for p in (pad_width if isinstance(pad_width, list) else [pad_width])]
    if isinstance(pad_width, list) and all(len(p) == 1 for p in pairs):
        pairs = [integers(pad_width)]
    pairs = [[p[0], p[-1]] for p in pairs]
    if len(pairs) == 1:
        pairs *= value.rank
    return shaping.pad(call, value, pairs, mode, constant_values or 0)


@keras3("Take")
def take(call: Call, x: Any, indices: Any, axis: Any = None) -> Tensor:
    """Slices at indices, which count from the end below 0."""
    value, where = tensor(call, x), tensor(call, indices)
    if axis is None:
        value, axis = ops.reshape(value, [-1]), 0
    whole = ops.dim(value, axis_of(axis, value.rank))
    size = whole if isinstance(whole, Tensor) else call.graph.constant(whole)
    from_end = where + ops.cast(size, where.dtype)
    return shaping.gather(
        call, value, elementwise.where(call, ops.less(where, 0), from_end, where), axis
    )


@keras3("Swapaxes")
def swapaxes(call: Call, x: Any, axis1: Any, axis2: Any) -> Tensor:
    """Two dimensions exchanged."""
    value = tensor(call, x)
    one, two = axis_of(axis1, value.rank), axis_of(axis2, value.rank)
    order = list(range(value.rank))
    order[one], order[two] = two, one
    return ops.transpose(value, order)


@keras3("Moveaxis")
def moveaxis(call: Call, x: Any, source: Any, destination: Any) -> Tensor:
    """Dimensions moved elsewhere."""
    value = tensor(call, x)
    before, after = axes_of(source, value.rank), axes_of(destination, value.rank)
    order = [place for place in range(value.rank) if place not in before]
    for goal, place in sorted(zip(after, before, strict=True)):
        order.insert(goal, place)
    return ops.transpose(value, order)


@keras3("Ravel")
def ravel(call: Call, x: Any) -> Tensor:
    """All values as one row."""
    return ops.reshape(tensor(call, x), [-1])


@keras3("BroadcastTo")
def broadcast_to(call: Call, x: Any, shape: Any) -> Tensor:
    """Spread over a shape."""
    return elementwise.broadcast_to(call, x, shape)


@keras3("ZerosLike")
def zeros_like(call: Call, x: Any, dtype: str | None = None) -> Tensor:
    """Zeros of the shape of x."""
    return elementwise.zeros_like(call, x, dtype)


@keras3("OnesLike")
def ones_like(call: Call, x: Any, dtype: str | None = None) -> Tensor:
    """Ones of the shape of x."""
    return elementwise.ones_like(call, x, dtype)


@keras3("Tril")
def tril(call: Call, x: Any, k: int = 0) -> Tensor:
    """Matrices with zeros above a diagonal."""
    if k < 0:
        raise ValueError("zeros on the middle diagonal")
    return shaping.band_part(call, x, -1, k)


@keras3("Triu")
def triu(call: Call, x: Any, k: int = 0) -> Tensor:
    """Matrices with zeros below a diagonal."""
    if k > 0:
        raise ValueError("zeros on the middle diagonal")
    return shaping.band_part(call, x, -k, -1)


@keras3("GetItem")
def get_item(call: Call, x: Any, key: Any) -> Tensor:
    """x[key]."""
    return slicing.getitem(call, tensor(call, x), slicing.spec_of(key))


@keras3("Slice")
def slice_(call: Call, inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """A part of x from a place on."""
    return slicing.slice_(call, inputs, start_indices, shape)


@keras3("OneHot")
def one_hot(
    call: Call,
    x: Any,
    num_classes: int,
    axis: Any = -1,
    dtype: str | None = None,
    *,
    sparse: bool = False,
) -> Tensor:
    """1 where the index points."""
    if sparse:
        raise ValueError("a sparse tensor")
    return shaping.one_hot(
        call, ops.cast(tensor(call, x), "int64"), num_classes, axis=axis, dtype=dtype
    )


@keras3("Matmul")
def matmul(call: Call, x1: Any, x2: Any) -> Tensor:
    """Products of matrices; of one dimension, vectors."""
    a, b = promoted(call, x1, x2)
    if b.rank == 1:
        return products.tensordot(call, a, b, 1)
    if a.rank == 1:
        return products.tensordot(call, a, b, [[0], [-2]])
    return products.matmul(call, a, b)


@keras3("Dot")
def dot(call: Call, x1: Any, x2: Any) -> Tensor:
    """The sum of products along the last dimension of x1 and the last but one of x2."""
    a, b = promoted(call, x1, x2)
    if not a.rank or not b.rank:
        return a * b
    return products.tensordot(call, a, b, [[-1], [-1 if b.rank == 1 else -2]])


@keras3("Tensordot")
def tensordot(call: Call, x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The sum of products along axes of both."""
    a, b = promoted(call, x1, x2)
    return products.tensordot(call, a, b, axes)


@keras3("Einsum")
def einsum(call: Call, *operands: Any, subscripts: str) -> Tensor:
    """Tensors by the labels of their dimensions."""
    return products.einsum(call, subscripts, *promoted(call, *operands))


@keras3("Outer")
def outer(call: Call, x1: Any, x2: Any) -> Tensor:
    """All products of values of both."""
    a, b = promoted(call, x1, x2)
    return ops.reshape(a, [-1, 1]) * ops.reshape(b, [-1])


def _pool(op: Any) -> Any:
    def build(
        call: Call,
        inputs: Any,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        *,
        data_format: str | None = None,
    ) -> Tensor:
        if data_format == "channels_first":
            raise ValueError("images with the channels first")
        made: Tensor = op(
            call, inputs, pool_size, pool_size if strides is None else strides, padding=padding
        )
        return made

    return build


keras3("MaxPool")(_pool(networks.max_pool))
keras3("AveragePool")(_pool(networks.average_pool))


@keras3("Resize")
def resize(
    call: Call,
    images_: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    *,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another size, in their own dtype."""
    del fill_mode, fill_value
    if crop_to_aspect_ratio or pad_to_aspect_ratio or data_format == "channels_first":
        raise ValueError("a resize that keeps the aspect ratio, or with the channels first")
    x = tensor(call, images_)
    return ops.cast(images.resize(call, x, size, interpolation, antialias=antialias), x.dtype)
