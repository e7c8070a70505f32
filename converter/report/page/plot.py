"""The distribution of differences as a drawing: inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from converter.report import words
from converter.report.markup import node
from converter.verdict.histogram import (
    BELOW,
    BEYOND,
    EDGES,
    EQUAL,
    HIGHEST,
    LOWEST,
    PER_DECADE,
)

# The drawing in its own units: small, so that its text stays legible on a phone.
WIDTH, HEIGHT = 440, 204
LEFT, RIGHT, TOP, BOTTOM = 36, 420, 44, 158
# How wide the bars are that have no decade (equal, less, more), and what is free beside them.
PLACE, GAP = 36, 24
# What a bar of one element has of the height, so that it is seen.
LEAST = 0.06
FEWEST_DECADES = 3
LABEL_WIDTH = 42
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Axis:
    """The decades from `low` to `high` on the paper; places for less and for more beside them."""

    low: int
    high: int
    less: bool
    more: bool

    @property
    def left(self) -> float:
        """Where the lowest decade starts."""
        return LEFT + (PLACE + GAP) * (2 if self.less else 1)

    @property
    def right(self) -> float:
        """Where the highest decade ends."""
        return RIGHT - (PLACE + GAP if self.more else 0)

    def x(self, exponent: float) -> float:
        """Where 10^exponent is."""
        return self.left + (self.right - self.left) * (exponent - self.low) / (self.high - self.low)


def plot(counts: Sequence[int], marks: Mapping[str, float], *, name: str, about: str) -> ET.Element:
    """The histogram `counts` (see verify/histogram.py); both axes are logarithmic.

    marks: values of |a-b| to show beside the differences, by what they are; those off the axis are
    left out. name: an id for the page. about: whose differences they are.
    """
    shown = {what: value for what, value in marks.items() if EDGES[0] <= value <= EDGES[-1]}
    axis = _axis(counts, shown)
    return node(
        "svg",
        node("title", about, id=f"{name}-title"),
        node("desc", _description(counts), id=f"{name}-desc"),
        *_scale(max(counts)),
        *_ticks(axis),
        *_bars(counts, axis),
        *_marks(shown, axis),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def _span(place: int) -> tuple[float, float]:
    """The exponents between which the bin at `place` counts."""
    low = LOWEST + (place - BELOW - 1) / PER_DECADE
    return low, low + 1 / PER_DECADE


def _axis(counts: Sequence[int], marks: Mapping[str, float]) -> Axis:
    """Whole decades, as few as have all the bars and marks."""
    seen = [e for place in range(BELOW + 1, BEYOND) if counts[place] for e in _span(place)]
    seen += [math.log10(value) for value in marks.values()]
    less, more = counts[BELOW] > 0, counts[BEYOND] > 0
    low = LOWEST if less else math.floor(min(seen, default=-8))
    high = HIGHEST if more else math.ceil(max(seen, default=-4))
    while high - low < FEWEST_DECADES:
        low, high = (low, high + 1) if high < HIGHEST else (low - 1, high)
    return Axis(low, high, less, more)


def _description(counts: Sequence[int]) -> str:
    """The drawing in words."""
    told = [f"{words.count(sum(counts), 'element')}: {counts[EQUAL]:,} equal"]
    finite = [place for place in range(BELOW, BEYOND) if counts[place]]
    if finite:
        number, most = sum(counts[place] for place in finite), 10.0 ** _span(finite[-1])[1]
        told.append(f"{number:,} different by less than {most:.2g}")
    if counts[BEYOND]:
        told.append(f"{counts[BEYOND]:,} by more, or not finite")
    return ", ".join(told) + "."


def _height(count: int, largest: int) -> float:
    """How high a bar is: by the number of digits, so that few among many are seen."""
    part = math.log10(count) / math.log10(max(largest, 10))
    return (BOTTOM - TOP) * (LEAST + (1 - LEAST) * part)


def _scale(largest: int) -> Iterator[ET.Element]:
    """Lines at 1, 10, 100 … elements."""
    powers = int(math.log10(max(largest, 10)))
    step = powers // 4 + 1
    for power in range(0, powers + 1, step):
        y = f"{BOTTOM - _height(10**power, largest):.1f}"
        yield node("line", x1=str(LEFT), x2=str(RIGHT), y1=y, y2=y, class_="grid")
        yield _text(LEFT - 6, float(y) + 4, _power(power) if power > 2 else str(10**power), "end")
    yield _text(0, 13, "elements", "start", "axis")


def _ticks(axis: Axis) -> Iterator[ET.Element]:
    decades = axis.high - axis.low
    step = math.ceil(decades * LABEL_WIDTH / (axis.right - axis.left))
    yield node("line", x1=str(LEFT), x2=str(RIGHT), y1=str(BOTTOM), y2=str(BOTTOM), class_="base")
    for exponent in range(axis.low, axis.high + 1):
        x = f"{axis.x(exponent):.1f}"
        yield node("line", x1=x, x2=x, y1=str(BOTTOM), y2=str(BOTTOM + 4), class_="base")
        if (axis.high - exponent) % step == 0:
            yield _text(float(x), BOTTOM + 18, _power(exponent))
    yield _text(LEFT + PLACE / 2, BOTTOM + 18, "equal")
    if axis.less:
        yield _text(LEFT + PLACE * 1.5 + GAP, BOTTOM + 18, "less")
    if axis.more:
        yield _text(RIGHT - PLACE / 2, BOTTOM + 18, "more")
    yield _text((axis.left + axis.right) / 2, HEIGHT - 6, "|a−b|", "middle", "axis")


def _bars(counts: Sequence[int], axis: Axis) -> Iterator[ET.Element]:
    largest = max(counts)
    for place, number in enumerate(counts):
        if number:
            left, right = _place(place, axis)
            height = _height(number, largest)
            yield node(
                "rect",
                x=f"{left + 0.75:.1f}",
                y=f"{BOTTOM - height:.1f}",
                width=f"{right - left - 1.5:.1f}",
                height=f"{height:.1f}",
                class_={EQUAL: "bar equal", BEYOND: "bar beyond"}.get(place, "bar"),
            )


def _place(place: int, axis: Axis) -> tuple[float, float]:
    """From where to where the bar of a bin goes."""
    if place == EQUAL:
        return LEFT, LEFT + PLACE
    if place == BELOW:
        return LEFT + PLACE + GAP, LEFT + PLACE * 2 + GAP
    if place == BEYOND:
        return RIGHT - PLACE, RIGHT
    low, high = _span(place)
    return axis.x(low), axis.x(high)


def _marks(marks: Mapping[str, float], axis: Axis) -> Iterator[ET.Element]:
    """A dashed line for each, its words above: the smallest on top, clear of the other lines."""
    labels = []
    for row, (what, value) in enumerate(sorted(marks.items(), key=itemgetter(1))):
        x, y = axis.x(math.log10(value)), 13 + 17 * row
        at = f"{x:.1f}"
        yield node("line", x1=at, x2=at, y1=str(y + 4), y2=str(BOTTOM), class_="mark")
        anchor, shift = ("end", 4) if x > (LEFT + RIGHT) / 2 else ("start", -4)
        label = f"{what} {words.figure(value)}"
        labels.append(_text(x + shift, y, label, anchor, "mark-label"))
    yield from labels  # over the lines


def _text(x: float, y: float, text: str, anchor: str = "middle", class_: str = "") -> ET.Element:
    classes = {"class_": class_} if class_ else {}
    return node("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, **classes)


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(SUPERSCRIPTS)
