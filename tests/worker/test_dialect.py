"""A config said in the dialect of another Keras answers as its writer does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions
from converter.toolchain.pool import Pool
from testing import fixtures


@pytest.mark.parametrize(
    ("model", "shape", "toolchain", "flavour"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain("tf2.21", cell[2]))
        for cell in (
            # A model in a model: Keras 2 counts its making as its first call, Keras 3 does not.
            ("nested", (2, 6), "tf1.12-keras2.1", "tf.keras"),
            ("nested", (2, 6), "tf1.14-keras2.2", "keras"),
            ("nested", (2, 6), "tf2.2", "tf.keras"),
            ("nested", (2, 6), "tf2.15", "tf.keras"),
            # Flatten of Keras 2.0 cannot say which order it has, and has that of channels_last.
            ("digits", (2, 28, 28, 1), "tf1.4-keras2.0", "keras"),
        )
    ],
)
def test_keras_3_is_said_in_keras_2(
    model: str,
    shape: tuple[int, ...],
    toolchain: str,
    flavour: str,
    pool: Pool,
    fixtures_folder: Path,
) -> None:
    entry = fixtures.written_by(fixtures_folder, model, "tf2.21", "keras3")
    path = fixtures_folder / entry["file"]
    writer = pool.session(catalog.get("tf2.21"), "eager")
    loaded = writer.load_h5(path, LoadOptions("keras3"))
    inputs = [np.random.default_rng(i).random(shape, np.float32) for i in range(len(loaded.inputs))]
    (expected,) = writer.predict(inputs)
    other = pool.session(catalog.get(toolchain), "graph")
    assert other.load_h5(path, LoadOptions(flavour)).via == "translated"
    (answer,) = other.predict(inputs)
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
