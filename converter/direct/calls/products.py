"""Products of matrices and tensors; einsum as transposes, reshapes and one product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.calls.elementwise import spread
from converter.direct.calls.operands import alike, integer, integers, text
from converter.direct.calls.operands import axes as axes_of
from converter.direct.calls.table import function
from converter.direct.graph import Tensor, broadcast
from converter.direct.ops.shaping import Dim
from converter.direct.protos import Type

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@function("linalg.matmul matmul")
def matmul(
    call: Call,
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    *,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: str | None = None,
) -> Tensor:
    """Products of matrices in the last two dimensions; the leading ones are broadcast."""
    del a_is_sparse, b_is_sparse
    x, y = alike(call, a, b)
    if output_type not in (None, x.dtype):
        raise TypeError(f"a product of {x.dtype} as {output_type}")
    if min(x.rank, y.rank) < 2:
        raise ValueError("a product of what is no matrix")
    flip_x, flip_y = bool(transpose_a or adjoint_a), bool(transpose_b or adjoint_b)
    if x.rank == y.rank == 2:
        return ops.matmul(x, y, transpose_a=flip_x, transpose_b=flip_y)
    if y.rank == 2 and not flip_x:
        return ops.dot(x, ops.transpose(y, [1, 0]) if flip_y else y)
    lead = [*broadcast(x.shape[:-2], y.shape[:-2])]
    if x.rank != y.rank or x.shape[:-2] != y.shape[:-2]:
        sizes = [_dim(place - len(lead), x, y) for place in range(len(lead))]
        x, y = (spread(t, [*sizes, ops.dim(t, -2), ops.dim(t, -1)]) for t in (x, y))
    return ops.batch_matmul(x, y, adj_x=flip_x, adj_y=flip_y)


def _dim(place: int, x: Tensor, y: Tensor) -> Dim:
    """The size of a leading dimension of a product, counted from the last of them."""
    for t in (x, y):
        if t.rank - 2 >= -place and t.shape[place - 2] != 1:
            return ops.dim(t, place - 2)
    return 1


@function("linalg.matvec")
def matvec(
    call: Call, a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False
) -> Tensor:
    """Products of matrices and vectors."""
    x, y = alike(call, a, b)
    column = matmul(call, x, ops.expand_dims(y, -1), transpose_a or adjoint_a)
    return ops.squeeze(column, [-1])


@function("tensordot")
def tensordot(call: Call, a: Any, b: Any, axes: Any) -> Tensor:
    """The sum of products along axes of both; what is left of a, then of b."""
    x, y = alike(call, a, b)
    if isinstance(axes, list | tuple) and len(axes) == 2:
        left, right = axes_of(integers(axes[0]), x.rank), axes_of(integers(axes[1]), y.rank)
    else:
        count = integer(axes)
        left, right = [*range(x.rank - count, x.rank)], [*range(count)]
    names = [*LETTERS[: x.rank]]
    others = [*LETTERS[x.rank : x.rank + y.rank]]
    for i, j in zip(left, right, strict=True):
        others[j] = names[i]
    kept = [n for n in names + others if (n in names) != (n in others)]
    return _contract(x, "".join(names), y, "".join(others), "".join(kept))


@function("einsum")
def einsum(call: Call, equation: Any, *inputs: Any) -> Tensor:
    """One or two tensors by the labels of their dimensions."""
    if not inputs:
        raise ValueError("the file does not say which tensors the einsum is of")
    tensors = alike(call, *inputs)
    terms, result = _labels(text(equation), [t.rank for t in tensors])
    reduced = [
        _summed(x, term, "".join(terms[:i] + terms[i + 1 :]) + result)
        for i, (x, term) in enumerate(zip(tensors, terms, strict=True))
    ]
    if len(reduced) == 1:
        ((x, term),) = reduced
        return ops.transpose(x, [term.index(label) for label in result])
    if len(reduced) != 2:
        raise ValueError(f"an einsum of {len(reduced)} tensors")
    (x, left), (y, right) = reduced
    return _contract(x, left, y, right, result)


def _labels(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The labels of every tensor and of the result, with letters for an ellipsis."""
    given, arrow, result = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"the einsum {equation} of {len(ranks)} tensors")
    free = [letter for letter in LETTERS if letter not in equation]
    counts = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)]
    if any(n < 0 or (n and "..." not in term) for n, term in zip(counts, terms, strict=True)):
        raise ValueError(f"the einsum {equation} of tensors of other ranks")
    most = max(counts)
    if {n for n, term in zip(counts, terms, strict=True) if "..." in term} - {most}:
        raise ValueError(f"the einsum {equation} of tensors that are broadcast")
    outer = "".join(free[:most])
    terms = [term.replace("...", outer) for term in terms]
    if not arrow:
        whole = "".join(terms)
        result = "..." + "".join(sorted(n for n in set(whole) - set(outer) if whole.count(n) == 1))
    if outer and "..." not in result:
        raise ValueError(f"the einsum {equation} that loses dimensions")
    result = result.replace("...", outer)
    if any(len(set(term)) != len(term) for term in [*terms, result]):
        raise ValueError(f"the einsum {equation} with a label twice in one place")
    return terms, result


