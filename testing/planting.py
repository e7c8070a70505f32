"""Plant a failure: write models and wrong SavedModels with a real TensorFlow, and have them told.

Code is run by a live worker, as the custom objects of a user are: no TensorFlow is imported anew.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from converter.contract import make as make_contract
from converter.options import Options
from converter.source import read as sources
from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions, Mode
from converter.toolchain.pool import Pool
from converter.toolchain.session import Array, Session
from converter.verdict.case import Case
from converter.verdict.diagnosis import Diagnosis, diagnose
from converter.verdict.rule import Rule

RULE = Rule(rtol=1e-4, atol=1e-5)
# In front of all code: where to write, and a seed, so that the weights are always the same.
HEAD = """
import os
import numpy as np
import tensorflow as tf
FOLDER = {folder!r}
np.random.seed(0)
def path(name):
    return os.path.join(FOLDER, name)
"""

# Two models alike but for what `build` does: `right` is saved as the source, `wrong` is served.
TWINS = """
keras = tf.keras
layers = keras.layers
def save(build):
    right, wrong = build(True), build(False)
    wrong.set_weights(right.get_weights())
    right.save(path("right.h5"))
    wrong.save(path("wrong"))
"""


@dataclass
class Bed:
    """Where failures are planted: a folder, the fixtures, and the workers of a pool."""

    pool: Pool
    folder: Path
    fixtures: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def plant(
        self, toolchain: str, code: str, *, flavour: str = "tf.keras", mode: Mode = "eager"
    ) -> None:
        """Run `code` in a worker; path(NAME) is a path in the bed's folder."""
        script = self.folder / f"plant{next(self._numbers)}.py"
        script.write_text(HEAD.format(folder=str(self.folder)) + code)
        seed = next(self.fixtures.glob(f"digits-{SEEDS[toolchain, flavour]}.h5"))
        self.pool.session(catalog.get(toolchain), mode, "plant").load_h5(
            seed, LoadOptions(flavour, custom_objects=script)
        )

    def keras(self, toolchain: str, mode: Mode = "eager") -> Session:
        """A worker for the reference."""
        return self.pool.session(catalog.get(toolchain), mode, "reference")

    def case(
        self,
        source: Path,
        toolchain: str,
        *,
        flavour: str = "tf.keras",
        mode: Mode = "eager",
        serving: str | None = None,
        saved_model: Path | None = None,
        batch: dict[str, Array] | None = None,
        **more: Any,
    ) -> Case:
        """The SavedModel `wrong` of the folder, held against `source` as its Keras loads it.

        batch: by default 3 rows of normal numbers, of whole ones for integers.
        """
        read = sources.read(source)
        contract = make_contract(read, Options())
        session = self.keras(toolchain, mode)
        options = LoadOptions(flavour)
        model = session.load_h5(source, options)
        if batch is None:
            random = np.random.default_rng(0)
            shapes = [[d or 3 for d in fact.shape or ()] for fact in model.inputs]
            arrays = [
                random.normal(size=s).astype(f.dtype)
                if "float" in f.dtype
                else random.integers(1, 9, s).astype(f.dtype)
                for s, f in zip(shapes, model.inputs, strict=True)
            ]
            batch = dict(zip(contract.inputs, arrays, strict=True))
        answers = session.predict([batch[key] for key in contract.inputs])
        expected = dict(zip(contract.outputs, answers, strict=True))
        runtime = self.pool.session(catalog.get(serving or toolchain), "eager", "serve here")
        return Case(
            **{
                "source": read,
                "path": source,
                "load": options,
                "keras": session,
                "saved_model": saved_model or self.folder / "wrong",
                "runtime": runtime,
                "contract": contract,
                "batch": batch,
                "expected": expected,
                "rule": RULE,
                **more,
            }
        )

    def diagnose(self, source: str | Path, toolchain: str, **more: Any) -> Diagnosis:
        """What is said of the SavedModel `wrong`; a text is a file of the bed's folder."""
        path = self.folder / source if isinstance(source, str) else source
        return diagnose(self.case(path, toolchain, **more))


# What a worker loads to run the code: any file that it can.
SEEDS = {
    ("tf1.4-keras1.2", "keras"): "keras-1.2.2",
    ("tf1.12-keras2.1", "keras"): "keras-2.1.6",
    ("tf1.14-keras2.2", "keras"): "keras-2.2.4",
    ("tf1.15-keras2.3", "keras"): "keras-2.3.1",
    ("tf1.15-keras2.3", "tf.keras"): "tf.keras-2.2.4-tf",
    ("tf2.2", "tf.keras"): "tf.keras-2.3.0-tf",
    ("tf2.15", "tf.keras"): "tf.keras-2.15",
    ("tf2.21", "keras3"): "keras3-3.15",
}
