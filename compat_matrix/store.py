"""Where results are kept while a run goes on: one line of JSON for each cell.

A line is written, and on disk, before its cell counts as measured; a run that is killed leaves at
most one torn line, which is not read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from compat_matrix.cells import Cell
from compat_matrix.outcome import Outcome

NAME = "cells.jsonl"


class Store:
    """The outcomes in a folder, by the key of their cell."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError when the folder cannot be made or read."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self._known = dict(_read(self.path))

    def get(self, cell: Cell) -> Outcome | None:
        """What was measured of `cell` under the same inputs."""
        return self._known.get(cell.key)

    def add(self, measured: Iterable[tuple[Cell, Outcome]]) -> None:
        """Keep these outcomes; on return they are on disk."""
        with self.path.open("ab") as stream:
            for cell, outcome in measured:
                told = {"key": cell.key, **vars(cell), "outcome": outcome.as_dict()}
                stream.write(json.dumps(told).encode() + b"\n")
                self._known[cell.key] = outcome
            stream.flush()
            os.fsync(stream.fileno())


def _read(path: Path) -> Iterable[tuple[str, Outcome]]:
    if not path.exists():
        return
    whole = path.read_bytes()
    torn = len(whole) - (whole.rfind(b"\n") + 1)
    if torn:  # the next line would be added to it
        os.truncate(path, len(whole) - torn)
    for line in whole[: len(whole) - torn].splitlines():
        told = json.loads(line)
        yield told["key"], Outcome.of(told["outcome"])
