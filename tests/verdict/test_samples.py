"""Inputs that a model can really take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.errors import UsageError
from converter.toolchain.facts import TensorFacts
from converter.verdict.samples import UNKNOWN_VOCABULARY, Batch, Recipe, load_npz, nudged
from converter.verdict.vocabulary import Demand

Shape = tuple[int | None, ...]


def _recipe(
    shape: Shape | None = (None, 3),
    dtype: str = "float32",
    demand: Demand | None = None,
    *,
    rows: int = 4,
    seed: int = 0,
    length: int = 8,
    scale: float = 1.0,
) -> Recipe:
    demands = {"x": demand} if demand else {}
    facts = (TensorFacts(shape, dtype),)
    return Recipe(("x",), facts, demands, rows=rows, seed=seed, length=length, scale=scale)


def _shapes(recipe: Recipe) -> list[tuple[int, ...]]:
    return [batch["x"].shape for batch in recipe.batches()]


def _same(a: list[Batch], b: list[Batch]) -> bool:
    return all(np.array_equal(x[key], y[key]) for x, y in zip(a, b, strict=True) for key in x | y)


@pytest.mark.parametrize(
    ("shape", "shapes"),
    [
        ((None, 3), [(1, 3), (4, 3)]),
        ((None, None, 3), [(1, 8, 3), (4, 8, 3), (2, 12, 3)]),
        ((None, None, None), [(1, 8, 8), (4, 8, 8), (2, 12, 12)]),
        ((5, 3), [(5, 3)]),
        ((5, None, 3), [(5, 8, 3)]),
        ((None,), [(1,), (4,)]),
        (None, [(1,), (4,)]),
    ],
    ids=["rows", "free length", "free both", "fixed batch", "fixed, free", "vector", "unknown"],
)
def test_batches_of_one_and_more_rows_and_another_length_where_it_is_free(
    shape: Shape | None, shapes: list[tuple[int, ...]]
) -> None:
    assert _shapes(_recipe(shape)) == shapes


def test_a_longer_length_and_more_rows_are_followed() -> None:
    assert _shapes(_recipe((None, None), rows=6, length=64)) == [(1, 64), (6, 64), (2, 96)]


@settings(deadline=None)
@given(vocabulary=st.integers(1, 50), seed=st.integers(0, 1000))
def test_ids_are_inside_the_vocabulary(vocabulary: int, seed: int) -> None:
    recipe = _recipe((None, 20), "float32", Demand(vocabulary=vocabulary), seed=seed)
    for batch in recipe.batches():
        values = batch["x"]
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() < vocabulary
        assert np.array_equal(values, np.round(values))


def test_a_large_vocabulary_is_used_in_full_width() -> None:
    values = _recipe((None, 200), "int32", Demand(vocabulary=1000)).batches()[1]["x"]
    assert values.max() > 900


@pytest.mark.parametrize(
    ("dtype", "high"), [("int32", UNKNOWN_VOCABULARY), ("int64", UNKNOWN_VOCABULARY), ("bool", 2)]
)
def test_integers_without_a_vocabulary_stay_small(dtype: str, high: int) -> None:
    values = _recipe((None, 100), dtype).batches()[1]["x"]
    assert values.dtype == np.dtype(dtype)
    assert set(np.unique(values.astype(int))) == set(range(high))


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0])
def test_floats_fill_their_scale_on_both_sides(scale: float) -> None:
    values = _recipe((None, 500), scale=scale).batches()[1]["x"]
    assert values.dtype == np.float32
    assert 0.9 * scale < values.max() <= scale
    assert -scale <= values.min() < -0.9 * scale


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_values_have_the_dtype_of_the_input(dtype: str) -> None:
    assert _recipe(dtype=dtype).batches()[0]["x"].dtype == np.dtype(dtype)


@pytest.mark.parametrize("mask_value", [0.0, -1.0])
def test_the_second_half_of_every_other_row_is_masked(mask_value: float) -> None:
    values = _recipe((None, 5, 2), demand=Demand(mask_value=mask_value)).batches()[1]["x"]
    assert (values[::2, 3:] == mask_value).all()
    assert (values[::2, :3] != mask_value).all()
    assert (values[1::2] != mask_value).all()


def test_sequences_too_short_to_lose_half_are_not_masked() -> None:
    values = _recipe((None, 2, 2), demand=Demand(mask_value=0.0)).batches()[1]["x"]
    assert (values != 0).all()


def test_the_same_seed_gives_the_same_samples() -> None:
    assert _same(_recipe(seed=7).batches(), _recipe(seed=7).batches())


def test_another_seed_another_batch_and_another_input_give_other_samples() -> None:
    first, second = _recipe((None, 3)).batches()
    assert not _same(_recipe(seed=7).batches(), _recipe(seed=8).batches())
    assert not np.array_equal(first["x"][0], second["x"][0])
    two = Recipe(("x", "y"), (TensorFacts((None, 3), "float32"),) * 2, {}, rows=4, seed=0)
    batch = two.batches()[1]
    assert not np.array_equal(batch["x"], batch["y"])


def test_each_input_gets_its_own_shape_dtype_and_vocabulary_in_order() -> None:
    recipe = Recipe(
        ("ids", "image"),
        (TensorFacts((None, None), "int32"), TensorFacts((None, 4, 4, 1), "float32")),
        {"ids": Demand(vocabulary=3)},
        rows=2,
        seed=0,
    )
    for batch in recipe.batches():
        assert list(batch) == ["ids", "image"]
        assert batch["ids"].dtype == np.int32
        assert batch["ids"].max() < 3
        assert batch["image"].shape[1:] == (4, 4, 1)
        assert len(batch["ids"]) == len(batch["image"])


def test_one_input_with_a_fixed_batch_fixes_it_for_all() -> None:
    recipe = Recipe(
        ("a", "b"),
        (TensorFacts((None, 2), "float32"), TensorFacts((3, 2), "float32")),
        {},
        rows=4,
        seed=0,
    )
    assert recipe.fixed_batch == 3
    assert [len(b["a"]) for b in recipe.batches()] == [3]


@pytest.mark.parametrize(
    ("recipe", "has"),
    [
        (_recipe(dtype="float32"), True),
        (_recipe(dtype="int32"), False),
        (_recipe(dtype="float32", demand=Demand(vocabulary=4)), False),
        (_recipe(dtype="float32", demand=Demand(mask_value=0.0)), True),
    ],
    ids=["floats", "integers", "ids written as floats", "masked floats"],
)
def test_scaling_means_something_for_true_floats_only(recipe: Recipe, has: bool) -> None:
    assert recipe.has_floats is has


def test_nudging_moves_every_float_to_its_neighbour_and_no_integer() -> None:
    batch: Batch = {"x": np.array([0.5, -1.0], np.float32), "n": np.array([1, 2])}
    moved = nudged(batch)
    assert np.array_equal(moved["n"], batch["n"])
    assert moved["x"].dtype == np.float32
    assert (moved["x"] > batch["x"]).all()
    assert np.allclose(moved["x"], batch["x"], rtol=2e-7, atol=0)


def _npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_users_arrays_are_found_by_key_in_the_models_order(tmp_path: Path) -> None:
    path = _npz(tmp_path / "in.npz", b=np.ones(2), a=np.zeros(2), more=np.ones(1))
    assert list(load_npz(path, ("a", "b"), "inputs")) == ["a", "b"]


def test_a_single_array_needs_no_name(tmp_path: Path) -> None:
    path = _npz(tmp_path / "in.npz", arr_0=np.arange(3))
    assert load_npz(path, ("x",), "inputs")["x"].tolist() == [0, 1, 2]


def test_missing_arrays_are_named(tmp_path: Path) -> None:
    path = _npz(tmp_path / "in.npz", a=np.zeros(2))
    with pytest.raises(UsageError, match="lacks the inputs b, c") as caught:
        load_npz(path, ("a", "b", "c"), "inputs")
    assert "it holds a" in caught.value.why


def _unreadable(folder: Path, kind: str) -> Path:
    path = folder / "in.npz"
    if kind == "text":
        path.write_text("not an archive")
    elif kind == "empty":
        path.touch()
    elif kind == "cut short":
        whole = _npz(folder / "whole.npz", x=np.ones(1000)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "damaged":
        np.savez_compressed(path, x=np.arange(1000.0))
        whole = path.read_bytes()
        path.write_bytes(whole[:300] + bytes(100) + whole[400:])
    elif kind == "pickles":
        _npz(path, x=np.array([{"a": 1}], dtype=object))
    elif kind == "a single array":
        with path.open("wb") as stream:
            np.save(stream, np.ones(2))
    elif kind == "a folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    "kind",
    ["missing", "text", "empty", "cut short", "damaged", "pickles", "a single array", "a folder"],
)
def test_a_file_that_is_no_npz_is_a_usage_error(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UsageError, match="cannot be read as"):
        load_npz(_unreadable(tmp_path, kind), ("x",), "inputs")
