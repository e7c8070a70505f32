"""The results for people at a terminal, and as files: JSON, CSV, plots and one page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from converter.bench import page, plots
from converter.bench.crossover import kilobytes
from converter.bench.document import PARTS, QUANTILES
from converter.errors import UsageError
from converter.report import words

Document = dict[str, Any]
COLUMNS = (
    *("way", "protocol", "batch", "concurrency", "connection", "payload_bytes", "sent_bytes"),
    *("received_bytes", "calls", "p50_ms", "p50_low_ms", "p50_high_ms", "p95_ms", "p99_ms"),
    *("encode_ms", "wire_ms", "decode_ms", "calls_per_second", "rows_per_second"),
)


def write(document: Document, folder: Path, drawn: plots.Drawn) -> list[Path]:
    """Write bench.json, bench.csv, bench.html and the plots into `folder`. Raises UsageError."""
    texts: dict[str, str | bytes] = {
        "bench.json": json.dumps(document, indent=1) + "\n",
        "bench.csv": as_csv(document),
        "bench.html": page.render(document, drawn),
    }
    for name, images in drawn.items():
        texts |= {f"{name}.{kind}": data for kind, data in images.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    except OSError as error:
        raise UsageError(
            f"The results cannot be written to {folder}",
            why=str(error.strerror),
            fix="Choose another -o folder",
        ) from error
    return [folder / name for name in texts]


def as_csv(document: Document) -> str:
    """A row for each case."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case in document["cases"]:
        flat = {**case, **{f"{part}_ms": case["split_ms"][part] for part in PARTS}}
        for name in QUANTILES:
            told = case["latency_ms"][name]
            flat |= {f"{name}_ms": told["value"], f"{name}_low_ms": told["low"]}
            flat[f"{name}_high_ms"] = told["high"]
        writer.writerow([flat[column] for column in COLUMNS])
    return stream.getvalue()


def lines(document: Document) -> Iterator[str]:
    """The results in text: a table for each kind of call, then what they come to."""
    target, settings = document["target"], document["settings"]
    yield (
        f"{target['model']} version {target['version']}, served by {target['served_by']};"
        f" {settings['rounds']} rounds of {settings['calls']} calls"
    )
    last: tuple[int, int] | None = None
    for case in document["cases"]:
        group = (case["concurrency"], case["batch"])
        if group != last:
            yield ""
            yield (
                f"{words.count(case['batch'], 'row')} ({kilobytes(case['payload_bytes'])}),"
                f" {case['concurrency']} at once"
            )
            yield (
                f"  {'way':14}{'connection':>11}{'p50 ms':>10}{'p95':>10}{'p99':>10}"
                f"{'encode':>10}{'wire':>10}{'decode':>10}{'calls/s':>10}{'sent':>12}"
            )
        last = group
        yield _line(case)
    yield ""
    yield from (f"left out: {entry['way']}: {entry['why']}" for entry in document["skipped"])
    yield from document["notes"]
    for entry in document.get("baseline", {}).get("cases", ()):
        yield (
            f"against the baseline: {entry['way']}, {entry['batch']} rows:"
            f" {entry['old_ms']:.3f} to {entry['new_ms']:.3f} ms"
            f" ({100 * entry['change']:+.0f} %): {entry['outcome']}"
        )
    yield document["crossover"]["sentence"]


def _line(case: dict[str, Any]) -> str:
    latency, split = case["latency_ms"], case["split_ms"]
    figures = [latency[name]["value"] for name in QUANTILES] + [split[part] for part in PARTS]
    sent = "" if case["sent_bytes"] is None else kilobytes(case["sent_bytes"])
    told = "".join(f"{value:10.3f}" for value in figures)
    rate = f"{case['calls_per_second']:10.1f}"
    return f"  {case['way']:14}{case['connection']:>11}{told}{rate}{sent:>12}"
