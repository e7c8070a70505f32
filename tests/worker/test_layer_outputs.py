"""The worker can tell what every layer gives, in Kerases of every age."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions, Mode
from converter.toolchain.pool import Pool
from testing import fixtures


@pytest.mark.parametrize(
    ("toolchain", "flavour", "mode"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain(cell[0]))
        for cell in (
            ("tf1.4-keras1.2", "keras", "graph"),
            ("tf1.15-keras2.3", "keras", "graph"),
            ("tf1.15-keras2.3", "tf.keras", "graph"),
            ("tf2.15", "tf.keras", "eager"),
            ("tf2.15", "tf.keras", "graph"),
            ("tf2.21", "keras3", "eager"),
        )
    ],
)
def test_the_last_layers_output_is_the_prediction(
    toolchain: str, flavour: str, mode: Mode, pool: Pool, fixtures_folder: Path
) -> None:
    entry = fixtures.written_by(fixtures_folder, "digits", toolchain, flavour)
    worker = pool.session(catalog.get(toolchain), mode)
    worker.load_h5(fixtures_folder / entry["file"], LoadOptions(flavour))
    images = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
    (scores,) = worker.predict([images])
    outputs = worker.layer_outputs([images])
    assert len(outputs) > 4
    np.testing.assert_allclose(outputs["scores"], scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("toolchain", "flavour", "mode"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain(cell[0]))
        for cell in (
            ("tf1.15-keras2.3", "tf.keras", "graph"),
            ("tf2.15", "tf.keras", "eager"),
            ("tf2.21", "keras3", "eager"),
        )
    ],
)
def test_shared_layers_are_left_out(
    toolchain: str, flavour: str, mode: Mode, pool: Pool, fixtures_folder: Path
) -> None:
    entry = fixtures.written_by(fixtures_folder, "nested", toolchain, flavour)
    worker = pool.session(catalog.get(toolchain), mode)
    loaded = worker.load_h5(fixtures_folder / entry["file"], LoadOptions(flavour))
    shapes = [tuple(2 if d is None else d for d in fact.shape or ()) for fact in loaded.inputs]
    inputs = [np.random.default_rng(0).random(shape, np.float32) for shape in shapes]
    (answer,) = worker.predict(inputs)
    outputs = worker.layer_outputs(inputs)
    assert any(np.allclose(output, answer, atol=1e-6) for output in outputs.values())
