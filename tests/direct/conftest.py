"""The page that tells how close every layer comes to its writer: docs/direct-layers.md.

    pytest tests/direct/test_layers.py --write-layers

writes it from what the tests measured, wherever they ran.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from fixtures.make import WRITERS

MEASURED = "layers measured"
PAGE = Path(__file__).parents[2] / "docs" / "direct-layers.md"

HEAD = """\
# How close `direct` comes to the writers

Every layer, with several settings of its arguments, built and saved by each Keras of the catalog
with seeded random weights, converted by `direct`, and asked in TensorFlow 1.12, 1.14, 1.15, 2.2,
2.15 and 2.21. A figure is the largest absolute difference from the predictions of the Keras that
wrote the file, over all settings and all six; every test holds it to 1e-6 + 1e-5 of the value. An
empty place is a layer that this Keras does not have, or cannot save.

Written by `pytest tests/direct/test_layers.py --write-layers`.

"""


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write the page, when asked to and when everything passed."""
    if not config.getoption("--write-layers") or terminalreporter.getreports("failed"):
        return
    rows: dict[str, dict[str, float]] = defaultdict(dict)
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", []):
            if name == MEASURED:
                writer, errors = json.loads(str(value))
                for case, error in errors.items():
                    layer = case.split(":")[0]
                    rows[layer][writer] = max(rows[layer].get(writer, 0.0), error)
    PAGE.write_text(HEAD + _table(rows), encoding="utf-8")
    terminalreporter.write_line(f"wrote {PAGE.name}: {len(rows)} layers")


def _table(rows: dict[str, dict[str, float]]) -> str:
    writers = list(WRITERS)
    lines = ["| layer | " + " | ".join(writers) + " |", "| --- |" + " ---: |" * len(writers)]
    for layer in sorted(rows, key=str.lower):
        cells = [f"{rows[layer][w]:.0e}" if w in rows[layer] else "" for w in writers]
        lines.append(f"| {layer} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
