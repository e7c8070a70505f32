"""Hold a run against an earlier one: what is slower for sure, and by more than is let pass.

A case is slower when the least that its median can be, by its confidence interval, is beyond the
most that the old one's can be, by more than the threshold. So noise alone fails nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from converter.bench.document import SCHEMA
from converter.bench.stats import Quantile
from converter.errors import ConvertH5Error, UsageError

SLOWER, FASTER, SAME, UNSURE = "slower", "faster", "same", "too few calls"
Document = dict[str, Any]
Key = tuple[str, int, int, str]


class Slower(ConvertH5Error):
    """A case is slower than in the baseline, past the threshold."""

    id = "bench-slower"
    exit_code = 1


def load(path: Path) -> Document:
    """A document of an earlier run. Raises UsageError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON", why=str(error)) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError(f"{path} is not a benchmark of the schema {SCHEMA}")
    return document


def compare(old: Document, new: Document, threshold: float) -> list[dict[str, Any]]:
    """What became of every case that both have. threshold: 0.2 lets 20 % pass.

    Raises UsageError where they have none in common: comparing nothing is no success.
    """
    before = {_key(case): case for case in old["cases"]}
    both = [case for case in new["cases"] if _key(case) in before]
    if not both:
        raise UsageError(
            "The baseline has no case in common with this run",
            fix="Measure the same ways, batches, concurrency and connections",
        )
    return [_entry(before[_key(case)], case, threshold) for case in both]


def check(entries: list[dict[str, Any]], threshold: float) -> None:
    """Raise Slower where a case is."""
    slower = [entry for entry in entries if entry["outcome"] == SLOWER]
    if slower:
        told = ", ".join(
            f"{e['way']} with {e['batch']} rows by {100 * e['change']:.0f} %" for e in slower
        )
        raise Slower(
            f"{len(slower)} of {len(entries)} cases are slower than the baseline by more than"
            f" {100 * threshold:g} %",
            why=told,
        )


def _key(case: Mapping[str, Any]) -> Key:
    return case["way"], case["batch"], case["concurrency"], case["connection"]


def _entry(before: Mapping[str, Any], after: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    old, new = (Quantile(**case["latency_ms"]["p50"]) for case in (before, after))
    way, batch, concurrency, connection = _key(after)
    return {
        "way": way,
        "batch": batch,
        "concurrency": concurrency,
        "connection": connection,
        "old_ms": old.value,
        "new_ms": new.value,
        "change": new.value / old.value - 1,
        "outcome": _outcome(old, new, threshold),
    }


def _outcome(old: Quantile, new: Quantile, threshold: float) -> str:
    if None in (old.low, old.high, new.low, new.high):
        return UNSURE
    assert old.low is not None
    assert old.high is not None
    assert new.low is not None
    assert new.high is not None
    if new.low > old.high * (1 + threshold):
        return SLOWER
    return FASTER if new.high * (1 + threshold) < old.low else SAME
