"""Inputs: seeded, in the signature's dtypes, within vocabularies, or the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converter.bench.inputs import Inputs, size
from converter.errors import UsageError
from converter.serving.client.contract import Signature, TensorSpec
from converter.verdict.vocabulary import Demand
from converter.wire.tensorflow_pb2 import DT_FLOAT, DT_INT32, DT_STRING

SIGNATURE = Signature(
    {"ids": TensorSpec(DT_INT32, (None, 500)), "x": TensorSpec(DT_FLOAT, (None, 3))}, {}, ""
)


def test_the_same_seed_gives_the_same_batch_in_the_right_dtypes() -> None:
    first, again = (Inputs(SIGNATURE, None, {}, seed=5)(4) for _ in range(2))
    assert {key: a.dtype.name for key, a in first.items()} == {"ids": "int32", "x": "float32"}
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["x"], Inputs(SIGNATURE, None, {}, seed=6)(4)["x"])


def test_ids_fill_the_vocabulary_and_stay_within() -> None:
    ids = Inputs(SIGNATURE, None, {"ids": Demand(vocabulary=4)}, seed=0)(8)["ids"]
    assert set(ids.ravel()) == {0, 1, 2, 3}


def test_rows_of_the_users_own_are_repeated_or_cut(tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float64).reshape(2, 3)
    np.savez(tmp_path / "in.npz", x=x, ids=np.zeros((2, 500), np.int64))
    inputs = Inputs(SIGNATURE, tmp_path / "in.npz", {}, seed=0)
    assert inputs(3)["x"].tolist() == [*x.tolist(), x[0].tolist()]
    assert inputs(1)["x"].tolist() == x[:1].tolist()
    assert inputs(3)["x"].dtype == np.float32


def test_an_array_without_rows_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.zeros((0, 3)), ids=np.zeros((0, 500)))
    with pytest.raises(UsageError, match="without rows"):
        Inputs(SIGNATURE, tmp_path / "in.npz", {}, seed=0)


def test_a_fixed_number_of_rows_is_known() -> None:
    spec = TensorSpec(DT_FLOAT, (3, 2))
    assert Inputs(Signature({"x": spec}, {}, ""), None, {}, seed=0).fixed == 3
    assert Inputs(SIGNATURE, None, {}, seed=0).fixed is None


def test_the_size_of_texts_is_that_of_their_bytes() -> None:
    texts = Inputs(Signature({"s": TensorSpec(DT_STRING, (None,))}, {}, ""), None, {}, seed=0)(2)
    assert size(texts) == len(b"text 0") + len(b"text 1")
    assert size({"x": np.zeros((2, 3), np.float32)}) == 24
