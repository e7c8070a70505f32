"""Two runs held against each other: slower for sure fails, noise does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from converter.bench import baseline
from converter.errors import UsageError
from testing import benches


def _outcomes(factor: float, threshold: float = 0.2, calls: int = 30) -> set[str]:
    old, new = benches.made(calls=calls), benches.made(factor, calls=calls)
    return {entry["outcome"] for entry in baseline.compare(old, new, threshold)}


@pytest.mark.parametrize(
    ("factor", "outcome"), [(1.0, "same"), (1.15, "same"), (1.6, "slower"), (0.5, "faster")]
)
def test_a_case_is_slower_only_past_the_threshold(factor: float, outcome: str) -> None:
    assert _outcomes(factor) == {outcome}


def test_a_smaller_threshold_lets_less_pass() -> None:
    assert _outcomes(1.15, threshold=0.02) == {"slower"}


def test_too_few_calls_fail_nothing_and_say_so() -> None:
    assert _outcomes(3.0, calls=3) == {"too few calls"}


def test_what_is_slower_is_an_error_that_names_it() -> None:
    entries = baseline.compare(benches.made(), benches.made(2.0), 0.2)
    with pytest.raises(baseline.Slower, match="rest-row with 1 rows by 100 %") as failed:
        baseline.check(entries, 0.2)
    assert failed.value.exit_code == 1
    baseline.check(baseline.compare(benches.made(), benches.made(), 0.2), 0.2)


def test_runs_without_a_case_in_common_are_refused() -> None:
    with pytest.raises(UsageError, match="no case in common"):
        baseline.compare(benches.made(batches=(2,)), benches.made(batches=(3,)), 0.2)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"schema": "convert-h5/call/1"})])
def test_a_file_that_is_no_benchmark_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(UsageError):
        baseline.load(tmp_path / "old.json")
