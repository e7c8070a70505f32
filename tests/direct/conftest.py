"""Collects what tests measured, wherever they ran, for the pages in docs/."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from tests.direct import pages

LAYERS = "layers measured"
APPLICATION = "application measured"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write the pages, when asked to, with what passed."""
    if not config.getoption("--everything"):
        return
    layers = {}
    applications: dict[str, dict[str, str]] = defaultdict(dict)
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", []):
            if name == LAYERS:
                writer, errors = json.loads(str(value))
                layers[writer] = pages.layers(errors)
            if name == APPLICATION:
                writer, model, told = json.loads(str(value))
                applications[writer][model] = told
    for page, measured in ((pages.LAYERS, layers), (pages.APPLICATIONS, applications)):
        if measured:
            page.write(measured)
            terminalreporter.write_line(f"wrote {page.path.name} for {', '.join(measured)}")
