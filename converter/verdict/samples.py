"""Inputs that a model can really take: right ids, masks, several batch sizes, several lengths.

Seeded: the same source and seed give the same samples everywhere.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from converter.errors import UsageError
from converter.toolchain.facts import TensorFacts
from converter.toolchain.session import Array
from converter.verdict.vocabulary import Demand

Batch = dict[str, Array]

# Lengths for dimensions that may have any: short first, longer for nets that shrink their input.
LENGTHS = (8, 32, 64, 128, 224)
# Bounds of the uniform values, most usual first.
SCALES = (1.0, 0.1, 10.0, 0.01)
# Elements of one row beyond which no sample is made.
LARGEST_ROW = 1 << 28
# How many different ids an integer input without a known vocabulary gets.
UNKNOWN_VOCABULARY = 10


@dataclass(frozen=True)
class Recipe:
    """How to make samples: keys and facts of the inputs in order, demands by key, and choices.

    length: what free dimensions get. scale: bound of the uniform values.
    """

    keys: tuple[str, ...]
    facts: tuple[TensorFacts, ...]
    demands: Mapping[str, Demand]
    rows: int
    seed: int
    length: int = LENGTHS[0]
    scale: float = SCALES[0]

    @property
    def fixed_batch(self) -> int | None:
        """The batch size the model insists on, if it does."""
        sizes = {fact.shape[0] for fact in self.facts if fact.shape}
        return next((size for size in sizes if size is not None), None)

    @property
    def free_lengths(self) -> bool:
        """Whether some input has a dimension of any size besides the batch."""
        return any(fact.shape and None in fact.shape[1:] for fact in self.facts)

    @property
    def has_floats(self) -> bool:
        """Whether scaling and rounding mean anything for some input."""
        return any(
            _is_float(fact) and self.demands.get(key, Demand()).vocabulary is None
            for key, fact in zip(self.keys, self.facts, strict=True)
        )

    @property
    def too_large(self) -> str | None:
        """The first input whose rows are larger than any that is sampled."""
        for key, fact in zip(self.keys, self.facts, strict=True):
            sizes = [self.length if d is None else d for d in (fact.shape or (None,))[1:]]
            if math.prod(sizes) > LARGEST_ROW:
                return key
        return None

    def batches(self) -> list[Batch]:
        """One row, several rows, and, where lengths are free, several rows of another length."""
        if self.fixed_batch is not None:
            return [self._batch(self.fixed_batch, self.length, 0)]
        found = [self._batch(1, self.length, 0), self._batch(self.rows, self.length, 1)]
        if self.free_lengths:
            found.append(self._batch(2, self.length + self.length // 2, 2))
        return found

    def _batch(self, rows: int, length: int, turn: int) -> Batch:
        return {key: self._values(i, key, rows, length, turn) for i, key in enumerate(self.keys)}

    def _values(self, position: int, key: str, rows: int, length: int, turn: int) -> Array:
        fact = self.facts[position]
        shape = [rows, *[length if d is None else d for d in (fact.shape or (None,))[1:]]]
        random = np.random.default_rng((self.seed, position, turn))
        demand = self.demands.get(key, Demand())
        values: Array
        if demand.vocabulary is not None:
            values = random.integers(0, demand.vocabulary, size=shape)
        elif fact.dtype == "bool":
            values = random.integers(0, 2, size=shape)
        elif not _is_float(fact):
            values = random.integers(0, UNKNOWN_VOCABULARY, size=shape)
        else:
            values = random.uniform(-self.scale, self.scale, size=shape)
        if demand.mask_value is not None and len(shape) > 1 and shape[1] > 2:
            # The second half of every other row is masked.
            values[::2, shape[1] - shape[1] // 2 :] = demand.mask_value
        return np.asarray(values, dtype=fact.dtype)


def nudged(batch: Batch) -> Batch:
    """`batch` with every float moved to the next one it can be: what rounding alone can do."""
    return {
        key: np.nextafter(values, np.asarray(np.inf, values.dtype))
        if values.dtype.kind == "f"
        else values
        for key, values in batch.items()
    }


def load_npz(path: Path, keys: Sequence[str], what: str) -> Batch:
    """Arrays by signature key from an .npz file of the user's; no pickles.

    Raises UsageError when the file cannot be read or lacks a key.
    """
    try:
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array (.npy)")
            found: dict[str, Array] = {name: np.asarray(stored[name]) for name in stored.files}
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(
            f"{path} cannot be read as .npz", why=str(error), fix="Write it with numpy.savez"
        ) from error
    if len(keys) == 1 and len(found) == 1:
        return {keys[0]: next(iter(found.values()))}
    missing = [key for key in keys if key not in found]
    if missing:
        raise UsageError(
            f"{path} lacks the {what} {', '.join(missing)}",
            why=f"it holds {', '.join(found) or 'nothing'}",
            fix=f"Name its arrays {', '.join(keys)}",
        )
    return {key: found[key] for key in keys}


def typed(key: str, values: Array, fact: TensorFacts) -> Array:
    """`values` of the user's in the dtype that the model has for `key`.

    Raises UsageError when they are no numbers, or their shape does not fit.
    """
    if values.dtype.kind not in "biufc":
        raise UsageError(f"The array '{key}' holds {values.dtype}, not numbers")
    shape = fact.shape
    fits = shape is None or (
        len(shape) == values.ndim
        and all(d is None or d == n for d, n in zip(shape, values.shape, strict=True))
    )
    if not fits:
        raise UsageError(
            f"The array '{key}' has the shape {list(values.shape)}",
            why=f"the model has {list(shape or ())}, where None is any size",
            fix="Give one row for each sample",
        )
    return values.astype(fact.dtype)


def _is_float(fact: TensorFacts) -> bool:
    return "float" in fact.dtype
