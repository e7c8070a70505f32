"""Hold answers against the reference, number by number.

The rule is numpy's: an element passes when |a - b| <= atol + rtol * |b|, b being the reference;
NaN equals NaN, and an infinity equals the same infinity.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from converter.toolchain.session import Array
from converter.verdict.histogram import histogram, told
from converter.verdict.rule import Rule


@dataclass(frozen=True)
class Verdict:
    """What the comparison of one output said.

    check: what was compared (`answer`, `repeat`, `rows`, `protocols`, `random`). problem: why it
    failed, empty when it passed. max_abs, max_rel: largest differences. atol_needed, rtol_needed:
    the smallest tolerance of either kind (the other staying as it is) that would pass. top1: share
    of rows whose largest element is at the same place; None for outputs without classes. nans: how
    many elements of the reference are NaN. histogram: how the differences are distributed, see
    histogram.py; empty where they could not be told.
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
    nans: int = 0
    histogram: tuple[int, ...] = ()
    signature: str = "serving_default"

    @property
    def passed(self) -> bool:
        """Whether every element kept to the rule."""
        return not self.problem

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which has no word for NaN and infinity: those are texts."""
        figures = {**vars(self), "passed": self.passed}
        figures["histogram"] = told(self.histogram) if self.histogram else {}
        return {k: str(v) if _beyond_json(v) else v for k, v in figures.items()}


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

    verdict = Verdict(check, output, protocol, batch, _mismatch(expected, got), int(expected.size))
    if verdict.problem:
        return verdict
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    b = expected.astype(wide)
    a = got.astype(wide)
    finite = np.isfinite(b)
    off = np.abs(a[finite] - b[finite])
    size = np.abs(b[finite])
    count = int((off > rule.atol + rule.rtol * size).sum())
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        relative = np.where(size > 0, off / size, 0.0)
        needed = np.where(off > rule.atol, (off - rule.atol) / size, 0.0)
    # Beyond rounding, so that the figure passes when it is used.
    slack = 1 + 2.0**-50
    return dataclasses.replace(
        verdict,
        problem=f"{count} of {expected.size} elements beyond {rule}" if count else "",
        max_abs=_largest(off),
        max_rel=_largest(relative),
        atol_needed=_largest(
            np.where(off > rule.rtol * size, off - rule.rtol * size + 2 * np.spacing(off), 0.0)
        ),
        rtol_needed=_largest(needed) * slack,
        top1=_top1(a, b),
        nans=int(np.isnan(b).sum()),
        histogram=histogram(expected, got),
    )


def _mismatch(expected: Array, got: Array) -> str:
    """Why the two cannot be compared element by element, or differ beyond any tolerance."""
    if expected.shape != got.shape:
        return f"shape {list(got.shape)} instead of {list(expected.shape)}"
    if expected.dtype != got.dtype:
        return f"dtype {got.dtype} instead of {expected.dtype}"
    if expected.size == 0:
        return "nothing was compared: the output is empty"
    if not np.array_equal(np.isnan(expected), np.isnan(got)):
        return "NaN in different places"
    if np.isnan(expected).all():
        return "nothing was compared: the reference is NaN throughout"
    infinite = np.isinf(expected)
    if not np.array_equal(np.isinf(got), infinite):
        return "infinities in different places"
    if not np.array_equal(got[infinite], expected[infinite]):
        return "an infinity of the other sign"
    return ""


def _beyond_json(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _largest(values: Array) -> float:
    return max(0.0, float(values.max())) if values.size else 0.0


def _top1(a: Array, b: Array) -> float | None:
    if b.ndim < 2 or b.shape[-1] < 2 or b.dtype.kind == "c":
        return None
    return float((a.argmax(axis=-1) == b.argmax(axis=-1)).mean())
