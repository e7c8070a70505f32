"""Files of Keras 1 in the words of Keras 2: classes, configs, weights, and what is refused.

That they answer as Keras 1 does is in test_layers.py, families keras1_*.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from converter.direct import keras1, layers, registry
from converter.direct.architecture import layer_of, model_of
from converter.direct.keras1_layers import MERGED, OWN, RULES
from converter.direct.weights import STORED, Role, Stored, assign, by_role
from converter.errors import NotDirect
from converter.toolchain.pool import Pool
from fixtures.make import WRITERS
from testing import direct, toolchains

assert layers  # they register themselves

Node = dict[str, Any]


def _layer(class_name: str, name: str = "x", **config: Any) -> Node:
    return {"class_name": class_name, "config": {"name": name, **config}}


def _row(*nodes: Node) -> Node:
    """A Sequential model, which has no name in Keras 1."""
    return {"class_name": "Sequential", "config": list(nodes)}


def _translated(node: Node, *others: Node) -> Node:
    """A layer's node in the words of Keras 2."""
    made: Node = keras1.translated(_row(node, *others))["config"][0]
    return made


def _dense(name: str = "d", **config: Any) -> Node:
    return _layer("Dense", name, **{"output_dim": 2, "bias": True, **config})


def test_every_class_becomes_one_that_is_known() -> None:
    made = {rule.class_name for rule in RULES.values() if isinstance(rule.class_name, str)}
    assert made | set(MERGED.values()) <= set(registry.classes())


def test_a_layer_in_the_words_of_keras_2() -> None:
    config = {"init": "uniform", "activation": "tanh", "W_regularizer": None, "trainable": False}
    made = _translated(_dense("a", batch_input_shape=[None, 3], input_dtype="float32", **config))
    roles = made["config"].pop(STORED)
    assert [(role.name, role.stored) for role in roles] == [("kernel", "W"), ("bias", "b")]
    assert made == {
        "class_name": "Dense",
        "config": {
            "name": "a",
            "trainable": False,
            "batch_input_shape": [None, 3],
            "units": 2,
            "activation": "tanh",
            "use_bias": True,
        },
    }


def test_calls_and_names_of_a_functional_model_stay() -> None:
    node = {**_dense("a"), "name": "a", "inbound_nodes": [[["i", 0, 0]]]}
    start = {**_layer("InputLayer", "i"), "name": "i", "inbound_nodes": []}
    config = {"name": "m", "layers": [start, node], "input_layers": [], "output_layers": []}
    made = keras1.translated({"class_name": "Model", "config": config})
    assert made["config"]["layers"][1]["inbound_nodes"] == [[["i", 0, 0]]]
    assert made["config"]["name"] == "m"


def test_what_a_wrapper_holds_is_translated() -> None:
    made = _translated(_layer("TimeDistributed", layer=_row(_dense())))
    assert made["config"]["layer"]["config"][0]["config"]["units"] == 2


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (_layer("Lambda", function="code"), "no rule for this class of Keras 1"),
        (_layer("Conv2D"), "no rule for this class of Keras 1"),
        (_layer("Merge", mode="lambda x: x", mode_type="lambda"), "'mode' is code"),
        (_layer("Merge", mode="sum", mode_type="function"), "'mode' is code"),
        (_layer("Merge", mode="unheard of", mode_type="raw"), "'mode' is code"),
        (_layer("Convolution2D", nb_row=3, dim_ordering="tf"), "has no 'nb_col'"),
        (_layer("Merge", mode=["sum"], mode_type="raw"), "TypeError"),
        (_layer("ZeroPadding2D", padding=None), "TypeError"),
        (_layer("MaxPooling2D", dim_ordering="default"), "whether its channels come first"),
    ],
)
def test_what_has_no_counterpart_is_refused(node: Node, why: str) -> None:
    with pytest.raises(NotDirect) as raised:
        keras1.translated(_row(_row(node)))
    assert why in raised.value.line()


@pytest.mark.parametrize(
    ("others", "expected"),
    [((), "channels_last"), (("tf",), "channels_last"), (("th", "th"), "channels_first")],
)
def test_an_order_that_is_not_said_is_that_of_the_others(
    others: tuple[str, ...], expected: str
) -> None:
    nodes = [_layer("MaxPooling2D", f"p{i}", dim_ordering=o) for i, o in enumerate(others)]
    made = _translated(_layer("UpSampling2D", size=[2, 2]), *nodes)
    assert made["config"]["data_format"] == expected


