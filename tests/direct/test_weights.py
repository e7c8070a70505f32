"""Which stored weight belongs to which layer, whatever order and names the file has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import h5py
import numpy as np
import pytest

from converter.direct import layers, weights
from converter.direct.architecture import Model, layer_of, model_of
from converter.direct.compiler import weights_of
from converter.direct.weights import Role, Stored, assign, by_role
from converter.errors import NotDirect, SourceTruncated
from testing import models
from testing.hdf5 import put_weights

assert layers  # they register themselves


@pytest.fixture
def file() -> Iterator[h5py.File]:
    with h5py.File("in memory", "w", driver="core", backing_store=False) as opened:
        yield opened


def _stored(file: h5py.File, *names: str, shape: Sequence[int] = (2, 2)) -> list[Stored]:
    """Weights that hold 0, 1, 2, ... in their order."""
    return [
        Stored(name, file.create_dataset(f"{n}", data=np.full(shape, n, np.float32)))
        for n, name in enumerate(names, start=len(file))
    ]


def _names(assigned: dict[Role, Stored] | None) -> dict[str, str]:
    assert assigned is not None
    return {"/".join((*role.owner, role.name)): stored.name for role, stored in assigned.items()}


def _normalized(frozen: str = "") -> list[Role]:
    """The roles of two layers in a model, one of them with state."""
    return [
        Role("gamma", ("norm",), trainable=frozen != "norm"),
        Role("moving_mean", ("norm",), trainable=False),
        Role("kernel", ("dense",), trainable=frozen != "dense"),
    ]


@pytest.mark.parametrize(
    ("frozen", "order"),
    [
        ("", ["norm/gamma", "dense/kernel", "norm/moving_mean"]),
        ("norm", ["dense/kernel", "norm/gamma", "norm/moving_mean"]),
        ("dense", ["norm/gamma", "norm/moving_mean", "dense/kernel"]),
    ],
)
def test_what_is_not_trained_comes_last(file: h5py.File, frozen: str, order: list[str]) -> None:
    """As Keras orders them, here where names tell nothing."""
    stored = _stored(file, "param_0", "param_1", "param_2")
    found = _names(assign(_normalized(frozen), stored))
    assert found == dict(zip(order, ["param_0", "param_1", "param_2"], strict=True))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_names_decide_where_all_agree(file: h5py.File, order: tuple[int, ...]) -> None:
    """A native Keras file does not say that a whole nested model was frozen."""
    names = ["norm/gamma:0", "norm/moving_mean:0", "inner/dense/kernel:0"]
    found = _names(assign(_normalized(), _stored(file, *(names[i] for i in order))))
    assert found == dict(
        zip(["norm/gamma", "norm/moving_mean", "dense/kernel"], names, strict=True)
    )


def test_state_comes_last_where_names_say_so(file: h5py.File) -> None:
    """A model that was frozen layer by layer when it was saved, and is not by its config."""
    stored = _stored(file, "x/gamma_1:0", "y/kernel_1:0", "x/moving_mean_1:0")
    found = _names(assign(_normalized(frozen="dense"), stored))
    assert found["dense/kernel"] == "y/kernel_1:0"


def test_the_deeper_name_decides(file: h5py.File) -> None:
    roles = [Role("kernel", ("inner", name)) for name in ("first", "second")]
    stored = _stored(file, "inner/second/kernel", "inner/first/kernel")
    found = _names(assign(roles, stored))
    assert found == {
        "inner/first/kernel": "inner/first/kernel",
        "inner/second/kernel": "inner/second/kernel",
    }


def test_a_shared_layer_is_stored_once(file: h5py.File) -> None:
    roles = [Role("kernel", (model, "shared", "dense")) for model in ("left", "right")]
    stored = _stored(file, "dense/kernel:0")
    assert set(_names(assign(roles, stored)).values()) == {"dense/kernel:0"}


@pytest.mark.parametrize("names", [["dense/kernel"], ["other/kernel"], ["dense/bias"]])
def test_different_layers_are_not_taken_for_a_shared_one(file: h5py.File, names: list[str]) -> None:
    roles = [Role("kernel", ("left", "dense")), Role("kernel", ("right", "more"))]
    assert assign(roles, _stored(file, *names)) is None


def test_more_weights_than_roles_do_not_fit(file: h5py.File) -> None:
    assert assign([Role("kernel")], _stored(file, "d/kernel:0", "d/bias:0")) is None


def test_parts_are_put_together_in_their_places(file: h5py.File) -> None:
    roles = [
        Role("kernel", stored="W_c", place=1, change=np.transpose),
        Role("kernel", stored="W_i", place=0, change=np.transpose),
        Role("bias", stored="b"),
    ]
    stored = _stored(file, "d/W_c", "d/W_i", shape=(3, 2)) + _stored(file, "d/b", shape=(4,))
    assigned = assign(roles, stored)
    assert assigned is not None
    found = by_role(assigned)
    assert list(found) == [("kernel",), ("bias",)]
    kernel = found["kernel",]
    expected = np.concatenate([np.full((2, 3), 1.0), np.full((2, 3), 0.0)], axis=1)
    assert kernel.shape == (2, 6)
    assert kernel.dtype == "float32"
    np.testing.assert_array_equal(kernel.read(), expected)
    (piece,) = kernel.pieces("float64")
    np.testing.assert_array_equal(piece, expected)
    assert found["bias",] is stored[2]


def test_parts_that_do_not_fit_together(file: h5py.File) -> None:
    roles = [Role("kernel", stored=f"W_{i}", place=i) for i in range(2)]
    stored = _stored(file, "d/W_0", shape=(3, 2)) + _stored(file, "d/W_1", shape=(2, 2))
    assigned = assign(roles, stored)
    assert assigned is not None
    with pytest.raises(ValueError, match="parts have the shapes"):
        assert by_role(assigned)["kernel",].shape


def test_large_weights_come_in_pieces(file: h5py.File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PIECE_BYTES", 64)
    array = np.arange(100, dtype=np.float32).reshape(25, 4)
    pieces = list(Stored("w", file.create_dataset("w", data=array)).pieces("float32"))
    assert len(pieces) == 7
    np.testing.assert_array_equal(np.concatenate(pieces), array)


def _dense(name: str, *inbound: str) -> models.Node:
    return models.layer("Dense", name, inbound, units=2, activation="linear")


def _model(*nodes: models.Node) -> Model:
    return model_of(layer_of(models.sequential(models.entry("start", 2), *nodes)), "")


def _groups(file: h5py.File, *names: str) -> dict[str, list[Stored]]:
    """Groups of a kernel and a bias each."""
    arrays = [np.full((2, 2), place, np.float32) for place in range(len(names))]
    put_weights(
        file,
        {
            name: {f"{name}/kernel:0": array, f"{name}/bias:0": array[0]}
            for name, array in zip(names, arrays, strict=True)
        },
    )
    return weights.by_layer(file)


def _kernels(found: dict[str, dict[tuple[str, ...], Stored]]) -> dict[str, float]:
    return {name: float(held["kernel",].read()[0, 0]) for name, held in found.items()}


def test_groups_have_the_names_of_the_layers(file: h5py.File) -> None:
    known = _model(_dense("a"), _dense("b"))
    found = weights_of(known, _groups(file, "b", "a"))
    assert _kernels(found) == {"a": 1.0, "b": 0.0}  # type: ignore[arg-type]


def test_groups_of_other_names_are_taken_in_their_order(file: h5py.File) -> None:
    known = _model(_dense("a"), models.layer("Flatten", "flat"), _dense("b"))
    found = weights_of(known, _groups(file, "b", "other"))
    assert _kernels(found) == {"a": 0.0, "b": 1.0}  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [["a"], ["a", "c", "d"], []])
def test_groups_that_do_not_fit_are_refused(file: h5py.File, names: list[str]) -> None:
    with pytest.raises(NotDirect, match="weights for"):
        weights_of(_model(_dense("a"), _dense("b")), _groups(file, *names))


def test_weights_of_a_layer_that_should_have_none_are_refused(file: h5py.File) -> None:
    known = _model(_dense("a"), models.layer("Flatten", "flat"))
    with pytest.raises(NotDirect) as raised:
        weights_of(known, _groups(file, "a", "flat"))
    assert "nothing is known" in raised.value.line()


def test_a_layer_of_too_few_weights_is_refused(file: h5py.File) -> None:
    put_weights(file, {"a": {"a/kernel:0": np.ones((2, 2), np.float32)}})
    with pytest.raises(NotDirect) as raised:
        weights_of(_model(_dense("a")), weights.by_layer(file))
    assert "it has 2 weights and the file 1" in raised.value.line()


def test_a_layer_that_is_listed_and_not_there(file: h5py.File) -> None:
    put_weights(file, {"a": {"a/kernel:0": np.ones((2, 2), np.float32)}})
    del file["a"]
    with pytest.raises(SourceTruncated, match="'a'"):
        weights.by_layer(file)


def test_a_weight_that_is_listed_and_not_there(file: h5py.File) -> None:
    put_weights(file, {"a": {"a/kernel:0": np.ones((2, 2), np.float32)}})
    del file["a/a/kernel:0"]
    with pytest.raises(SourceTruncated, match="a/kernel:0"):
        weights.by_layer(file)
