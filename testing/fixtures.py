"""Look up the committed .h5 files by what is in them and who wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def entries(folder: Path) -> list[dict[str, Any]]:
    """Every entry of fixtures.json."""
    found: list[dict[str, Any]] = json.loads((folder / "fixtures.json").read_text())["files"]
    return found


def written_by(folder: Path, model: str, toolchain: str, flavour: str) -> dict[str, Any]:
    """The entry of a model kind by one writer."""
    return next(
        entry
        for entry in entries(folder)
        if (entry["model"], entry["toolchain"], entry["flavour"]) == (model, toolchain, flavour)
    )