def test_an_order_that_is_not_said_and_differs_is_refused() -> None:
    nodes = [_layer("MaxPooling2D", order, dim_ordering=order) for order in ("tf", "th")]
    with pytest.raises(NotDirect, match="UpSampling2D"):
        keras1.translated(_row(*nodes, _layer("UpSampling2D", size=[2, 2])))


@pytest.mark.parametrize(
    ("class_name", "padding", "expected"),
    [
        ("ZeroPadding1D", 2, 2),
        ("ZeroPadding1D", [1, 2], [1, 2]),
        ("ZeroPadding1D", {"right_pad": 3}, [0, 3]),
        ("ZeroPadding2D", [1, 2], [1, 2]),
        ("ZeroPadding2D", [1, 2, 3, 4], [[1, 2], [3, 4]]),
        ("ZeroPadding2D", {"top_pad": 1, "left_pad": 2}, [[1, 0], [2, 0]]),
    ],
)
def test_padding(class_name: str, padding: Any, expected: Any) -> None:
    assert _translated(_layer(class_name, padding=padding))["config"]["padding"] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dense_1_W:0", "dense_1/W:0"),
        ("dense_1_W", "dense_1/W"),
        ("scope/dense_1_b:0", "scope/dense_1/b:0"),
        ("forward_lstm_1_U_c:0", "forward_lstm_1/U_c:0"),
        ("highway_1_W_carry:0", "highway_1/W_carry:0"),
        ("normalization_running_std", "normalization/running_std"),
        ("dense_1_W_2:0", "dense_1/W_2:0"),
        ("param_0", "param_0"),
    ],
)
def test_names_of_weights(name: str, expected: str) -> None:
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        stored = Stored(name, file.create_dataset("w", data=[0.0]))
        assert keras1.renamed({"layer": [stored]})["layer"][0].name == expected


