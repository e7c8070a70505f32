"""Operations on shapes, and those that move values about.

A dimension is an int where it is known, and a scalar int32 tensor where it is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from converter.direct.graph import Tensor
from converter.direct.protos import Shape, Type

Dim = int | Tensor


def shape_of(x: Tensor) -> Tensor:
    """The shape of x as an int32 vector."""
    attrs = {"T": Type(x.dtype), "out_type": Type("int32")}
    return x.graph.one("Shape", [x], "int32", (x.rank,), attrs)


def dim(x: Tensor, axis: int) -> Dim:
    """The size of one dimension."""
    size = x.shape[axis]
    if size is not None:
        return size
    axis %= x.rank
    return slice_(shape_of(x), [(axis, axis + 1)], shrink=[0])


def dims(x: Tensor) -> list[Dim]:
    """The size of every dimension."""
    return [dim(x, axis) for axis in range(x.rank)]


def static(sizes: Sequence[Dim | None]) -> Shape:
    """What is known of dimensions; -1 is unknown."""
    return tuple(d if isinstance(d, int) and d >= 0 else None for d in sizes)


def vector(graph_of: Tensor, sizes: Sequence[Dim]) -> Tensor:
    """Dimensions as an int32 vector in the graph of a tensor."""
    if all(isinstance(d, int) for d in sizes):
        return graph_of.graph.constant(np.asarray(sizes, np.int32).reshape(-1))
    scalars = [d if isinstance(d, Tensor) else graph_of.graph.constant(d) for d in sizes]
    return stack(scalars, 0)


def reshape(x: Tensor, sizes: Sequence[Dim | None]) -> Tensor:
    """x in another shape; -1 or None is for the rest, once."""
    wanted: list[Dim] = [-1 if d is None else d for d in sizes]
    unknown = [i for i, d in enumerate(wanted) if not isinstance(d, int)]
    if len(unknown) == 1 and -1 not in [d for d in wanted if isinstance(d, int)]:
        wanted[unknown[0]] = -1  # one dimension that is only known at run time needs no Shape
    shape = static(wanted)
    if None not in x.shape and shape.count(None) == 1:
        known = math.prod(d for d in shape if d is not None)
        whole = math.prod(d for d in x.shape if d is not None)
        shape = tuple(whole // max(known, 1) if d is None else d for d in shape)
    attrs = {"T": Type(x.dtype), "Tshape": Type("int32")}
    return x.graph.one("Reshape", [x, vector(x, wanted)], x.dtype, shape, attrs)


def transpose(x: Tensor, order: Sequence[int]) -> Tensor:
    """x with its dimensions in another order."""
    if list(order) == list(range(x.rank)):
        return x
    shape = tuple(x.shape[i] for i in order)
    perm = x.graph.constant(np.asarray(order, np.int32))
    attrs = {"T": Type(x.dtype), "Tperm": Type("int32")}
    return x.graph.one("Transpose", [x, perm], x.dtype, shape, attrs)


def expand_dims(x: Tensor, axis: int) -> Tensor:
    """x with a new dimension of 1 at `axis`."""
    axis %= x.rank + 1
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    attrs = {"T": Type(x.dtype), "Tdim": Type("int32")}
    return x.graph.one("ExpandDims", [x, x.graph.constant(axis)], x.dtype, shape, attrs)


def squeeze(x: Tensor, axes: Sequence[int]) -> Tensor:
    """x without dimensions of 1."""
    gone = sorted(a % x.rank for a in axes)
    shape = tuple(d for i, d in enumerate(x.shape) if i not in gone)
    return x.graph.one("Squeeze", [x], x.dtype, shape, {"T": Type(x.dtype), "squeeze_dims": gone})


def concat(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors one after the other along an axis."""
    first = tensors[0]
    if len(tensors) == 1:
        return first
    axis %= first.rank
    along = [t.shape[axis] for t in tensors]
    total = None if None in along else sum(d for d in along if d is not None)
    shape = tuple(
        total if i == axis else next((t.shape[i] for t in tensors if t.shape[i] is not None), None)
        for i in range(first.rank)
    )
    attrs = {"T": Type(first.dtype), "N": len(tensors), "Tidx": Type("int32")}
    where = first.graph.constant(axis)
    return first.graph.one("ConcatV2", [*tensors, where], first.dtype, shape, attrs)


