"""Quantiles and their intervals, against known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.bench.stats import quantile

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)
PARTS = st.floats(0.01, 0.99)


@given(VALUES, PARTS)
def test_the_estimate_is_that_of_numpy(values: list[float], p: float) -> None:
    assert quantile(sorted(values), p).value == pytest.approx(np.quantile(values, p), abs=1e-6)


@given(VALUES, PARTS)
def test_an_interval_with_both_ends_holds_the_estimate(values: list[float], p: float) -> None:
    found = quantile(sorted(values), p)
    if found.low is not None and found.high is not None:
        assert found.low <= found.value + 1e-9
        assert found.high >= found.value - 1e-9


@given(st.integers(6, 200), PARTS)
@settings(max_examples=40)
def test_more_confidence_never_makes_the_interval_narrower(n: int, p: float) -> None:
    ordered = [float(i) for i in range(n)]
    narrow, wide = quantile(ordered, p, 0.8), quantile(ordered, p, 0.99)
    assert wide.low is None or (narrow.low is not None and wide.low <= narrow.low)
    assert wide.high is None or (narrow.high is not None and wide.high >= narrow.high)


# Lower and upper ranks of the median at 95 %, as tables of the sign test have them: the largest k
# with P(B(n, 1/2) < k) <= 0.025 is 1 for n = 6, 2 for 10, 6 for 20 and 40 for 100.
@pytest.mark.parametrize(("n", "low"), [(6, 1), (10, 2), (20, 6), (100, 40)])
def test_the_ranks_of_the_median_are_those_of_the_tables(n: int, low: int) -> None:
    found = quantile([float(i) for i in range(1, n + 1)], 0.5)
    assert (found.low, found.high) == (low, n + 1 - low)


def test_too_few_values_bound_nothing() -> None:
    median, tail = quantile([1.0, 2.0, 3.0], 0.5), quantile([float(i) for i in range(100)], 0.99)
    assert (median.low, median.high) == (None, None)
    assert tail.low is not None
    assert tail.high is None


@pytest.mark.parametrize("p", [0.5, 0.95])
def test_the_interval_covers_the_truth_as_often_as_it_says(p: float) -> None:
    random = np.random.default_rng(3)
    truth = -np.log(1 - p)  # of the exponential distribution
    samples = np.sort(random.exponential(size=(1000, 80)), axis=1).tolist()
    found = [quantile(sample, p) for sample in samples]
    covered = [
        (one.low is None or one.low <= truth) and (one.high is None or truth <= one.high)
        for one in found
    ]
    assert np.mean(covered) >= 0.93
