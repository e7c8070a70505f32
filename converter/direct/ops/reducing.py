"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converter.direct.graph import Tensor
from converter.direct.protos import Shape, Type


def reduce(op: str, x: Tensor, axes: Sequence[int] | int, *, keep: bool = False) -> Tensor:
    """Sum, Mean, Max, Min, Prod, All or Any along `axes`; keep: as dimensions of 1."""
    wanted = sorted(a % x.rank for a in ([axes] if isinstance(axes, int) else axes))
    shape: Shape = tuple(
        1 if i in wanted else d for i, d in enumerate(x.shape) if keep or i not in wanted
    )
    where = x.graph.constant(np.asarray(wanted, np.int32))
    attrs = {"keep_dims": keep, "Tidx": Type("int32")}
    if op not in ("All", "Any"):
        attrs["T"] = Type(x.dtype)
    return x.graph.one(op, [x, where], x.dtype, shape, attrs)


def argmax(x: Tensor, axis: int, op: str = "ArgMax") -> Tensor:
    """Where the largest lies along an axis, as int64; op: ArgMin for the smallest."""
    axis %= x.rank
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    attrs = {"T": Type(x.dtype), "Tidx": Type("int32"), "output_type": Type("int64")}
    return x.graph.one(op, [x, x.graph.constant(axis)], "int64", shape, attrs)