def stack(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors of one shape along a new axis."""
    first = tensors[0]
    axis %= first.rank + 1
    shape = (*first.shape[:axis], len(tensors), *first.shape[axis:])
    attrs = {"T": Type(first.dtype), "N": len(tensors), "axis": axis}
    return first.graph.one("Pack", list(tensors), first.dtype, shape, attrs)


def unstack(x: Tensor, axis: int) -> tuple[Tensor, ...]:
    """The slices of x along an axis of known size, without it."""
    axis %= x.rank
    count = x.shape[axis]
    if count is None:
        raise ValueError("only a dimension of known size can be unstacked")
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    attrs = {"T": Type(x.dtype), "num": count, "axis": axis}
    return x.graph.node("Unpack", [x], [(x.dtype, shape)] * count, attrs=attrs)


def split(x: Tensor, count: int, axis: int) -> tuple[Tensor, ...]:
    """`count` equal parts along an axis."""
    axis %= x.rank
    whole = x.shape[axis]
    part = None if whole is None else whole // count
    shape = (*x.shape[:axis], part, *x.shape[axis + 1 :])
    attrs = {"T": Type(x.dtype), "num_split": count}
    inputs = [x.graph.constant(axis), x]
    return x.graph.node("Split", inputs, [(x.dtype, shape)] * count, attrs=attrs)


def slice_(
    x: Tensor,
    ranges: Sequence[tuple[Dim | None, Dim | None] | tuple[Dim | None, Dim | None, int]],
    *,
    shrink: Sequence[int] = (),
) -> Tensor:
    """x[begin:end:step, ...] as Python means it, for the leading dimensions.

    None is an open end. shrink: which of these dimensions are dropped, their first one taken.
    """
    spans = [(*r, 1) if len(r) == 2 else r for r in ranges]
    begin_mask = sum(1 << i for i, (begin, _, _) in enumerate(spans) if begin is None)
    end_mask = sum(1 << i for i, (_, end, _) in enumerate(spans) if end is None)
    shape = [sliced(x.shape[i], *span) for i, span in enumerate(spans) if i not in shrink] + list(
        x.shape[len(spans) :]
    )
    inputs = [
        x,
        vector(x, [0 if b is None else b for b, _, _ in spans]),
        vector(x, [0 if e is None else e for _, e, _ in spans]),
        x.graph.constant(np.asarray([s for _, _, s in spans], np.int32)),
    ]
    attrs = {
        "T": Type(x.dtype),
        "Index": Type("int32"),
        "begin_mask": begin_mask,
        "end_mask": end_mask,
        "shrink_axis_mask": sum(1 << i for i in shrink),
    }
    return x.graph.one("StridedSlice", inputs, x.dtype, tuple(shape), attrs)


def sliced(size: int | None, begin: Dim | None, end: Dim | None, step: int) -> int | None:
    """The size of one dimension after slicing; None where it is unknown."""
    if isinstance(begin, Tensor) or isinstance(end, Tensor):
        return None
    if size is not None:
        return len(range(size)[begin:end:step])
    whole = begin is None and end is None and abs(step) == 1
    if whole or begin is None or end is None or (begin < 0) != (end < 0):
        return None
    return None if begin >= 0 else len(range(begin, end, step))


def pad(x: Tensor, paddings: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """x with (before, after) values added in every dimension."""
    if not any(before or after for before, after in paddings):
        return x
    shape = tuple(
        None if d is None else d + before + after
        for d, (before, after) in zip(x.shape, paddings, strict=True)
    )
    amounts = x.graph.constant(np.asarray(paddings, np.int32))
    attrs = {"T": Type(x.dtype), "Tpaddings": Type("int32")}
    if value:
        inputs = [x, amounts, x.graph.constant(value, x.dtype)]
        return x.graph.one("PadV2", inputs, x.dtype, shape, attrs)
    return x.graph.one("Pad", [x, amounts], x.dtype, shape, attrs)


def gather(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """x at `indices` along an axis."""
    axis %= x.rank
    shape = x.shape[:axis] + indices.shape + x.shape[axis + 1 :]
    attrs = {"Tparams": Type(x.dtype), "Tindices": Type(indices.dtype), "Taxis": Type("int32")}
    return x.graph.one("GatherV2", [x, indices, x.graph.constant(axis)], x.dtype, shape, attrs)


def tile(x: Tensor, counts: Sequence[Dim]) -> Tensor:
    """x repeated as a whole, `counts` times in every dimension."""
    shape = tuple(
        d * n if d is not None and isinstance(n, int) else None
        for d, n in zip(x.shape, counts, strict=True)
    )
    attrs = {"T": Type(x.dtype), "Tmultiples": Type("int32")}
    return x.graph.one("Tile", [x, vector(x, counts)], x.dtype, shape, attrs)


def repeat(x: Tensor, count: int, axis: int) -> Tensor:
    """x with every slice along an axis repeated `count` times."""
    axis %= x.rank
    if count == 1:
        return x
    wide = tile(expand_dims(x, axis + 1), [1] * (axis + 1) + [count] + [1] * (x.rank - axis - 1))
    sizes = dims(x)
    size = x.shape[axis]
    sizes[axis] = -1 if size is None else size * count
    return reshape(wide, sizes)


def reverse(x: Tensor, axes: Sequence[int]) -> Tensor:
    """x backwards along axes."""
    where = x.graph.constant(np.asarray([a % x.rank for a in axes], np.int32))
    attrs = {"T": Type(x.dtype), "Tidx": Type("int32")}
    return x.graph.one("ReverseV2", [x, where], x.dtype, x.shape, attrs)


def fill(graph_of: Tensor, sizes: Sequence[Dim], value: float, dtype: str) -> Tensor:
    """A tensor full of one value."""
    inputs = [vector(graph_of, sizes), graph_of.graph.constant(value, dtype)]
    attrs = {"T": Type(dtype), "index_type": Type("int32")}
    return graph_of.graph.one("Fill", inputs, dtype, static(sizes), attrs)


def range_(graph_of: Tensor, start: Dim, stop: Dim) -> Tensor:
    """start, start + 1, ... below stop, as int32."""
    bounds = [d if isinstance(d, Tensor) else graph_of.graph.constant(d) for d in (start, stop)]
    size = stop - start if isinstance(start, int) and isinstance(stop, int) else None
    step = graph_of.graph.constant(1)
    return graph_of.graph.one("Range", [*bounds, step], "int32", (size,), {"Tidx": Type("int32")})


def one_hot(indices: Tensor, depth: int, dtype: str, axis: int = -1) -> Tensor:
    """1 where the index points along a new axis, else 0."""
    place = axis % (indices.rank + 1)
    shape = (*indices.shape[:place], depth, *indices.shape[place:])
    graph = indices.graph
    inputs = [indices, graph.constant(depth), graph.constant(1, dtype), graph.constant(0, dtype)]
    attrs = {"T": Type(dtype), "TI": Type(indices.dtype), "axis": axis}
    return graph.one("OneHot", inputs, dtype, shape, attrs)
