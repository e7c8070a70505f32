"""Documents of compatibility matrices of any size, as compat_matrix.results makes them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from converter.toolchain import catalog

Document = dict[str, Any]
Cell = dict[str, Any]

WRITERS = ("keras 2.1.6", "keras 2.3.1", "tf.keras 2.4.0", "keras3 3.15")
STRATEGIES = ("builder", "save_model")
LOG = """\
W tensorflow/core/framework/op_kernel.cc:1401] OP_REQUIRES failed: Not found: Key dense_1/bias
Traceback (most recent call last):
  File "strategies/contrib.py", line 31, in write
ValueError: Model input shapes do not match the input shapes of the signature
"""
OUTCOMES: tuple[dict[str, Any], ...] = (
    {
        "kind": "pass",
        "loaded": "native",
        "reference": "keras in tf1.15-keras2.3",
        "max_abs": 2.98e-08,
        "max_rel": 1.4e-07,
    },
    {
        "kind": "wrong numbers",
        "issue": "keras-3-rewrote-meanings",
        "line": "dense (answer, grpc): 4 of 40 elements differ",
        "loaded": "translated",
        "reference": "keras in tf1.15-keras2.3",
        "max_abs": 0.21,
        "max_rel": 3.5,
    },
    {"kind": "refused", "line": "no Keras here loads files of this writer"},
    {
        "kind": "known issue",
        "issue": "newer-ops-in-old-servers",
        "line": "Op type not registered 'DisableCopyOnRead'",
        "log": LOG,
        "loaded": "native",
    },
    {"kind": "failed", "line": "the server ended with signal 11", "log": LOG, "loaded": "native"},
)


def document(
    files: Sequence[str] = ("digits.h5", "gru.h5", "lstm.h5", "nested.h5"),
    *,
    toolchains: int = 5,
    servings: Sequence[str] = ("1.15", "2.2", "2.15"),
) -> Document:
    """Every file in this many toolchains of the catalog, by two strategies, at every release.

    Two files in a row have the same writer. Most cells passed; every other outcome is there too.
    """
    used = list(catalog.load().values())[-toolchains:]
    written = {name: WRITERS[n // 2 % len(WRITERS)] for n, name in enumerate(files)}
    asked = itertools.product(files, used, STRATEGIES, servings)
    return {
        "schema": "convert-h5/matrix/1",
        "convert_h5": "1.2.3",
        "finished": "2024-05-01T12:00:00+00:00",
        "rule": "|a-b| <= 1e-05 + 0.0001*|b|",
        "files": [
            {"name": f, "sha256": f"{n:064x}", "writer": written[f]} for n, f in enumerate(files)
        ],
        "toolchains": [
            {
                "id": t.id,
                "tensorflow": t.tensorflow,
                "keras": {f.name: f.version for f in t.flavours},
            }
            for t in used
        ],
        "servings": list(servings),
        "cells": [
            {
                "file": file,
                "writer": written[file],
                "toolchain": toolchain.id,
                "keras": toolchain.flavours[0].name,
                "strategy": strategy,
                "serving": serving,
                **_outcome(number),
                "command": f"convert-h5 {file} models/m --strategy {strategy} "
                f"--toolchain {toolchain.id} --serving local:{serving}",
            }
            for number, (file, toolchain, strategy, serving) in enumerate(asked)
        ],
        "advice": [
            {
                "writer": writer,
                "serving": serving,
                "do": f"Convert {writer} for {serving} by direct.",
            }
            for writer in dict.fromkeys(written.values())
            for serving in servings
        ],
    }


def large() -> Document:
    """Twenty thousand cells."""
    names = [f"model-{number:02}.h5" for number in range(40)]
    return document(names, toolchains=25, servings=[f"2.{minor}" for minor in range(10)])


def square(told: Document, file: str, toolchain: str) -> list[Cell]:
    """The cells of one file in one toolchain."""
    return [c for c in told["cells"] if (c["file"], c["toolchain"]) == (file, toolchain)]


def _outcome(number: int) -> dict[str, Any]:
    """Every seventh or so is not a pass; without a rhythm that rows or columns could have."""
    worse = number * 2654435761 % 2**32 / 2**32
    return OUTCOMES[0] if worse < 0.85 else OUTCOMES[1 + number % 4]
