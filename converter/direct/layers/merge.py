"""Layers that make one tensor of several.

Source: keras/layers/merge.py of Keras 2.2.4, layers/merging of Keras 2.15 and 3.15.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor, broadcast
from converter.direct.layers.normalization import unit
from converter.direct.registry import layer

# As `unit` wants it: Keras 3 takes a length of 1e-7 for the least.
LEAST_SQUARE = {"square": 1e-12, "norm": 1e-14}

Pair = Callable[[Tensor, Tensor], Tensor]


def _operands(call: Call) -> list[Tensor]:
    """The inputs in one rank: dimensions of 1 are put behind the batch."""
    tensors = call.inputs
    if not tensors:
        raise call.refuse("it is called on nothing")
    rank = max(t.rank for t in tensors)
    return [_with_rank(t, rank) for t in tensors]


def _with_rank(x: Tensor, rank: int) -> Tensor:
    """x with dimensions of 1 behind its first; their masks are lost, as Keras loses them."""
    if x.rank == rank:
        return x
    return ops.reshape(x, [ops.dim(x, 0), *[1] * (rank - x.rank), *ops.dims(x)[1:]])


def _joined(call: Call) -> Tensor | None:
    """The mask of what is merged of masked tensors."""
    rule = call.meaning.of("merged_masks")
    masks = [t.mask for t in call.inputs]
    known = [m for m in masks if m is not None]
    if rule == "none" or not known or (rule == "or" and len(known) < len(masks)):
        return None
    return functools.reduce(ops.logical_and if rule == "and" else ops.logical_or, known)


def _merged(call: Call, pair: Pair) -> Tensor:
    return functools.reduce(pair, _operands(call)).with_mask(_joined(call))


def _sum(x: Tensor, y: Tensor) -> Tensor:
    return x + y


def _product(x: Tensor, y: Tensor) -> Tensor:
    return x * y


@layer("Add", masks="own")
def add(call: Call) -> Tensor:
    """The sum."""
    return _merged(call, _sum)


@layer("Subtract", masks="own")
def subtract(call: Call) -> Tensor:
    """The first less the second."""
    if len(call.inputs) != 2:
        raise call.refuse(f"it is called on {len(call.inputs)} tensors, not two")
    return _merged(call, lambda x, y: x - y)


@layer("Average", masks="own")
def average(call: Call) -> Tensor:
    """The mean."""
    total = _merged(call, _sum)
    return (total / float(len(call.inputs))).with_mask(total.mask)


@layer("Multiply", masks="own")
def multiply(call: Call) -> Tensor:
    """The product. Where Keras 3 masks an operand it counts as 1, and 0 where all are masked."""
    operands = _operands(call)
    if not _heeds_masks(call, operands):
        return _merged(call, _product)
    masks = _masks_of_values(operands)
    kept = [
        t if mask is None else ops.select(mask, t, ops.fill(t, ops.dims(t), 1.0, t.dtype))
        for t, mask in zip(operands, masks, strict=True)
    ]
    result = functools.reduce(_product, kept)
    known = [m for m in masks if m is not None]
    if len(known) == len(masks):
        some = functools.reduce(ops.logical_or, known)
        result = ops.select(some, result, ops.zeros_like(result))
    return result.with_mask(_joined(call))


@layer("Maximum", masks="own")
def maximum(call: Call) -> Tensor:
    """The largest."""
    return _extreme(call, ops.maximum)


@layer("Minimum", masks="own")
def minimum(call: Call) -> Tensor:
    """The smallest."""
    return _extreme(call, ops.minimum)


def _extreme(call: Call, pair: Pair) -> Tensor:
    """The largest or smallest; where Keras 3 masks an operand, of the others.

    As Keras 3 goes: from the left, and what is so far is masked where all operands were.
    """
    operands = _operands(call)
    if not _heeds_masks(call, operands):
        return _merged(call, pair)
    masks = _masks_of_values(operands)
    result, known = operands[0], masks[0]
    for operand, mask in zip(operands[1:], masks[1:], strict=True):
        x = operand if mask is None else ops.select(mask, operand, result)
        if known is not None:
            result = ops.select(known, result, x)
        known = None if mask is None or known is None else ops.logical_or(known, mask)
        result = pair(result, x)
    return result.with_mask(_joined(call))


def _masks_of_values(operands: Sequence[Tensor]) -> list[Tensor | None]:
    return [None if t.mask is None else _widened(t, t.mask) for t in operands]


def _heeds_masks(call: Call, operands: Sequence[Tensor]) -> bool:
    """Whether the writer leaves masked values out. Their shapes must then be the same."""
    if call.meaning.of("merged_masks") != "or" or all(t.mask is None for t in operands):
        return False
    if len({t.shape for t in operands}) > 1:
        raise call.refuse("it merges masked tensors of different shapes")
    return True


def _widened(x: Tensor, mask: Tensor) -> Tensor:
    """A mask of the steps of x in the shape of x."""
    return ops.logical_and(ops.expand_dims(mask, -1), _true(x))


def _true(x: Tensor) -> Tensor:
    """True in the shape of x."""
    return ops.fill(x, ops.dims(x), True, "bool")


@layer("Concatenate", masks="own")
def concatenate(call: Call) -> Tensor:
    """One after the other along an axis."""
    tensors = call.inputs
    axis = call.config.integer("axis", -1)
    if any(t.rank != tensors[0].rank for t in tensors):
        raise call.refuse("it is called on tensors of different ranks")
    if len({t.dtype for t in tensors}) > 1:
        raise call.refuse("it is called on tensors of different dtypes")
    return ops.concat(tensors, axis).with_mask(_concatenated(call, tensors, axis))


def _concatenated(call: Call, tensors: Sequence[Tensor], axis: int) -> Tensor | None:
    """The masks along the same axis; of the last one, a step's mask is that of all its values."""
    rule = call.meaning.of("merged_masks")
    masks = [t.mask for t in tensors]
    known = [m for m in masks if m is not None]
    if rule == "none" or not known:
        return None
    rank = tensors[0].rank
    if any(m.rank != rank - 1 for m in known):
        raise call.refuse("it is called on tensors whose masks are not of their steps")
    if len(known) == len(masks):
        return _joined(call) if axis % rank == rank - 1 else ops.concat(known, axis % rank)
    values = ops.concat(
        [_true(t) if t.mask is None else _widened(t, t.mask) for t in tensors], axis
    )
    return ops.reduce("All" if rule == "and" else "Any", values, -1)