def _summed(x: Tensor, term: str, used: str) -> tuple[Tensor, str]:
    """x without the dimensions that nothing else has."""
    gone = [place for place, label in enumerate(term) if label not in used]
    if not gone:
        return x, term
    return ops.reduce("Sum", x, gone), "".join(label for label in term if label in used)


@dataclass(frozen=True)
class _Group:
    """Dimensions that are taken as one."""

    labels: str
    dims: list[Dim]

    @property
    def whole(self) -> Dim:
        """Their product."""
        if all(isinstance(d, int) for d in self.dims):
            return math.prod(d for d in self.dims if isinstance(d, int))
        if len(self.dims) == 1:
            return self.dims[0]
        total: Dim = 1
        for d in self.dims:
            total = d * total if isinstance(d, Tensor) else total * d
        return total


def _contract(x: Tensor, left: str, y: Tensor, right: str, result: str) -> Tensor:
    """The sum of products along labels that the result has not."""
    found: dict[str, Dim] = {}
    for t, labels in ((x, left), (y, right)):
        for place, label in enumerate(labels):
            if not isinstance(found.get(label), int):
                found[label] = ops.dim(t, place)

    def group(labels: list[str]) -> _Group:
        return _Group("".join(labels), [found[label] for label in labels])

    batch = group([n for n in left if n in right and n in result])
    inner = group([n for n in left if n in right and n not in result])
    rows = group([n for n in left if n not in right])
    columns = group([n for n in right if n not in left])
    if not inner.labels:
        return _outer(x, left, y, right, result)
    a = _matrix(x, left, batch, rows, inner)
    flip = right == batch.labels + columns.labels + inner.labels and len(columns.labels) == 1
    if flip and len(inner.labels) == 1:
        b = y
    else:
        flip, b = False, _matrix(y, right, batch, inner, columns)
    if batch.labels:
        made = ops.batch_matmul(a, b, adj_y=flip)
    else:
        made = ops.matmul(a, b, transpose_b=flip)
    if len(rows.labels) != 1 or len(columns.labels) != 1:
        made = ops.reshape(made, [*batch.dims, *rows.dims, *columns.dims])
    order = batch.labels + rows.labels + columns.labels
    return ops.transpose(made, [order.index(label) for label in result])


def _matrix(x: Tensor, labels: str, batch: _Group, first: _Group, second: _Group) -> Tensor:
    """x as matrices of two groups of its dimensions."""
    order = batch.labels + first.labels + second.labels
    x = ops.transpose(x, [labels.index(label) for label in order])
    if len(first.labels) == len(second.labels) == 1:
        return x
    return ops.reshape(x, [*batch.dims, first.whole, second.whole])


def _outer(x: Tensor, left: str, y: Tensor, right: str, result: str) -> Tensor:
    """Products without a sum: both are broadcast over what they lack."""

    def placed(t: Tensor, labels: str) -> Tensor:
        t = ops.transpose(t, [labels.index(label) for label in result if label in labels])
        for place, label in enumerate(result):
            if label not in labels:
                t = ops.expand_dims(t, place)
        return t

    return placed(x, left) * placed(y, right)


@function("nn.bias_add")
def bias_add(call: Call, value: Any, bias: Any, data_format: Any = None) -> Tensor:
    """A vector added along the channels."""
    x, b = alike(call, value, bias)
    if data_format is None or not text(data_format).startswith("NC"):
        return ops.bias_add(x, b)
    return x + ops.reshape(b, [-1] + [1] * (x.rank - 2))


@function("math.l2_loss nn.l2_loss")
def l2_loss(call: Call, t: Any) -> Tensor:
    """Half the sum of squares."""
    (x,) = alike(call, t)
    return call.graph.one("L2Loss", [x], x.dtype, (), {"T": Type(x.dtype)})
