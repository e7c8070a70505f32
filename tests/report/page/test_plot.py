"""The drawing of a distribution: an axis that has everything that is on it, and no more."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np
import pytest

from converter.report.page.plot import LEFT, RIGHT, plot
from converter.toolchain.session import Array
from converter.verdict.histogram import histogram


def _drawn(answer: Array, marks: Mapping[str, float] | None = None) -> ET.Element:
    counts = histogram(np.zeros(answer.shape), answer)
    return plot(counts, marks or {}, name="p", about="y over gRPC")


def _texts(drawing: ET.Element) -> list[str]:
    return [text.text or "" for text in drawing.iter("text")]


def _bars(drawing: ET.Element) -> list[tuple[str, float, float]]:
    """Kind, left end and height of every bar."""
    return [
        (bar.get("class", ""), float(bar.get("x", "")), float(bar.get("height", "")))
        for bar in drawing.iter("rect")
    ]


def test_the_axis_has_the_decades_of_the_differences_in_whole() -> None:
    texts = _texts(_drawn(np.array([0.0, 2e-7, 4e-4])))
    assert [text for text in texts if text.startswith("10") and text != "10"] == [
        *("10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³")
    ]
    assert "less" not in texts
    assert "more" not in texts


def test_marks_are_on_the_axis_even_far_from_the_differences() -> None:
    drawing = _drawn(np.array([2e-7]), {"atol": 1e-2})
    assert {"10⁻⁷", "10⁻²", "atol 0.01"} <= set(_texts(drawing))


@pytest.mark.parametrize("value", [0.0, 1e-13, 1e5, math.inf, math.nan])
def test_marks_that_no_axis_has_are_left_out(value: float) -> None:
    drawing = _drawn(np.array([2e-7]), {"atol": value})
    assert not any("atol" in text for text in _texts(drawing))


@pytest.mark.parametrize("answer", [[0.0], [1e-13], [3e3], [1e300], [math.nan], [1e-13, 1e300]])
def test_bars_are_between_the_ends_of_the_axis(answer: list[float]) -> None:
    for _, left, height in _bars(_drawn(np.array(answer), {"atol": 1e-5})):
        assert LEFT <= left < RIGHT
        assert height > 0


def test_what_is_too_small_or_too_large_for_the_axis_is_beside_it() -> None:
    drawing = _drawn(np.array([0.0, 1e-13, 1.0, 1e9]))
    assert {"equal", "less", "more"} <= set(_texts(drawing))
    kinds = [kind for kind, _, _ in _bars(drawing)]
    assert kinds == ["bar equal", "bar", "bar", "bar beyond"]
    places = [left for _, left, _ in _bars(drawing)]
    assert places == sorted(places)


def test_one_element_among_a_million_is_seen() -> None:
    answer = np.zeros(10**6)
    answer[7] = 0.5
    (_, _, most), (_, _, one) = _bars(_drawn(answer))
    assert most > one > 5


def test_the_words_of_the_drawing_say_what_is_in_it() -> None:
    drawing = _drawn(np.array([0.0, 0.0, 2e-7, 4e-4, math.nan]))
    assert drawing.findtext("title") == "y over gRPC"
    assert drawing.findtext("desc") == (
        "5 elements: 2 equal, 2 different by less than 0.001, 1 by more, or not finite."
    )
    ids = {element.get("id") for element in drawing.iter()}
    assert set((drawing.get("aria-labelledby") or "").split()) <= ids
