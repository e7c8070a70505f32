"""CSV and Markdown say what the document says."""

from __future__ import annotations

import csv
import io
from typing import Any

from compat_matrix import formats
from compat_matrix.advice import advise


def _cell(**changed: Any) -> dict[str, Any]:
    return {
        "file": "a.h5",
        "writer": "keras 2.2.4",
        "toolchain": "tf2.2",
        "keras": "tf.keras",
        "strategy": "builder",
        "serving": "2.2",
        "kind": "pass",
        "command": "convert-h5 a.h5 models/m",
        **changed,
    }


def _document(*cells: dict[str, Any]) -> dict[str, Any]:
    return {
        "files": [{"name": "a.h5"}],
        "servings": list(dict.fromkeys(cell["serving"] for cell in cells)),
        "cells": list(cells),
        "advice": advise(cells),
    }


def test_csv_has_a_row_for_each_cell_and_leaves_out_what_is_not_told() -> None:
    text = formats.as_csv(_document(_cell(max_abs=1e-7), _cell(kind="failed", line="what, why")))
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["kind"], first["max_abs"], first["line"]) == ("pass", "1e-07", "")
    assert (second["kind"], second["max_abs"], second["line"]) == ("failed", "", "what, why")


def test_no_text_of_a_file_is_a_formula_in_a_spreadsheet() -> None:
    text = formats.as_csv(_document(_cell(file="=HYPERLINK(1)"), _cell(line="@SUM(1)")))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["file"] == "'=HYPERLINK(1)"
    assert rows[1]["line"] == "'@SUM(1)"


def test_markdown_counts_what_is_right_and_what_the_others_were() -> None:
    kinds = ("pass", "pass", "known issue", "failed")
    text = formats.as_markdown(_document(*(_cell(kind=kind) for kind in kinds)))
    assert "| tf2.2 | builder | 2 of 4, 1k 1f |" in text


def test_a_text_cannot_break_the_table() -> None:
    text = formats.as_markdown(_document(_cell(writer="a | b\nc")))
    (line,) = [line for line in text.splitlines() if "2.2 |" in line and "a " in line]
    assert line.replace("\\|", "").count("|") == 4