def _made_of(node: Node, **arrays: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """A layer's weights in Keras 2, from those that Keras 1 stored, by their names there."""
    roles: list[Role] = list(_translated(node)["config"][STORED])
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        stored = [Stored(f"x/{n}", file.create_dataset(n, data=a)) for n, a in arrays.items()]
        assigned = assign(roles, stored)
        assert assigned is not None
        return {name: weight.read() for (name,), weight in by_role(assigned).items()}


def test_gates_are_put_side_by_side_in_the_order_of_keras_2() -> None:
    arrays = {
        f"{letter}_{gate}": np.full((1,) * rank, place, np.float32)
        for gate, place in (("i", 0), ("c", 2), ("f", 1), ("o", 3))
        for letter, rank in (("W", 2), ("U", 2), ("b", 1))
    }
    found = _made_of(_layer("LSTM", output_dim=1, consume_less="cpu"), **arrays)
    assert found["kernel"].tolist() == [[0, 1, 2, 3]]
    assert found["recurrent_kernel"].tolist() == [[0, 1, 2, 3]]
    assert found["bias"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("old", [False, True])
def test_a_kernel_for_a_line_is_known_in_both_its_layouts(*, old: bool) -> None:
    """That of Keras 1.2, and that before it: (filters, channels, length, 1)."""
    kernel = np.arange(24, dtype=np.float32).reshape(3, 1, 2, 4)
    stored = np.transpose(kernel, (3, 2, 0, 1)) if old else kernel
    node = _layer("Convolution1D", nb_filter=4, filter_length=3, subsample_length=1, bias=False)
    np.testing.assert_array_equal(_made_of(node, W=stored)["kernel"], kernel[:, 0])


def test_a_kernel_in_the_order_of_theano() -> None:
    kernel = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    sizes: Node = {"nb_row": 2, "nb_col": 3, "subsample": [1, 1], "nb_filter": 5, "bias": False}
    node = _layer("Convolution2D", dim_ordering="th", **sizes)
    stored = np.transpose(kernel, (3, 2, 0, 1))
    np.testing.assert_array_equal(_made_of(node, W=stored)["kernel"], kernel)


def _merging(*branches: Node, name: str = "merge") -> Node:
    """The head of a Sequential that merges."""
    return _layer("Merge", name, mode="concat", mode_type="raw", layers=list(branches))


def test_a_sequential_that_begins_by_merging_becomes_functional() -> None:
    inner = _row(_merging(_row(_dense("a"), _dense("b")), _row(_dense("c"))), _dense("d"))
    start = _row(_layer("InputLayer", "e"))
    made = keras1.translated(_row(_merging(inner, start, name="merge_1"), _dense("f")))
    known = model_of(layer_of(made), "")
    assert [name for name in known.layers if "input" not in name] == [
        *("a", "b", "c", "merge", "d", "e", "merge_1", "f"),
    ]
    assert [ref.layer for ref in known.inputs] == ["a_input", "c_input", "e"]
    assert [ref.layer for ref in known.outputs] == ["f"]


def test_a_functional_model_of_one_input_may_be_merged() -> None:
    start = {**_layer("InputLayer", "i"), "name": "i", "inbound_nodes": []}
    dense = {**_dense("a"), "name": "a", "inbound_nodes": [[["i", 0, 0]]]}
    places = {"input_layers": [["i", 0, 0]], "output_layers": [["a", 0, 0]]}
    config = {"name": "m", "layers": [start, dense], **places}
    branch = {"class_name": "Model", "config": config}
    known = model_of(layer_of(keras1.translated(_row(_merging(branch, _row(_dense("c")))))), "")
    assert list(known.layers) == ["i", "a", "c_input", "c", "merge"]
    config["input_layers"] = [["i", 0, 0], ["j", 0, 0]]
    with pytest.raises(NotDirect) as raised:
        keras1.translated(_row(_merging(branch, _row(_dense("c")))))
    assert "not one input and one output" in raised.value.line()


def test_own_classes_have_names_that_no_file_gives_a_layer() -> None:
    own = [rule.class_name for rule in RULES.values() if str(rule.class_name).startswith(OWN)]
    assert own
    assert all(" " in str(name) for name in own)


# Of the family keras1_places, and along which dimensions their kernels are turned around.
TURNED = {
    "Convolution1D: 4, 2, bias=False": (0,),
    "Convolution2D: 4, 3, 2": (0, 1),
    "Convolution2D: 4, 3, 2, dim_ordering=th": (2, 3),
    "AtrousConvolution2D: 4, 2, 2, atrous_rate=(2, 2), dim_ordering=th": (2, 3),
    "Convolution3D: 3, 2, 3, 2": (0, 1, 2),
    "Convolution3D: 3, 2, 3, 2, dim_ordering=th, subsample=(1, 2, 1)": (2, 3, 4),
    "Deconvolution2D: 4, 3, 3, (None, 8, 9, 4)": (0, 1),
    "Deconvolution2D: 4, 3, 3, (None, 4, 8, 9), dim_ordering=th": (2, 3),
    "LocallyConnected2D: 4, 3, 2, dim_ordering=th": (),
}


def test_kernels_of_theano_are_turned_around(pool: Pool, tmp_path: Path) -> None:
    """What TensorFlow wrote, as Theano would have: without ':0', its kernels turned around."""
    writer = WRITERS["keras-1.2.2"]
    toolchains.require(writer.toolchain, "tf2.15")
    (tmp_path / "written").mkdir()
    written = direct.write(writer, {"keras1_places": list(TURNED)}, tmp_path / "written")

    assert len(written) == len(TURNED)
    for number, case in enumerate(written):
        path = tmp_path / f"{number}.h5"
        shutil.copy(case.path, path)
        _as_theano(path, TURNED[case.name])
        contract = direct.convert(path, tmp_path / str(number))
        got = direct.answers(pool, "tf2.15", tmp_path / str(number), contract, case.inputs)
        assert list(direct.apart(case.outputs, got)) == [], case.name


def _as_theano(path: Path, axes: tuple[int, ...]) -> None:
    with h5py.File(path, "r+") as file:
        for group in file["model_weights"].values():
            names = [name.decode() for name in group.attrs["weight_names"]]
            for name in names:
                array = group[name][()]
                del group[name]
                turned = np.flip(array, axes) if name.endswith("_W:0") else array
                group.create_dataset(name.removesuffix(":0"), data=turned)
            group.attrs["weight_names"] = [n.removesuffix(":0").encode() for n in names]
