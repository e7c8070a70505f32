"""The results as one document, schema `convert-h5/bench/1`; docs/benchmarks.md describes it.

All times are milliseconds, all sizes bytes.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import converter
from converter.bench import crossover
from converter.bench.cases import Case
from converter.bench.crossover import Point
from converter.bench.measure import Samples, Settings
from converter.bench.stats import CONFIDENCE, Quantile, quantile
from converter.bench.target import Target
from converter.bench.ways import WAYS
from converter.serving.client.contract import ModelMetadata
from converter.serving.tensors import name_of

SCHEMA = "convert-h5/bench/1"
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
PARTS = ("encode", "wire", "decode")
# So many of a case's times are told, evenly over all of them, for its distribution.
TOLD_TIMES = 200
NS_IN_MS = 1e6
WireBytes = tuple[int, int] | None


@dataclass(frozen=True)
class Began:
    """When a run began, and the machine's load average then: how many others wanted its cpus."""

    when: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    load: float = field(default_factory=lambda: os.getloadavg()[0])


def case_of(case: Case, samples: Samples, payload: int, wire: WireBytes) -> dict[str, Any]:
    """One case. payload: bytes of the inputs; wire: those sent and received by one call."""
    calls = sorted(sum(parts) / NS_IN_MS for parts in samples.times)
    seconds = sum(samples.walls) / 1e9
    split = zip(PARTS, zip(*samples.times, strict=True), strict=True)
    rate = len(calls) / seconds
    return {
        "way": case.way.id,
        "protocol": case.way.protocol,
        "batch": case.batch,
        "concurrency": case.concurrency,
        "connection": case.connection,
        "payload_bytes": payload,
        "sent_bytes": wire[0] if wire else None,
        "received_bytes": wire[1] if wire else None,
        "calls": len(calls),
        "latency_ms": {
            "mean": statistics.fmean(calls),
            "least": calls[0],
            "most": calls[-1],
            **{name: quantile(calls, p).as_dict() for name, p in QUANTILES.items()},
        },
        "split_ms": {part: statistics.median(ns) / NS_IN_MS for part, ns in split},
        "calls_per_second": rate,
        "rows_per_second": rate * case.batch,
        "times_ms": [round(t, 4) for t in _evenly(calls, TOLD_TIMES)],
    }


def _evenly(ordered: Sequence[float], most: int) -> list[float]:
    """At most so many of the values, the first and the last among them."""
    if len(ordered) <= most:
        return list(ordered)
    return [ordered[round(i * (len(ordered) - 1) / (most - 1))] for i in range(most)]


def point_of(cases: Sequence[Mapping[str, Any]]) -> Point | None:
    """The best of each protocol among the cases of one batch; None where one is missing."""
    best: dict[str, crossover.Best] = {}
    for case in cases:
        if WAYS[case["way"]].competes:
            median = Quantile(**case["latency_ms"]["p50"])
            known = best.get(case["protocol"])
            if known is None or median.value < known.median.value:
                best[case["protocol"]] = crossover.Best(case["way"], median)
    if len(best) < 2:
        return None
    rows, payload = cases[0]["batch"], cases[0]["payload_bytes"]
    return Point(rows, payload, rest=best["REST"], grpc=best["gRPC"])


def crossing(points: Sequence[Point]) -> dict[str, Any]:
    """Who wins where, and in one sentence."""
    return {
        "sentence": crossover.sentence(points),
        "points": [
            {
                "batch": point.rows,
                "payload_bytes": point.payload,
                "winner": point.winner,
                "factor": point.factor,
                "rest": point.rest.way,
                "grpc": point.grpc.way,
            }
            for point in points
        ],
    }


def document(
    target: Target,
    metadata: ModelMetadata,
    signature: str,
    settings: Settings,
    began: Began,
) -> dict[str, Any]:
    """Everything but the cases and the crossover, which are to be put in."""
    known = metadata.signatures[signature]
    specs = {"inputs": known.inputs, "outputs": known.outputs}
    return {
        "schema": SCHEMA,
        "convert_h5": converter.__version__,
        "started": began.when.isoformat(timespec="seconds"),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "cpus": len(os.sched_getaffinity(0)),
            "load": round(began.load, 2),
            "platform": platform.platform(terse=True),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        },
        "target": {
            "model": metadata.name,
            "version": metadata.version,
            "served_by": target.description,
            "toolchain": target.toolchain.id,
            "signature": signature,
            **{
                kind: {
                    key: {"dtype": name_of(spec.dtype), "shape": _listed(spec.shape)}
                    for key, spec in held.items()
                }
                for kind, held in specs.items()
            },
        },
        "settings": {
            "rounds": settings.rounds,
            "calls": settings.calls,
            "warmup": settings.warmup,
            "seed": settings.seed,
            "rule": str(settings.rule),
            "confidence": CONFIDENCE,
        },
        "ways": {way.id: {"protocol": way.protocol, "about": way.about} for way in WAYS.values()},
        "notes": list(target.notes),
        "cases": [],
        "skipped": [],
        "crossover": crossing([]),
    }


def _listed(shape: tuple[int | None, ...] | None) -> list[int | None] | None:
    return None if shape is None else list(shape)
