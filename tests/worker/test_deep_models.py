"""Models deeper than Python's usual limit of recursion can be loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions
from converter.toolchain.pool import Pool
from testing import models

LAYERS = 1100


@pytest.mark.toolchain("tf2.15")
def test_a_model_of_a_thousand_layers_in_a_row_is_loaded(pool: Pool, tmp_path: Path) -> None:
    names = [f"relu{number}" for number in range(LAYERS)]
    chain = [
        models.layer("Activation", name, [before], activation="relu")
        for before, name in zip(["dense", *names], names, strict=False)
    ]
    first = [models.entry("in", 3), models.layer("Dense", "dense", ["in"], units=2)]
    config = models.functional([*first, *chain], ["in"], [names[-1]])
    path = models.write_h5(tmp_path / "deep.h5", config)
    worker = pool.session(catalog.get("tf2.15"), "graph")
    worker.load_h5(path, LoadOptions("tf.keras", translate="never"))
    (answer,) = worker.predict([np.ones((1, 3), np.float32)])
    np.testing.assert_array_equal(answer, [[3.0, 3.0]])
