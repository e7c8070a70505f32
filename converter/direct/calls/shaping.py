"""Functions on shapes, and those that move values about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls import operands
from converter.direct.calls.elementwise import cast
from converter.direct.calls.operands import (
    alike,
    contents,
    integer,
    integers,
    remember,
    sizes,
    text,
)
from converter.direct.calls.operands import (
    axes as axes_of,
)
from converter.direct.calls.operands import (
    axis as axis_of,
)
from converter.direct.calls.table import function
from converter.direct.dtypes import FLOATS
from converter.direct.graph import Tensor
from converter.direct.ops.shaping import Dim, static, vector
from converter.direct.protos import Type

# More outputs than a node of a real model has.
MOST_PARTS = 2**14


@function("shape")
def shape(call: Call, input: Any, out_type: str | None = None) -> Tensor:
    """The shape as a vector."""
    x = operands.tensor(call, input)
    if None not in x.shape:
        return operands.tensor(call, np.asarray(x.shape, out_type or "int32"))
    made = remember(ops.shape_of(x), x.shape)
    return cast(call, made, out_type or "int32")


@function("size")
def size(call: Call, input: Any, out_type: str | None = None) -> Tensor:
    """How many values there are."""
    x = operands.tensor(call, input)
    attrs = {"T": Type(x.dtype), "out_type": Type(out_type or "int32")}
    made = call.graph.one("Size", [x], out_type or "int32", (), attrs)
    known = [d for d in x.shape if d is not None]
    return remember(made, [math.prod(known)] if len(known) == x.rank else None)


@function("rank")
def rank(call: Call, input: Any) -> Tensor:
    """The number of dimensions."""
    return operands.tensor(call, operands.tensor(call, input).rank)


@function("reshape")
def reshape(call: Call, tensor: Any, shape: Any) -> Tensor:
    """Another shape, -1 for what is left."""
    x = operands.tensor(call, tensor)
    made = ops.reshape(x, sizes(shape))
    return remember(made, contents(x) if made.rank < 2 else None)


@function("transpose permute_dimensions")
def transpose(call: Call, a: Any, perm: Any = None, conjugate: bool = False) -> Tensor:
    """Dimensions in another order, backwards by default."""
    del conjugate
    x = operands.tensor(call, a)
    order = list(range(x.rank))[::-1] if perm is None else axes_of(perm, x.rank)
    if sorted(order) != list(range(x.rank)):
        raise ValueError(f"{order} is no order of {x.rank} dimensions")
    return ops.transpose(x, order)


@function("linalg.matrix_transpose")
def matrix_transpose(call: Call, a: Any, conjugate: bool = False) -> Tensor:
    """The last two dimensions exchanged."""
    del conjugate
    x = operands.tensor(call, a)
    return ops.transpose(x, [*range(x.rank - 2), x.rank - 1, x.rank - 2])


@function("expand_dims")
def expand_dims(call: Call, input: Any, axis: Any) -> Tensor:
    """A new dimension of 1."""
    x = operands.tensor(call, input)
    made = ops.expand_dims(x, axis_of(axis, x.rank + 1))
    return remember(made, contents(x) if made.rank < 2 else None)


@function("squeeze")
def squeeze(call: Call, input: Any, axis: Any = None) -> Tensor:
    """Without dimensions of 1: all of them, or those that are named."""
    x = operands.tensor(call, input)
    named = [] if axis is None else axes_of(axis, x.rank)
    if not named:
        if None in x.shape:
            raise ValueError("which dimensions are 1 is only known at run time")
        named = [place for place, d in enumerate(x.shape) if d == 1]
    return remember(ops.squeeze(x, named), contents(x)) if named else x


@function("concat concatenate")
def concat(call: Call, values: Any, axis: Any = -1) -> Tensor:
    """One after the other along an axis."""
    tensors = alike(call, *(values if isinstance(values, list | tuple) else [values]))
    if len({t.rank for t in tensors}) > 1:
        raise ValueError("tensors of different ranks one after the other")
    made = ops.concat(tensors, axis_of(axis, tensors[0].rank))
    known = [contents(t) for t in tensors]
    if made.rank != 1 or None in known or len(tensors) == 1:
        return made
    return remember(made, [number for part in known for number in part or ()])


@function("stack")
def stack(call: Call, values: Any, axis: Any = 0) -> Tensor:
    """Side by side along a new axis."""
    if not isinstance(values, list | tuple):
        raise TypeError("what is stacked is no list")
    tensors = alike(call, *values)
    return operands.stack(tensors, axis_of(axis, tensors[0].rank + 1))


@function("unstack")
def unstack(call: Call, value: Any, num: Any = None, axis: Any = 0) -> Sequence[Tensor]:
    """The slices along an axis."""
    x = operands.tensor(call, value)
    place = axis_of(axis, x.rank)
    if num is not None and x.shape[place] is None:
        x = x.with_shape((*x.shape[:place], integer(num), *x.shape[place + 1 :]))
    if (x.shape[place] or 0) > MOST_PARTS:
        raise ValueError(f"a tensor in {x.shape[place]} parts")
    made = ops.unstack(x, place)
    known = contents(x)
    return [remember(t, known and [known[i]]) for i, t in enumerate(made)]


@function("split")
def split(
    call: Call, value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None
) -> Sequence[Tensor]:
    """Equal parts along an axis, or parts of given sizes."""
    del num
    x = operands.tensor(call, value)
    place = axis_of(axis, x.rank)
    if isinstance(num_or_size_splits, int):
        if not 0 < num_or_size_splits <= MOST_PARTS:
            raise ValueError(f"a tensor in {num_or_size_splits} parts")
        return ops.split(x, num_or_size_splits, place)
    counts = integers(num_or_size_splits)
    whole = x.shape[place]
    if -1 in counts and whole is not None:
        counts = [whole - sum(counts) - 1 if n == -1 else n for n in counts]
    shapes = [(*x.shape[:place], None if n < 0 else n, *x.shape[place + 1 :]) for n in counts]
    attrs = {"T": Type(x.dtype), "Tlen": Type("int32"), "num_split": len(counts)}
    inputs = [x, vector(x, counts), call.graph.constant(place)]
    return call.graph.node("SplitV", inputs, [(x.dtype, s) for s in shapes], attrs=attrs)


@function("tile")
def tile(call: Call, input: Any, multiples: Any) -> Tensor:
    """Repeated as a whole."""
    return ops.tile(operands.tensor(call, input), sizes(multiples))


@function("repeat")
def repeat(call: Call, input: Any, repeats: Any, axis: Any = None) -> Tensor:
    """Every slice repeated along an axis."""
    x = operands.tensor(call, input)
    if axis is None:
        x = ops.reshape(x, [-1])
    return ops.repeat(x, integer(repeats), axis_of(axis or 0, x.rank))


@function("repeat_elements")
def repeat_elements(call: Call, x: Any, rep: Any, axis: Any) -> Tensor:
    """Of keras.backend."""
    return repeat(call, x, rep, axis)


@function("reverse")
def reverse(call: Call, tensor: Any, axis: Any) -> Tensor:
    """Backwards along axes."""
    x = operands.tensor(call, tensor)
    return ops.reverse(x, axes_of(axis, x.rank))


@function("roll")
def roll(call: Call, input: Any, shift: Any, axis: Any) -> Tensor:
    """Moved along axes, what leaves at one end enters at the other."""
    x = operands.tensor(call, input)
    inputs = [x, vector(x, integers(shift)), vector(x, axes_of(axis, x.rank))]
    attrs = {"T": Type(x.dtype), "Tshift": Type("int32"), "Taxis": Type("int32")}
    return call.graph.one("Roll", inputs, x.dtype, x.shape, attrs)


@function("pad")
def pad(
    call: Call, tensor: Any, paddings: Any, mode: Any = "CONSTANT", constant_values: Any = 0
) -> Tensor:
    """Values added before and after, in every dimension."""
    x = operands.tensor(call, tensor)
    if isinstance(paddings, np.ndarray):
        paddings = paddings.tolist()
    pairs = [(before, after) for before, after in map(integers, paddings)]
    kind = text(mode).upper()
    if kind == "CONSTANT":
        if not isinstance(constant_values, int | float):
            raise TypeError("padded with what is no number")
        return ops.pad(x, pairs, constant_values)
    if kind not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(f"padded by {kind}")
    sizes_ = [None if d is None else d + sum(p) for d, p in zip(x.shape, pairs, strict=True)]
    amounts = call.graph.constant(np.asarray(pairs, np.int32))
    attrs = {"T": Type(x.dtype), "Tpaddings": Type("int32"), "mode": kind}
    return call.graph.one("MirrorPad", [x, amounts], x.dtype, tuple(sizes_), attrs)


@function("gather")
def gather(call: Call, params: Any, indices: Any, axis: Any = None, batch_dims: Any = 0) -> Tensor:
    """Slices at indices along an axis."""
    x, where = operands.tensor(call, params), operands.tensor(call, indices)
    batch = integer(batch_dims)
    place = batch if axis is None else axis_of(axis, x.rank)
    if batch == 1 and place == 1:
        rows = ops.range_(x, 0, ops.dim(where, 0))
        rows = ops.reshape(rows, [-1] + [1] * (where.rank - 1))
        rows = ops.cast(rows, where.dtype) + ops.zeros_like(where)
        return gather_nd(call, x, ops.stack([rows, where], -1))
    if batch:
        raise ValueError(f"gathered with {batch} dimensions of a batch, from axis {place}")
    made = ops.gather(x, where, place)
    known, places = contents(x), contents(where)
    if known is None or places is None or None in places:
        return made
    return remember(made, [known[p] for p in places if p is not None])


@function("nn.embedding_lookup")
def embedding_lookup(
    call: Call, params: Any, ids: Any, partition_strategy: Any = None, max_norm: Any = None
) -> Tensor:
    """Rows of a table."""
    del partition_strategy
    if max_norm is not None:
        raise ValueError("rows that are made shorter")
    return gather(call, params, ids, 0)


@function("gather_nd")
def gather_nd(
    call: Call, params: Any, indices: Any, batch_dims: Any = 0, bad_indices_policy: str = ""
) -> Tensor:
    """Slices at places that are told by several indices each."""
    x, where = operands.tensor(call, params), operands.tensor(call, indices)
    depth = where.shape[-1]
    if integer(batch_dims) or depth is None:
        raise ValueError("gathered at places of unknown depth, or in a batch")
    if bad_indices_policy not in ("", "DEFAULT", "ERROR"):
        raise ValueError("gathered at places that need not be there")
    made = (*where.shape[:-1], *x.shape[depth:])
    attrs = {"Tparams": Type(x.dtype), "Tindices": Type(where.dtype)}
    return call.graph.one("GatherNd", [x, where], x.dtype, made, attrs)


@function("one_hot")
def one_hot(
    call: Call,
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    *,
    axis: Any = None,
    dtype: str | None = None,
) -> Tensor:
    """One value where the index points along a new axis, another elsewhere."""
    where = operands.tensor(call, indices)
    place = where.rank if axis is None else axis_of(axis, where.rank + 1)
    if on_value is None and off_value is None:
        return ops.one_hot(where, integer(depth), dtype or "float32", place)
    on, off = alike(
        call,
        operands.tensor(call, 1 if on_value is None else on_value, dtype),
        operands.tensor(call, 0 if off_value is None else off_value, dtype),
    )
    count = integer(depth)
    made = (*where.shape[:place], count, *where.shape[place:])
    inputs = [where, call.graph.constant(count), on, off]
    attrs = {"T": Type(on.dtype), "TI": Type(where.dtype), "axis": place}
    return call.graph.one("OneHot", inputs, on.dtype, made, attrs)


@function("fill")
def fill(call: Call, dims: Any, value: Any) -> Tensor:
    """A shape full of one value."""
    return _full(call, dims, operands.tensor(call, value))


@function("zeros")
def zeros(call: Call, shape: Any, dtype: str = "float32") -> Tensor:
    """A shape full of zeros."""
    return _full(call, shape, operands.tensor(call, np.zeros((), dtype)))


@function("ones")
def ones(call: Call, shape: Any, dtype: str = "float32") -> Tensor:
    """A shape full of ones."""
    return _full(call, shape, operands.tensor(call, np.ones((), dtype)))


def _full(call: Call, dims: Any, value: Tensor) -> Tensor:
    wanted: list[Dim] = sizes(dims)
    attrs = {"T": Type(value.dtype), "index_type": Type("int32")}
    inputs = [vector(value, wanted), value]
    return call.graph.one("Fill", inputs, value.dtype, static(wanted), attrs)


@function("range")
def range_(
    call: Call, start: Any, limit: Any = None, delta: Any = 1, dtype: str | None = None
) -> Tensor:
    """Numbers from start to below the limit."""
    first, last = (0, start) if limit is None else (start, limit)
    values = alike(call, first, last, delta)
    if dtype is not None:
        values = [ops.cast(value, dtype) for value in values]
    known = [contents(value) for value in values]
    numbers = [part[0] for part in known if part and part[0] is not None]
    places = range(*numbers) if len(numbers) == 3 else None
    if values[0].dtype in FLOATS:
        places = None
    attrs = {"Tidx": Type(values[0].dtype)}
    made = (None if places is None else len(places),)
    return remember(call.graph.one("Range", values, values[0].dtype, made, attrs), places)


@function("sequence_mask")
def sequence_mask(call: Call, lengths: Any, maxlen: Any = None, dtype: str = "bool") -> Tensor:
    """True for the first places of a row, as many as its length says."""
    x = operands.tensor(call, lengths)
    if maxlen is None:
        raise ValueError("a mask as long as the longest row")
    places = ops.cast(range_(call, maxlen), x.dtype)
    return ops.cast(ops.less(places, ops.expand_dims(x, -1)), dtype)


@function("ensure_shape")
def ensure_shape(call: Call, x: Any, shape: Any) -> Tensor:
    """The tensor itself, more known of its shape."""
    given = operands.tensor(call, x)
    if shape is None or len(shape) != given.rank:
        raise ValueError("a shape of another rank is ensured")
    known = [d if d is not None else given.shape[i] for i, d in enumerate(shape)]
    return given.with_shape(tuple(known)).with_mask(None)


@function("linalg.diag_part")
def diag_part(call: Call, input: Any) -> Tensor:
    """The diagonal of matrices."""
    x = operands.tensor(call, input)
    short = None if None in x.shape[-2:] else min(d for d in x.shape[-2:] if d is not None)
    made = (*x.shape[:-2], short)
    return call.graph.one("MatrixDiagPart", [x], x.dtype, made, {"T": Type(x.dtype)})


@function("linalg.diag")
def diag(call: Call, diagonal: Any) -> Tensor:
    """Matrices with a diagonal and zeros."""
    x = operands.tensor(call, diagonal)
    return call.graph.one("MatrixDiag", [x], x.dtype, (*x.shape, x.shape[-1]), {"T": Type(x.dtype)})


@function("linalg.band_part")
def band_part(call: Call, input: Any, num_lower: Any, num_upper: Any) -> Tensor:
    """The diagonals about the middle one, zeros elsewhere."""
    x = operands.tensor(call, input)
    counts = [operands.tensor(call, np.int64(integer(n))) for n in (num_lower, num_upper)]
    attrs = {"T": Type(x.dtype), "Tindex": Type("int64")}
    return call.graph.one("MatrixBandPart", [x, *counts], x.dtype, x.shape, attrs)


@function("batch_flatten")
def batch_flatten(call: Call, x: Any) -> Tensor:
    """All dimensions but the first as one."""
    given = operands.tensor(call, x)
    whole = given.shape[1:]
    known = math.prod(d for d in whole if d is not None)
    return ops.reshape(given, [-1, known] if None not in whole else [ops.dim(given, 0), -1])
