"""How reports name things and write figures."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.errors import ConvertH5Error, NotProven
from converter.report import words
from converter.report.model import AttemptReport
from testing import reports


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (2.3841858e-07, "2.38e-07"), (0.5, "0.5"), (math.inf, "∞"), (math.nan, "nan")],
)
def test_a_figure_has_three_digits(value: float, text: str) -> None:
    assert words.figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (1.2301e-6, "1.24e-06"), (0.5, "0.5"), (math.inf, "∞")]
)
def test_a_tolerance_is_rounded_up(value: float, text: str) -> None:
    assert words.tolerance(value) == text


@given(st.floats(0, 1e300))
def test_a_tolerance_passes_when_it_is_used_as_it_is_told(value: float) -> None:
    told = float(words.tolerance(value))
    assert value <= told <= value * 1.02 + 5e-324


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.75, "75 %"),
        (1 / 3, "33.33 %"),
        (0.9999999, "99.99 %"),
        (0.0000001, "0.01 %"),
    ],
)
def test_all_and_none_are_said_only_of_all_and_none(value: float, text: str) -> None:
    assert words.share(value) == text


def test_one_is_singular() -> None:
    assert words.count(1, "row") == "1 row"
    assert words.count(0, "row") == "0 rows"
    assert words.count(12345, "row") == "12,345 rows"


def _classes(above: type[ConvertH5Error]) -> list[type[ConvertH5Error]]:
    below = [found for sub in above.__subclasses__() for found in _classes(sub)]
    return [above, *below] if above is not ConvertH5Error else below


@pytest.mark.parametrize("error", _classes(ConvertH5Error), ids=lambda e: e.id)
def test_every_ending_has_a_name(error: type[ConvertH5Error]) -> None:
    assert error.exit_code in words.ENDINGS


def test_endings_are_named_after_what_is_left() -> None:
    assert words.headline(reports.published()) == ("good", "Proven and published")
    assert words.headline(reports.verified()) == ("good", "Verified")
    refuted = dataclasses.replace(reports.verified(), error=NotProven("no"))
    assert words.headline(refuted) == ("bad", "The answers differ")
    unproven = [AttemptReport("builder", "keras in tf2.15", frozen=False, outcome="published")]
    report = dataclasses.replace(reports.published(), attempts=unproven)
    assert words.headline(report) == ("fair", "Published without proof")
