"""Pages of the docs that tests write: a table of what was measured, by row and by writer.

The figures are kept as data beside the page, so that a part of them can be measured anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fixtures.make import WRITERS

# By writer and row: what stands there.
Figures = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Page:
    """A page at `path`, its figures beside it. head: what stands above the table. rows: what a row
    is.
    """

    path: Path
    head: str
    rows: str

    @property
    def data(self) -> Path:
        """The figures."""
        return self.path.with_suffix(".json")

    def read(self) -> Figures:
        """The figures as they were last measured."""
        stored: Figures = {}
        if self.data.exists():
            stored = json.loads(self.data.read_text(encoding="utf-8"))
        return stored

    def write(self, measured: Figures) -> None:
        """Put figures in the place of those that were there, and write the page with them."""
        known = self.read()
        ordered = {}
        for writer in WRITERS:
            rows = {**known.get(writer, {}), **measured.get(writer, {})}
            if rows:
                ordered[writer] = dict(sorted(rows.items(), key=lambda row: row[0].lower()))
        self.data.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
        self.path.write_text(self.shown(ordered), encoding="utf-8")

    def shown(self, known: Figures) -> str:
        """The page with these figures."""
        lines = [
            f"| {self.rows} | " + " | ".join(known) + " |",
            "| --- |" + " --- |" * len(known),
        ]
        for row in sorted({row for column in known.values() for row in column}, key=str.lower):
            cells = [column.get(row, "") for column in known.values()]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        return f"{self.head}\n" + "\n".join(lines) + "\n"
