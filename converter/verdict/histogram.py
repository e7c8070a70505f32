"""How differences are distributed: a histogram whose bins are the same for every comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from converter.toolchain.session import Array

# Decades of |a-b| that are told apart, and bins in each.
LOWEST, HIGHEST = -12, 4
PER_DECADE = 2
EDGES = 10.0 ** (np.arange((HIGHEST - LOWEST) * PER_DECADE + 1) / PER_DECADE + LOWEST)
# Bins in order: no difference; one below the first edge; one between each edge and the next; one
# from the last edge on, with the pairs of which only one is a number or finite.
BINS = len(EDGES) + 2
EQUAL, BELOW, BEYOND = 0, 1, BINS - 1


def histogram(reference: Array, answer: Array) -> tuple[int, ...]:
    """How many elements differ by how much: BINS counts, whose sum is the number of elements.

    NaN equals NaN, and an infinity equals the same infinity. Empty for arrays of different shapes.
    """
    if reference.shape != answer.shape:
        return ()
    wide = np.complex128 if "c" in (reference.dtype.kind, answer.dtype.kind) else np.float64
    a, b = answer.astype(wide).ravel(), reference.astype(wide).ravel()
    other = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(a[other] - b[other])
    places = np.searchsorted(EDGES, off, side="right") + BELOW  # NaN comes after the last edge
    counts = np.bincount(places, minlength=BINS)
    counts[EQUAL] = a.size - off.size
    return tuple(counts.tolist())


def told(counts: Sequence[int]) -> dict[str, int]:
    """The bins of a histogram that are not empty, by what they hold."""
    return {label: count for label, count in zip(_LABELS, counts, strict=True) if count}


_LABELS = (
    "equal",
    f"below {EDGES[0]:.2g}",
    *(f"{low:.2g} to {high:.2g}" for low, high in pairwise(EDGES)),
    f"{EDGES[-1]:.2g} or more, or not finite",
)
