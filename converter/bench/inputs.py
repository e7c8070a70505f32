"""Inputs of any number of rows: seeded, or the user's own again and again; in the very dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from converter import calling
from converter.errors import UsageError
from converter.serving.client import casting
from converter.serving.client.contract import Signature
from converter.toolchain.session import Array
from converter.verdict.samples import Batch, load_npz
from converter.verdict.vocabulary import Demand


class Inputs:
    """Gives the same batch for the same number of rows.

    path: an .npz file by input key, whose rows are repeated or cut. demands: vocabularies of ids.
    Raises UsageError, RequestUnfit.
    """

    def __init__(
        self, signature: Signature, path: Path | None, demands: Mapping[str, Demand], seed: int
    ) -> None:
        self._signature = signature
        self._demands = demands
        self._seed = seed
        self._batches: dict[int, Batch] = {}
        self._given: Batch | None = None
        if path is not None:
            self._given = load_npz(path, tuple(signature.inputs), "inputs")
            if not all(array.ndim and len(array) for array in self._given.values()):
                raise UsageError(f"{path} has an array without rows")

    @property
    def fixed(self) -> int | None:
        """The number of rows that the model insists on, if it does."""
        first = [spec.shape[0] for spec in self._signature.inputs.values() if spec.shape]
        return next((size for size in first if size is not None), None)

    def __call__(self, rows: int) -> Batch:
        """A batch of `rows` rows."""
        if rows not in self._batches:
            raw = self._made(rows) if self._given is None else _repeated(self._given, rows)
            specs = self._signature.inputs
            # In the dtypes of the signature already, so that no way has to cast when it is timed.
            self._batches[rows] = {
                key: casting.tensor_for(key, specs[key], array).values()
                for key, array in raw.items()
            }
        return self._batches[rows]

    def _made(self, rows: int) -> Batch:
        made = calling.made_up(self._signature, rows, self._seed)
        random = np.random.default_rng(self._seed)
        for key, demand in self._demands.items():
            if demand.vocabulary is not None and key in made:
                made[key] = random.integers(0, demand.vocabulary, made[key].shape)
        return made


def _repeated(given: Batch, rows: int) -> Batch:
    return {key: np.take(a, range(rows), axis=0, mode="wrap") for key, a in given.items()}


def size(batch: Batch) -> int:
    """The bytes of its numbers, or of its strings."""
    return sum(_size(array) for array in batch.values())


def _size(array: Array) -> int:
    return sum(map(len, array.flat)) if array.dtype.hasobject else array.nbytes
