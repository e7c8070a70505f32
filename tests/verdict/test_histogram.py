"""The distribution of differences: every element in exactly one bin, the same bins always."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from converter.toolchain.session import Array
from converter.verdict.histogram import BELOW, BEYOND, BINS, EDGES, EQUAL, histogram, told

NAN, INF = math.nan, math.inf


def _bin(reference: float | complex, answer: float | complex) -> int:
    """Where one pair is counted."""
    return histogram(np.array([reference]), np.array([answer])).index(1)


@pytest.mark.parametrize("value", [0.0, 1.5, -3e38, NAN, INF, -INF, 1j])
def test_equal_elements_have_a_bin_of_their_own(value: float | complex) -> None:
    assert _bin(value, value) == EQUAL


@pytest.mark.parametrize(
    ("reference", "answer"),
    [(NAN, 1.0), (1.0, NAN), (INF, 1.0), (1.0, -INF), (INF, -INF), (0.0, 1e4), (-1e308, 1e308)],
)
def test_what_cannot_be_subtracted_is_beyond_every_edge(reference: float, answer: float) -> None:
    assert _bin(reference, answer) == BEYOND


@pytest.mark.parametrize("tiny", [5e-324, 1e-45, 9.99e-13])
def test_the_smallest_differences_are_not_taken_for_equal(tiny: float) -> None:
    assert _bin(0.0, tiny) == BELOW


@pytest.mark.parametrize("number", range(len(EDGES)))
def test_an_edge_belongs_to_the_bin_above_it(number: int) -> None:
    edge = float(EDGES[number])
    assert _bin(0.0, edge) == BELOW + 1 + number
    assert _bin(0.0, float(np.nextafter(edge, 0.0))) == BELOW + number


def test_there_are_two_bins_for_each_decade() -> None:
    assert _bin(0.0, 2e-7) + 1 == _bin(0.0, 4e-7)
    assert _bin(0.0, 2e-7) + 2 == _bin(0.0, 2e-6)


def test_answers_in_float32_are_subtracted_without_rounding() -> None:
    reference = np.array([16777216], np.float32)
    assert histogram(reference, np.array([16777218], np.float32)).index(1) == _bin(0.0, 2.0)


def test_complex_numbers_differ_by_their_distance() -> None:
    assert _bin(3 + 0j, 4j) == _bin(0.0, 5.0)


def test_bools_and_integers_are_numbers() -> None:
    assert histogram(np.array([True, True]), np.array([True, False]))[EQUAL] == 1
    assert histogram(np.array([7], np.uint8), np.array([9], np.uint8)).index(1) == _bin(0.0, 2.0)


def test_other_shapes_have_no_distribution() -> None:
    assert histogram(np.zeros((2, 3)), np.zeros((3, 2))) == ()


def test_nothing_is_counted_in_an_empty_array() -> None:
    assert histogram(np.zeros((0, 3)), np.zeros((0, 3))) == (0,) * BINS


ARRAYS = npst.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(3)))


@settings(deadline=None)
@given(ARRAYS, ARRAYS)
def test_every_element_is_counted_once(reference: Array, answer: Array) -> None:
    answer = np.resize(answer, reference.shape)
    counts = histogram(reference, answer)
    assert len(counts) == BINS
    assert sum(counts) == reference.size
    assert all(isinstance(count, int) for count in counts)


def test_every_bin_has_a_label_of_its_own() -> None:
    assert len(told([1] * BINS)) == BINS
    assert list(told([1] * BINS))[:3] == ["equal", "below 1e-12", "1e-12 to 3.2e-12"]
    assert list(told([1] * BINS))[-1] == "1e+04 or more, or not finite"


def test_bins_are_told_by_what_they_hold_without_the_empty_ones() -> None:
    counts = histogram(np.zeros(4), np.array([0.0, 2e-7, 2.5e-7, NAN]))
    assert told(counts) == {"equal": 1, "1e-07 to 3.2e-07": 2, "1e+04 or more, or not finite": 1}
