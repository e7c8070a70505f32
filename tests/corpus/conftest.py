"""The table that a run over the corpus prints: one line for each file and strategy."""

from __future__ import annotations

import pytest

ROW = "corpus row"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows that the tests recorded, wherever they ran."""
    rows = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in getattr(report, "user_properties", [])
        if name == ROW
    ]
    if rows:
        terminalreporter.section("corpus")
        for row in sorted(rows):
            terminalreporter.write_line(row)
