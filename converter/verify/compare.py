"""Hold answers against the reference, number by number.

The rule is numpy's: an element passes when |a - b| <= atol + rtol * |b|, b being the reference;
NaN equals NaN, and an infinity equals the same infinity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converter.toolchain.session import Array


@dataclass(frozen=True)
class Rule:
    """|a - b| <= atol + rtol * |b|."""

    rtol: float
    atol: float

    def __str__(self) -> str:
        return f"|a-b| <= {self.atol:g} + {self.rtol:g}*|b|"


@dataclass(frozen=True)
class Verdict:
    """What the comparison of one output said.

    check: what was compared (`answer`, `repeat`, `rows`). problem: why it failed, empty when it
    passed. max_abs, max_rel: largest differences. atol_needed, rtol_needed: the smallest tolerance
    of either kind (the other staying as it is) that would pass. top1: share of rows whose largest
    element is at the same place; None for outputs without classes.
    """

    check: str
    output: str
    protocol: str
    batch: int
    problem: str
    elements: int
    max_abs: float = 0.0
    max_rel: float = 0.0
    atol_needed: float = 0.0
    rtol_needed: float = 0.0
    top1: float | None = None

    @property
    def passed(self) -> bool:
        """Whether every element kept to the rule."""
        return not self.problem


def compare(
    expected: Array,
    got: Array,
    rule: Rule,
    *,
    output: str,
    check: str = "answer",
    protocol: str = "session",
    batch: int = 0,
) -> Verdict:
    """The verdict on `got` against the reference `expected`. Comparing nothing is a failure."""

    def verdict(problem: str, **figures: float | None) -> Verdict:
        return Verdict(check, output, protocol, batch, problem, int(expected.size), **figures)

    if expected.shape != got.shape:
        return verdict(f"shape {list(got.shape)} instead of {list(expected.shape)}")
    if expected.dtype != got.dtype:
        return verdict(f"dtype {got.dtype} instead of {expected.dtype}")
    if expected.size == 0:
        return verdict("nothing was compared: the output is empty")
    b = expected.astype(np.float64)
    a = got.astype(np.float64)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return verdict("NaN in different places")
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return verdict("infinities in different places")
    if not np.isfinite(a[finite]).all():
        return verdict("an infinity where the reference is finite")
    off = np.abs(a[finite] - b[finite])
    size = np.abs(b[finite])
    over = off - (rule.atol + rule.rtol * size)
    count = int((over > 0).sum())
    problem = f"{count} of {expected.size} elements beyond {rule}" if count else ""
    nonzero = size > 0
    return verdict(
        problem,
        max_abs=_largest(off),
        max_rel=_largest(off[nonzero] / size[nonzero]),
        atol_needed=_largest(off - rule.rtol * size),
        rtol_needed=_largest((off[nonzero] - rule.atol) / size[nonzero]),
        top1=_top1(a, b),
    )


def _largest(values: Array) -> float:
    return max(0.0, float(values.max())) if values.size else 0.0


def _top1(a: Array, b: Array) -> float | None:
    if b.ndim < 2 or b.shape[-1] < 2:
        return None
    return float((a.argmax(axis=-1) == b.argmax(axis=-1)).mean())
