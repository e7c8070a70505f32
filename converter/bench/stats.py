"""Quantiles with confidence intervals that assume nothing of the distribution.

Of n independent values in order, X(1) to X(n), the p-quantile lies between X(l) and X(u) with the
probability that a binomial variable of n and p is in l … u-1 (H. A. David, H. N. Nagaraja, Order
Statistics, 3rd edition, section 7.1). Latencies are skewed and have tails, so that an interval from
a mean and its deviation would be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Quantile:
    """An estimate, and the interval that holds the true value with the confidence asked for.

    low, high: None where the values are too few to bound it on that side.
    """

    value: float
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return dict(vars(self))


def quantile(ordered: Sequence[float], p: float, confidence: float = CONFIDENCE) -> Quantile:
    """The p-quantile of values in ascending order, with 0 < p < 1.

    The estimate is numpy's default (linear between the two values around it). Raises ValueError
    without values.
    """
    if not ordered:
        raise ValueError("no values")
    at = p * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    value = ordered[below] + (at - below) * (ordered[above] - ordered[below])
    low, high = _ranks(len(ordered), p, (1 - confidence) / 2)
    return Quantile(
        value,
        None if low is None else ordered[low - 1],
        None if high is None else ordered[high - 1],
    )


def _ranks(n: int, p: float, tail: float) -> tuple[int | None, int | None]:
    """The largest l and the smallest u, counted from 1, that each miss with at most `tail`."""
    below = list(accumulate(_binomial(n, p)))  # below[k]: the probability of at most k
    # X(l) is above the quantile when fewer than l values are at or below it.
    low = sum(1 for k in range(n) if below[k] <= tail)
    # X(u) is below the quantile when at least u values are.
    high = next((u for u in range(1, n + 1) if 1 - below[u - 1] <= tail), None)
    return low or None, high


def _binomial(n: int, p: float) -> list[float]:
    """The probabilities of 0 … n, by logarithms so that no factor overflows."""
    whole = math.lgamma(n + 1)
    return [
        math.exp(
            whole
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(p)
            + (n - k) * math.log1p(-p)
        )
        for k in range(n + 1)
    ]
