"""The results of a run as one document, schema `convert-h5/matrix/1`; see docs/matrix.md.

Every other format is made from it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import converter
from compat_matrix.advice import advise
from compat_matrix.matrix import Row
from converter.evidence import NO_TOOLCHAIN
from converter.options import Options
from converter.toolchain import catalog
from converter.verdict.rule import Rule

SCHEMA = "convert-h5/matrix/1"
Document = dict[str, Any]


def document(rows: Sequence[Row]) -> Document:
    """The whole of what was measured; files, toolchains and cells in the order of `rows`."""
    files = list(dict.fromkeys(row.file for row in rows))
    used = dict.fromkeys(row.cell.toolchain for row in rows)
    options = Options()
    cells = [_cell(row) for row in rows]
    return {
        "schema": SCHEMA,
        "convert_h5": converter.__version__,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "rule": str(Rule(options.rtol, options.atol)),
        "files": [
            {"name": f.name, "sha256": f.sha256, "writer": f.writer, "rule": f.rule} for f in files
        ],
        "toolchains": [_toolchain(id_) for id_ in used],
        "servings": list(dict.fromkeys(row.cell.serving for row in rows)),
        "advice": advise(cells),
        "cells": cells,
    }


def _toolchain(id_: str) -> dict[str, Any]:
    if id_ == NO_TOOLCHAIN:
        return {"id": id_, "tensorflow": "", "keras": {}}
    found = catalog.get(id_)
    keras = {flavour.name: flavour.version for flavour in found.flavours}
    return {"id": id_, "tensorflow": found.tensorflow, "keras": keras}


def _cell(row: Row) -> dict[str, Any]:
    cell = row.cell
    return {
        "file": row.file.name,
        "writer": row.file.writer,
        "toolchain": cell.toolchain,
        "keras": cell.keras,
        "strategy": cell.strategy,
        "serving": cell.serving,
        **row.outcome.as_dict(),
        "command": _command(row),
    }


def _command(row: Row) -> str:
    """What asks the same of one file."""
    where = "" if row.cell.toolchain == NO_TOOLCHAIN else f" --toolchain {row.cell.toolchain}"
    return (
        f"convert-h5 {shlex.quote(row.file.name)} models/m --strategy {row.cell.strategy}{where}"
        f" --serving local:{row.cell.serving}"
    )