@layer("Dot", masks="stop")
def dot(call: Call) -> Tensor:
    """The sum of products along an axis of each of two tensors, row by row of the batch."""
    if len(call.inputs) != 2:
        raise call.refuse(f"it is called on {len(call.inputs)} tensors, not two")
    x, y = call.inputs
    given = call.config.get("axes")
    first, second = given if isinstance(given, list | tuple) else (given, given)
    a, b = first % x.rank, second % y.rank
    if a == 0 or b == 0 or x.rank < 2 or y.rank < 2:
        raise call.refuse(f"its 'axes' is {given!r}")
    if call.config.flag("normalize", False):
        x, y = unit(call, x, [a], LEAST_SQUARE), unit(call, y, [b], LEAST_SQUARE)
    if x.rank == y.rank == 2:
        return ops.reduce("Sum", x * y, 1, keep=True)
    if x.rank == y.rank > 3 and call.meaning.of("dot") == "matrices":
        broadcast(x.shape[:-2], y.shape[:-2])
        return ops.batch_matmul(x, y, adj_x=a != x.rank - 1, adj_y=b == y.rank - 1)
    return _contracted(x, y, a, b)


def _contracted(x: Tensor, y: Tensor, a: int, b: int) -> Tensor:
    """The sum over axis a of x and b of y, whose other dimensions follow each other."""
    left, a_first = _as_matrix(x, a)
    right, b_first = _as_matrix(y, b)
    product = ops.batch_matmul(left, right, adj_x=a_first, adj_y=not b_first)
    if x.rank == y.rank == 3:
        return product
    rest = [ops.dim(x, i) for i in range(x.rank) if i not in (0, a)]
    rest += [ops.dim(y, i) for i in range(y.rank) if i not in (0, b)]
    shape = [x.shape[i] for i in range(x.rank) if i != a]
    shape += [y.shape[i] for i in range(y.rank) if i not in (0, b)]
    return ops.reshape(product, [ops.dim(x, 0), *rest]).with_shape(tuple(shape))


def _as_matrix(x: Tensor, axis: int) -> tuple[Tensor, bool]:
    """x as a matrix for each row, one of whose dimensions is `axis`; whether that is the first.

    No values are moved about where `axis` is the first or the last.
    """
    if x.rank == 2:
        return ops.expand_dims(x, 2), True
    if x.rank == 3:
        return x, axis == 1
    if axis not in (1, x.rank - 1):
        x = ops.transpose(x, [*(i for i in range(x.rank) if i != axis), axis])
        axis = x.rank - 1
    sizes = ops.dims(x)
    if axis == 1:
        return ops.reshape(x, [sizes[0], sizes[1], -1]), True
    return ops.reshape(x, [sizes[0], -1, sizes[-1]]), False
