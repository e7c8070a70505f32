"""The rule |a - b| <= atol + rtol * |b|, and what differs beyond any tolerance."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from converter.toolchain.session import Array
from converter.verdict.compare import Verdict, compare
from converter.verdict.rule import Rule

RULE = Rule(rtol=1e-4, atol=1e-5)
EXACT = Rule(rtol=0.0, atol=0.0)
NAN, INF = math.nan, math.inf


def _floats(*values: float) -> Array:
    return np.array(values, np.float64)


def _verdict(expected: Array, got: Array, rule: Rule = RULE) -> Verdict:
    return compare(expected, got, rule, output="y")


@pytest.mark.parametrize(
    "values",
    [[1.0, -2.0], [NAN, 1.0], [INF, -INF, 0.0]],
    ids=["numbers", "some NaN", "infinities"],
)
def test_equal_answers_pass_under_the_strictest_rule(values: list[float]) -> None:
    verdict = _verdict(_floats(*values), _floats(*values), EXACT)
    assert verdict.passed
    assert (verdict.max_abs, verdict.max_rel) == (0, 0)
    assert (verdict.atol_needed, verdict.rtol_needed) == (0, 0)


@pytest.mark.parametrize(
    ("expected", "got", "problem"),
    [
        (_floats(NAN, 1), _floats(1, NAN), "NaN in different places"),
        (_floats(1, 1), _floats(NAN, 1), "NaN in different places"),
        (_floats(NAN, 1), _floats(1, 1), "NaN in different places"),
        (_floats(INF, 1), _floats(1, INF), "infinities in different places"),
        (_floats(1, 1), _floats(INF, 1), "infinities in different places"),
        (_floats(INF, 1), _floats(-INF, 1), "an infinity of the other sign"),
        (_floats(INF, 1), _floats(NAN, 1), "NaN in different places"),
        (_floats(1, 2), _floats(1, 2, 3), "shape [3] instead of [2]"),
        (_floats(1), np.array(1.0), "shape [] instead of [1]"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape [3, 2] instead of [2, 3]"),
        (np.zeros(2, np.float32), np.zeros(2), "dtype float64 instead of float32"),
        (np.zeros(2, np.int32), np.zeros(2, np.int64), "dtype int64 instead of int32"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "nothing was compared: the output is empty"),
    ],
)
def test_what_no_tolerance_forgives(expected: Array, got: Array, problem: str) -> None:
    verdict = _verdict(expected, got, Rule(rtol=1e9, atol=1e9))
    assert verdict.problem == problem
    assert not verdict.passed


@pytest.mark.parametrize(
    ("got", "passes"),
    [
        (8.75, True),  # exactly atol + rtol * |b| = 0.25 + 0.0625 * 8
        (8.75 + 2**-40, False),
        (7.25, True),
        (7.25 - 2**-40, False),
    ],
)
def test_the_bound_itself_passes_and_nothing_beyond_it(got: float, passes: bool) -> None:
    verdict = _verdict(_floats(8.0), _floats(got), Rule(rtol=0.0625, atol=0.25))
    assert verdict.passed is passes


def test_the_relative_part_is_of_the_reference_not_of_the_answer() -> None:
    rule = Rule(rtol=0.5, atol=0.0)
    assert not _verdict(_floats(1.0), _floats(2.0), rule).passed
    assert _verdict(_floats(2.0), _floats(1.0), rule).passed


def test_the_problem_counts_the_elements_and_states_the_rule() -> None:
    verdict = _verdict(_floats(1, 1, 1), _floats(1, 2, 3))
    assert verdict.problem == "2 of 3 elements beyond |a-b| <= 1e-05 + 0.0001*|b|"


def test_the_largest_differences_are_told() -> None:
    verdict = _verdict(_floats(100, 1, 0), _floats(104, 1.5, 0.25))
    assert (verdict.max_abs, verdict.max_rel) == (4, 0.5)
    assert verdict.elements == 3


def test_integers_and_bools_are_compared_as_numbers() -> None:
    assert not _verdict(np.array([1, 2]), np.array([1, 3])).passed
    assert not _verdict(np.array([True]), np.array([False])).passed
    assert _verdict(np.array([True]), np.array([True])).passed


@pytest.mark.parametrize(
    ("expected", "got", "top1"),
    [
        ([[0.1, 0.9], [0.8, 0.2]], [[0.2, 0.8], [0.9, 0.1]], 1.0),
        ([[0.1, 0.9], [0.8, 0.2]], [[0.9, 0.1], [0.9, 0.1]], 0.5),
        ([[0.1], [0.2]], [[0.1], [0.2]], None),
        ([0.1, 0.2], [0.1, 0.2], None),
    ],
    ids=["all rows", "half of the rows", "one class", "no classes"],
)
def test_top1_is_the_share_of_rows_with_the_same_winner(
    expected: Any, got: Any, top1: float | None
) -> None:
    assert _verdict(np.array(expected), np.array(got)).top1 == top1


def test_a_difference_that_no_relative_tolerance_forgives_needs_an_infinite_one() -> None:
    assert _verdict(_floats(0.0, 1.0), _floats(1.0, 1.0)).rtol_needed == INF


def test_references_close_to_zero_overflow_no_figure_of_the_verdict() -> None:
    verdict = _verdict(_floats(5e-324), _floats(1.0))  # numpy's warnings are errors here
    assert verdict.max_rel == INF
    assert not verdict.passed


def test_a_reference_of_nothing_but_nan_proves_nothing() -> None:
    verdict = _verdict(_floats(NAN, NAN), _floats(NAN, NAN))
    assert verdict.problem.startswith("nothing was compared")


def test_complex_answers_are_compared_with_their_imaginary_part() -> None:
    wanted, got = np.array([1 + 2j, 3j]), np.array([1 - 9j, 3j])
    assert _verdict(wanted, wanted).passed
    assert _verdict(wanted, got).max_abs == 11


def _close(elements: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[Array, Array]]:
    """Pairs of answers that differ in no, some or all elements."""
    return npst.array_shapes(min_dims=1, max_dims=2, max_side=4).flatmap(
        lambda shape: st.tuples(
            npst.arrays(np.float64, shape, elements=elements),
            npst.arrays(np.float64, shape, elements=elements),
        )
    )


NUMBERS = st.one_of(st.just(0.0), st.floats(1e-3, 1e6), st.floats(-1e6, -1e-3))
ANY_FLOAT = st.one_of(NUMBERS, st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 1.0 + 1e-5]))
TOLERANCES = st.floats(0.0, 10.0, allow_subnormal=False)


@settings(deadline=None)
@given(_close(ANY_FLOAT), TOLERANCES, TOLERANCES)
def test_it_agrees_with_numpy(pair: tuple[Array, Array], rtol: float, atol: float) -> None:
    expected, got = pair
    agreed = np.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    agreed = agreed and not np.isnan(expected).all()
    assert _verdict(expected, got, Rule(rtol, atol)).passed == agreed


@example((_floats(-0.4153998773842486), _floats(1.398890161149388)), 0.6153798096615374, 0.0)
@settings(deadline=None)
@given(_close(NUMBERS), TOLERANCES, TOLERANCES)
def test_the_smallest_absolute_tolerance_passes_when_used(
    pair: tuple[Array, Array], rtol: float, atol: float
) -> None:
    rule = Rule(rtol, atol)
    needed = _verdict(*pair, rule).atol_needed
    assert _verdict(*pair, dataclasses.replace(rule, atol=needed)).passed


@example((_floats(-0.6232744625373522), _floats(-0.5819484831901086)), 0.0, 1e-5)
@settings(deadline=None)
@given(_close(NUMBERS), TOLERANCES, TOLERANCES)
def test_the_smallest_relative_tolerance_passes_when_used(
    pair: tuple[Array, Array], rtol: float, atol: float
) -> None:
    rule = Rule(rtol, atol)
    needed = _verdict(*pair, rule).rtol_needed
    assume(np.isfinite(needed))
    assert _verdict(*pair, dataclasses.replace(rule, rtol=needed)).passed


@settings(deadline=None)
@given(_close(NUMBERS), TOLERANCES, TOLERANCES)
def test_the_smallest_absolute_tolerance_is_not_above_one_that_passes(
    pair: tuple[Array, Array], rtol: float, atol: float
) -> None:
    verdict = _verdict(*pair, Rule(rtol, atol))
    slack = 1e-9 * (1 + atol + verdict.max_abs)
    assert not verdict.passed or verdict.atol_needed <= atol + slack
    assert verdict.passed or verdict.atol_needed >= atol - slack
