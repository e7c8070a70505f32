"""x[...], as Python writes it and as the operation StridedSlice holds it.

A spec is a list of: Ellipsis, None for a new dimension, a number or scalar tensor for one place
that is dropped, and (start, stop, step).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from converter.direct.call import Call
from converter.direct.calls.operands import contents, integer, remember, size, sizes, tensor
from converter.direct.calls.table import function
from converter.direct.graph import Tensor
from converter.direct.ops.shaping import Dim, sliced, vector
from converter.direct.protos import Type

Spec = list[Any]

# How saved configs write what JSON has not.
ELLIPSIS = ("__ellipsis__", "ellipsis")


def spec_of(given: Any) -> Spec:
    """A spec as a config has it: one item, or a list of them."""
    return [_item(inner) for inner in (given if isinstance(given, list | tuple) else [given])]


def _item(given: Any) -> Any:
    if given is None or isinstance(given, Tensor):
        return given
    if not isinstance(given, dict):
        return integer(given)
    if given.get("class_name") in ELLIPSIS:
        return Ellipsis
    span = given.get("config") if given.get("class_name") == "__slice__" else given
    if not isinstance(span, dict) or set(span) != {"start", "stop", "step"}:
        raise ValueError(f"it is sliced by {given!r}")
    start, stop = (None if span[end] is None else size(span[end]) for end in ("start", "stop"))
    return start, stop, 1 if span["step"] is None else integer(span["step"])


@dataclass
class _Plan:
    """The vectors and masks of a StridedSlice, and the shape it gives."""

    begin: list[Dim] = field(default_factory=list)
    end: list[Dim] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    masks: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
        )
    )
    shape: list[int | None] = field(default_factory=list)

    def add(self, begin: Dim, end: Dim, step: int = 1, *masks: str) -> None:
        """One more item."""
        for mask in masks:
            self.masks[mask] |= 1 << len(self.begin)
        self.begin.append(begin)
        self.end.append(end)
        self.step.append(step)


def getitem(call: Call, x: Tensor, spec: Spec) -> Tensor:
    """x[spec]."""
    used = sum(item is not None and item is not Ellipsis for item in spec)
    if used > x.rank or spec.count(Ellipsis) > 1:
        raise ValueError(f"a tensor of rank {x.rank} sliced by {len(spec)} items")
    plan, rest = _Plan(), iter(x.shape)
    for item in spec:
        _plan(plan, item, rest, x.rank - used)
    plan.shape += rest
    inputs = [x, vector(x, plan.begin), vector(x, plan.end)]
    steps = call.graph.constant(np.asarray(plan.step, np.int32))
    attrs = {"T": Type(x.dtype), "Index": Type("int32"), **plan.masks}
    made = call.graph.one("StridedSlice", [*inputs, steps], x.dtype, tuple(plan.shape), attrs)
    return _remembered(made, x, spec)


def _plan(plan: _Plan, item: Any, rest: Iterator[int | None], skipped: int) -> None:
    if item is Ellipsis:
        plan.shape += [next(rest) for _ in range(skipped)]
        plan.add(0, 0, 1, "ellipsis_mask")
    elif item is None:
        plan.shape.append(1)
        plan.add(0, 0, 1, "new_axis_mask")
    elif isinstance(item, tuple):
        start, stop, step = item
        plan.shape.append(sliced(next(rest), start, stop, step))
        masks = ["begin_mask"] * (start is None) + ["end_mask"] * (stop is None)
        plan.add(0 if start is None else start, 0 if stop is None else stop, step, *masks)
    else:
        place, whole = size(item), next(rest)
        if isinstance(place, int) and whole is not None and not -whole <= place < whole:
            raise ValueError(f"no place {place} in a dimension of {whole}")
        plan.add(place, place + 1, 1, "shrink_axis_mask")


def _remembered(made: Tensor, x: Tensor, spec: Spec) -> Tensor:
    """What is known of a part of a vector."""
    known = contents(x)
    if known is None or x.rank != 1 or len(spec) != 1:
        return made
    (item,) = spec
    if isinstance(item, int):
        return remember(made, [known[item]])
    if isinstance(item, tuple) and not any(isinstance(end, Tensor) for end in item):
        return remember(made, known[slice(*item)])
    return made


@function("__operators__.getitem")
def subscript(call: Call, tensor: Any, slice_spec: Any, var: Any = None) -> Tensor:
    """x[...] as it was written."""
    del var
    if not isinstance(tensor, Tensor):
        raise TypeError("what is sliced is no tensor")
    return getitem(call, tensor, spec_of(slice_spec))


@function("strided_slice")
def strided_slice(
    call: Call,
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
) -> Tensor:
    """x[...] as vectors of starts, ends and steps, and masks with a bit for each place."""
    del var
    starts, ends = sizes(begin), sizes(end)
    steps: Sequence[Dim] = [1] * len(starts) if strides is None else sizes(strides)
    spec: Spec = []
    for place, (start, stop, step) in enumerate(zip(starts, ends, steps, strict=True)):
        bit = 1 << place
        if ellipsis_mask & bit:
            spec.append(Ellipsis)
        elif new_axis_mask & bit:
            spec.append(None)
        elif shrink_axis_mask & bit:
            spec.append(start)
        else:
            first = None if begin_mask & bit else start
            spec.append((first, None if end_mask & bit else stop, integer(step)))
    return getitem(call, tensor(call, input_), spec)


@function("slice")
def slice_(call: Call, input_: Any, begin: Any, size: Any) -> Tensor:
    """`size` values from `begin` on, in every dimension; -1 is all that are left."""
    x, starts, counts = tensor(call, input_), sizes(begin), sizes(size)
    shape = tuple(
        _left(d, start, count) for d, start, count in zip(x.shape, starts, counts, strict=True)
    )
    inputs = [x, vector(x, starts), vector(x, counts)]
    made = call.graph.one(
        "Slice", inputs, x.dtype, shape, {"T": Type(x.dtype), "Index": Type("int32")}
    )
    known = contents(x)
    if known is None or x.rank != 1 or not isinstance(starts[0], int) or shape[0] is None:
        return made
    return remember(made, known[starts[0] : starts[0] + shape[0]])


def _left(size: int | None, start: Dim, count: Dim) -> int | None:
    if isinstance(count, int) and count >= 0:
        return count
    if isinstance(count, Tensor) or isinstance(start, Tensor) or size is None:
        return None
    return size - start
