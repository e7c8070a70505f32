"""The results as files: JSON, CSV, Markdown and one page of HTML, all made from one document."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from compat_matrix import page
from compat_matrix.outcome import KINDS
from converter.text import escaped

COLUMNS = (
    *("file", "writer", "toolchain", "keras", "strategy", "serving", "kind", "issue"),
    *("max_abs", "max_rel", "loaded", "reference", "seconds", "line", "command"),
)

# How a kind is told in a table.
MARKS = {"wrong numbers": "w", "refused": "r", "known issue": "k", "failed": "f"}


def write(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write matrix.json, .csv, .md and .html into `folder`; returns their paths."""
    texts = {
        "matrix.json": json.dumps(document, indent=1) + "\n",
        "matrix.csv": as_csv(document),
        "matrix.md": as_markdown(document),
        "matrix.html": page.render(document),
    }
    written = []
    for name, text in texts.items():
        partial = folder / f".{name}"
        partial.write_text(text, encoding="utf-8")
        written.append(partial.replace(folder / name))
    return written


def as_csv(document: dict[str, Any]) -> str:
    """A row for each cell. A text that a spreadsheet would take for a formula gets a quote."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell in document["cells"]:
        writer.writerow([_harmless(cell.get(name, "")) for name in COLUMNS])
    return stream.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def as_markdown(document: dict[str, Any]) -> str:
    """Toolchains against releases: how many cells of each strategy are right."""
    servings = document["servings"]
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for cell in document["cells"]:
        counts[cell["toolchain"], cell["strategy"], cell["serving"]][cell["kind"]] += 1
    lines = [
        f"{len(document['cells'])} cells, {len(document['files'])} files; right of measured, and"
        " what the others were: " + ", ".join(f"{mark} {kind}" for kind, mark in MARKS.items()),
        "",
        "| toolchain | strategy | " + " | ".join(f"at {s}" for s in servings) + " |",
        "| --- | --- |" + " --- |" * len(servings),
    ]
    for toolchain, strategy in dict.fromkeys((t, s) for t, s, _ in counts):
        told = [_count(counts[toolchain, strategy, serving]) for serving in servings]
        lines.append(f"| {toolchain} | {strategy} | " + " | ".join(told) + " |")
    lines += ["", "| for a file by | served by | do |", "| --- | --- | --- |"]
    for entry in document["advice"]:
        lines.append(f"| {_flat(entry['writer'])} | {entry['serving']} | {entry['do']} |")
    return "\n".join(lines) + "\n"


def _flat(text: str) -> str:
    """A text of a stranger's file as one field of a table."""
    return escaped(text).replace("|", "\\|")


def _count(kinds: Counter[str]) -> str:
    others = "".join(f" {kinds[kind]}{MARKS[kind]}" for kind in KINDS[1:] if kinds[kind])
    return f"{kinds['pass']} of {sum(kinds.values())}{',' * bool(others)}{others}"
