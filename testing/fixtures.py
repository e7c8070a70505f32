"""Look up the committed .h5 files by what is in them and who wrote them."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from converter.toolchain import catalog
from fixtures import make


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


def digits_by(folder: Path, toolchain: str, flavour: str) -> Path:
    """The digits by a Keras of the catalog: the committed file, or one that it writes now."""
    for entry in entries(folder):
        if (entry["model"], entry["toolchain"], entry["flavour"]) == ("digits", toolchain, flavour):
            return folder / str(entry["file"])
    return _written_now(toolchain, flavour)


@functools.cache
def _written_now(toolchain: str, flavour: str) -> Path:
    scratch = Path(_scratch().name)
    path = scratch / f"{toolchain}-{flavour}.h5"
    found = catalog.get(toolchain).flavour(flavour)
    assert found is not None
    questions = scratch / "questions.npz"
    np.savez(questions, image=np.zeros((1, 28, 28, 1), np.float32))
    make.run(
        make.Writer(flavour, found.version, toolchain),
        scratch,
        task="write",
        size="slim",
        weights=None,
        questions=str(questions),
        answers=str(scratch / "answers.npz"),
        files=[
            {
                "model": "digits",
                "path": str(path),
                "seed": make.SEED,
                "optimizer": None,
                "step": False,
            }
        ],
    )
    return path


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for the files of this process, removed at its end."""
    return tempfile.TemporaryDirectory(prefix="convert-h5-written-")
