"""Who wins where, and the sentence that says so."""

from __future__ import annotations

import pytest

from converter.bench.crossover import Best, Point, between, sentence, sweep
from converter.bench.stats import Quantile


def _point(rows: int, rest: float, grpc: float, noise: float = 0.01) -> Point:
    return Point(
        rows,
        rows * 1000,
        rest=Best("rest-row", Quantile(rest, rest - noise, rest + noise)),
        grpc=Best("grpc-content", Quantile(grpc, grpc - noise, grpc + noise)),
    )


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "REST and gRPC were not both measured, so neither wins."),
        (
            [_point(1, 2, 1), _point(8, 8, 2)],
            "gRPC wins from 1 row (1.0 kB) to 8 rows (8.0 kB), by 2.0 to 4.0 times.",
        ),
        (
            [_point(1, 1, 2), _point(8, 1.5, 1.5), _point(64, 4, 2)],
            "REST wins up to 1 row (1.0 kB), by 2.0 times; gRPC from 64 rows (64.0 kB) on, "
            "by 2.0 times.",
        ),
        ([_point(1, 1, 1)], "REST and gRPC are even at 1 row (1.0 kB)."),
        (
            [_point(1, 1, 1), _point(2000, 4, 2)],
            "gRPC wins at 2,000 rows (2.0 MB), by 2.0 times; even at 1 row (1.0 kB).",
        ),
        (
            [_point(1, 2, 1), _point(2, 1, 2), _point(4, 2, 1)],
            "Neither wins for good: gRPC at 1 row (1.0 kB), REST at 2 rows (2.0 kB), "
            "gRPC at 4 rows (4.0 kB).",
        ),
    ],
)
def test_the_sentence_says_who_wins(points: list[Point], said: str) -> None:
    assert sentence(points) == said


def test_medians_whose_intervals_overlap_are_even_however_far_apart() -> None:
    assert _point(1, 2, 1, noise=0.6).winner == "even"


def test_an_open_interval_decides_nothing() -> None:
    open_ended = Best("rest-row", Quantile(9.0, None, None))
    assert Point(1, 1, open_ended, _point(1, 2, 1).grpc).winner == "even"


def test_the_sweep_closes_in_on_the_change() -> None:
    def measured(rows: int) -> Point:
        return _point(rows, 1 + rows * 0.2, 5 + rows * 0.01)  # they meet at 21 rows, even there

    found = sweep([measured(1), measured(256)], measured, most=20)
    winners = [(point.rows, point.winner) for point in found]
    assert (20, "REST") in winners
    assert (22, "gRPC") in winners
    assert between(found) is None


def test_nothing_more_is_measured_where_nothing_changes() -> None:
    def never(rows: int) -> Point:
        raise AssertionError(rows)

    points = [_point(1, 2, 1), _point(256, 2, 1)]
    assert sweep(points, never, most=3) == points
