"""The corpus as its own manifest describes it: records, inputs, recorded answers, references."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from converter.toolchain.session import Array

FOLDER = Path(__file__).parents[3] / "shared" / "corpus"


@dataclass(frozen=True)
class Record:
    """One file: its entry in corpus.json and in refs.json (empty when it was never run)."""

    entry: dict[str, Any]
    reference: dict[str, Any]

    @property
    def path(self) -> Path:
        """The .h5 file."""
        return FOLDER / str(self.entry["file"])

    @property
    def id(self) -> str:
        """A short name for test ids and tables."""
        parts = str(self.entry["file"]).split("/")
        return "/".join(parts[-2:])

    def inputs(self) -> dict[str, Array]:
        """What the references were asked, by the record's input names.

        The rule is that of the corpus's samples.py: uniform in (-scale, scale), or ids below the
        vocabulary, from a generator seeded by the file's digest and the input's position.
        """
        known = {key: self.reference.get(key, {}) for key in ("vocab", "dims", "scale")}
        found = {}
        for position, spec in enumerate(self.reference.get("inputs", self.entry["inputs"])):
            place = str(position)
            free = int(known["dims"].get(place, 8))
            shape = [free if size is None else size for size in spec["shape"]]
            shape[0] = spec["shape"][0] or 2
            random = np.random.RandomState(int(self.entry["sha256"][:7], 16) + position)
            values: Array
            if known["vocab"].get(place):
                values = random.randint(0, known["vocab"][place], size=shape)
            else:
                bound = float(known["scale"].get(place, 1.0))
                values = random.uniform(-bound, bound, size=shape)
            found[spec["name"]] = np.asarray(values).astype(spec["dtype"] or "float32")
        return found

    def answers(self) -> dict[str, Array]:
        """The stored arrays: out_<i>, or mean_0 and std_0 where the model is random."""
        with np.load(FOLDER / "refs" / f"{self.entry['sha256'][:16]}.npz") as stored:
            return {name: stored[name] for name in stored.files}

    def recorded(self) -> tuple[list[Array], list[Array]] | None:
        """Inputs and predictions that the file's authors recorded, or None."""
        if "recorded_io" not in self.entry:
            return None
        with h5py.File(FOLDER / self.entry["recorded_io"], "r") as file:
            sides = (file["inputs"], file["predictions"])
            inputs, outputs = ([np.asarray(side[key]) for key in side] for side in sides)
        return inputs, outputs


def thin(array: Array) -> Array:
    """At most 20,000 elements, evenly strided, as the references store them."""
    flat = np.asarray(array, dtype="float64").ravel()
    return flat[:: max(1, -(-flat.size // 20000))]


@functools.cache
def load() -> tuple[Record, ...]:
    """Every record, files by one writer together; empty where the corpus is not."""
    if not FOLDER.is_dir():
        return ()
    entries = json.loads((FOLDER / "corpus.json").read_text())
    references = {r["sha256"]: r for r in json.loads((FOLDER / "refs.json").read_text())}
    records = [Record(entry, references.get(entry["sha256"], {})) for entry in entries]
    return tuple(sorted(records, key=lambda r: (str(r.entry["keras_version"]), r.id)))
