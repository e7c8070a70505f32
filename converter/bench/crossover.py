"""From which payload on which protocol wins, said in one sentence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from converter.bench.stats import Quantile
from converter.bench.ways import GRPC, REST
from converter.report import words

EVEN = "even"


@dataclass(frozen=True)
class Best:
    """The quickest way of a protocol at one payload, and the median of its calls, in ns."""

    way: str
    median: Quantile


@dataclass(frozen=True)
class Point:
    """One payload: rows, their bytes, and the best of each protocol."""

    rows: int
    payload: int
    rest: Best
    grpc: Best

    @property
    def winner(self) -> str:
        """The protocol whose whole interval is below the other's; `even` where they overlap."""
        if _below(self.grpc.median, self.rest.median):
            return GRPC
        return REST if _below(self.rest.median, self.grpc.median) else EVEN

    @property
    def factor(self) -> float:
        """How many times the slower protocol takes as long, by the medians."""
        medians = (self.rest.median.value, self.grpc.median.value)
        return max(medians) / min(medians)


def _below(a: Quantile, b: Quantile) -> bool:
    return a.high is not None and b.low is not None and a.high < b.low


def between(points: Sequence[Point]) -> int | None:
    """A number of rows to measure too: in the middle of where the winner changes; None if settled.

    The middle of the logarithms: payloads are compared by how many times they are larger.
    """
    ordered = sorted(points, key=lambda point: point.rows)
    for lower, upper in itertools.pairwise(ordered):
        if lower.winner != upper.winner:
            middle = round(math.sqrt(lower.rows * upper.rows))
            if lower.rows < middle < upper.rows:
                return middle
    return None


def sweep(
    points: Iterable[Point], measured: Callable[[int], Point | None], most: int
) -> list[Point]:
    """The points and up to `most` more, closing in on where the winner changes."""
    found = list(points)
    for _ in range(most):
        rows = between(found)
        point = None if rows is None else measured(rows)
        if point is None:
            break
        found.append(point)
    return sorted(found, key=lambda point: point.rows)


def sentence(points: Sequence[Point]) -> str:
    """What the points, in order of their rows, come to."""
    if not points:
        return "REST and gRPC were not both measured, so neither wins."
    decided = [point for point in points if point.winner != EVEN]
    if not decided:
        return f"REST and gRPC are even {_span(points)}."
    winners = [point.winner for point in decided]
    changes = [i for i in range(1, len(winners)) if winners[i] != winners[i - 1]]
    if not changes:
        wins = f"{winners[0]} wins {_span(decided)}, by {_factors(decided)}"
        even = [point for point in points if point.winner == EVEN]
        return f"{wins}{f'; even {_span(even)}' if even else ''}."
    if len(changes) == 1:
        before, after = decided[: changes[0]], decided[changes[0] :]
        return (
            f"{before[0].winner} wins up to {_told(before[-1])}, by {_factors(before)};"
            f" {after[0].winner} from {_told(after[0])} on, by {_factors(after)}."
        )
    each = ", ".join(f"{point.winner} at {_told(point)}" for point in decided)
    return f"Neither wins for good: {each}."


def _span(points: Sequence[Point]) -> str:
    if len(points) == 1:
        return f"at {_told(points[0])}"
    return f"from {_told(points[0])} to {_told(points[-1])}"


def _told(point: Point) -> str:
    return f"{words.count(point.rows, 'row')} ({kilobytes(point.payload)})"


def _factors(points: Sequence[Point]) -> str:
    factors = sorted({f"{point.factor:.1f}" for point in points}, key=float)
    return f"{factors[0]} times" if len(factors) == 1 else f"{factors[0]} to {factors[-1]} times"


def kilobytes(count: float) -> str:
    """Bytes for people."""
    return f"{count / 1000:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"
