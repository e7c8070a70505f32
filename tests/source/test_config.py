"""Every dialect of a model's config gives the same kind of layers, inputs and outputs."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from converter.errors import ConfigUnreadable
from converter.source import config
from converter.source.model import Port
from testing.hdf5 import (
    Node,
    called,
    dense,
    first_dense,
    functional,
    input_layer,
    layer,
    sequential,
)

FLAT = Port("x", "x", (None, 3), "float32")


def keys(ports: tuple[Port, ...]) -> list[str]:
    return [p.key for p in ports]


def seen(node: Node) -> list[tuple[str, str, str]]:
    return [(x.path, x.class_name, x.role) for x in config.layers(node)]


# What a model is


@pytest.mark.parametrize(
    "parsed",
    [
        None,
        7,
        "Sequential",
        [],
        {},
        {"class_name": "Sequential"},
        {"config": []},
        {"class_name": "Sequential", "config": []},
        {"class_name": "Sequential", "config": [1, "a", None]},
        {"class_name": "MyModel", "config": {"hidden": 3}},
        {"class_name": "Model", "config": {"layers": {}}},
    ],
)
def test_what_lists_no_layers_is_no_model(parsed: Any) -> None:
    with pytest.raises(ConfigUnreadable):
        config.check(parsed)


def test_a_model_with_layers_is_one() -> None:
    assert config.check(sequential(dense()))["class_name"] == "Sequential"


# Sequential models


@pytest.mark.parametrize("as_list", [True, False], ids=["up to 2.2.2", "since 2.2.3"])
def test_sequential_is_a_list_or_a_dict(as_list: bool) -> None:
    node = sequential(first_dense("first"), dense("last"), as_list=as_list)
    assert seen(node) == [("first", "Dense", "layer"), ("last", "Dense", "layer")]
    inputs, outputs = config.ports(node)
    assert inputs == (Port("first_input", "first", (None, 3), "float32"),)
    assert outputs == (Port("last", "last"),)


def test_an_input_layer_gives_its_own_name_to_the_input() -> None:
    inputs, _ = config.ports(sequential(input_layer("x"), dense()))
    assert inputs == (FLAT,)


def test_a_nested_model_takes_what_its_first_layer_takes() -> None:
    inner = sequential(input_layer("deep", (None, 7), "int32"), dense("a"), name="inner")
    inputs, _ = config.ports(sequential(sequential(inner, name="middle"), dense("b")))
    assert (inputs[0].shape, inputs[0].dtype) == ((None, 7), "int32")


def test_the_shape_a_sequential_was_built_with_counts_where_no_layer_says_one() -> None:
    node = sequential(dense("d"))
    node["config"]["build_input_shape"] = [None, 5]
    inputs, _ = config.ports(node)
    assert inputs[0].shape == (None, 5)


def test_keras_1_words_are_understood() -> None:
    first = layer("Dense", "dense_1", output_dim=2, batch_input_shape=[None, 3])
    first["config"]["input_dtype"] = "int32"
    inputs, _ = config.ports(sequential(first, as_list=True))
    assert inputs == (Port("dense_1_input", "dense_1", (None, 3), "int32"),)


def test_no_shape_anywhere_is_told_as_none() -> None:
    inputs, _ = config.ports(sequential(dense()))
    assert (inputs[0].shape, inputs[0].dtype) == (None, None)


# Functional models


@pytest.mark.parametrize("class_name", ["Model", "Functional"])
def test_inputs_keep_the_order_of_input_layers(class_name: str) -> None:
    layers = [input_layer("b"), input_layer("a", (None, 1), "int32"), called(dense("d"), "a", "b")]
    node = functional(layers, [["a", 0, 0], ["b", 0, 0]], [["d", 0, 0]], class_name)
    inputs, outputs = config.ports(node)
    assert inputs == (Port("a", "a", (None, 1), "int32"), Port("b", "b", (None, 3), "float32"))
    assert keys(outputs) == ["d"]


@pytest.mark.parametrize(
    "stated",
    [[["x", 0, 0]], ["x", 0, 0], {"x": ["x", 0, 0]}],
    ids=["list of entries", "one entry", "dict of entries"],
)
def test_inputs_may_be_stated_in_three_ways(stated: Any) -> None:
    inputs, _ = config.ports(functional([input_layer("x")], stated, [["x", 0, 0]]))
    assert inputs == (FLAT,)


def test_outputs_of_one_layer_get_keys_of_their_own() -> None:
    outputs = [["lstm", 0, 0], ["lstm", 0, 1], ["d", 0, 0], ["lstm", 0, 2]]
    layers = [input_layer("x"), layer("LSTM", "lstm"), dense("d")]
    _, found = config.ports(functional(layers, [["x", 0, 0]], outputs))
    assert keys(found) == ["lstm", "lstm_1", "d", "lstm_2"]
    assert [p.layer for p in found] == ["lstm", "lstm", "d", "lstm"]


def test_a_made_key_gives_way_to_a_layer_of_that_name() -> None:
    outputs = [["d", 0, 0], ["d_1", 0, 0], ["d", 1, 0]]
    _, found = config.ports(functional([dense("d"), dense("d_1")], [["d", 0, 0]], outputs))
    assert len(set(keys(found))) == 3


@pytest.mark.parametrize("stated", [None, [], {}, "x", 3])
def test_a_functional_model_without_inputs_is_unreadable(stated: Any) -> None:
    with pytest.raises(ConfigUnreadable):
        config.ports(functional([input_layer("x")], stated, [["x", 0, 0]]))


def test_keras_3_says_batch_shape_and_policies() -> None:
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "float32"},
        "registered_name": None,
    }
    history = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}
    first: Node = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 3], "dtype": policy, "name": "x"},
        "registered_name": None,
        "name": "x",
        "inbound_nodes": [],
    }
    last: Node = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"name": "d", "units": 2, "dtype": policy},
        "registered_name": None,
        "inbound_nodes": [{"args": [history], "kwargs": {}}],
    }
    node = functional([first, last], [["x", 0, 0]], [["d", 0, 0]], "Functional")
    assert config.ports(node)[0] == (FLAT,)
    assert [(x.module, x.calls) for x in config.layers(node)] == [("keras.layers", 1)] * 2
    assert config.training_calls(node) == ()


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("float16", "float16"),
        ("mixed_float16", "float32"),
        ({"class_name": "Policy", "config": {"name": "mixed_bfloat16"}}, "float32"),
        ({"class_name": "DTypePolicy", "config": {"name": "float64"}}, "float64"),
        ({"class_name": "DTypePolicy"}, None),
        (None, None),
        (3, None),
    ],
)
def test_a_dtype_or_policy_is_the_dtype_of_the_variables(stated: Any, name: str | None) -> None:
    assert config.dtype_name(stated) == name


# Layers inside layers


def test_nested_models_wrapped_layers_and_cells_are_all_seen() -> None:
    cells = [layer("LSTMCell", "c1"), layer("GRUCell", "c2")]
    node = sequential(
        layer("TimeDistributed", "td", layer=sequential(dense("in"), name="seq", as_list=True)),
        layer("Bidirectional", "bi", layer=layer("LSTM", "f"), backward_layer=layer("LSTM", "b")),
        layer("RNN", "one", cell=layer("GRUCell", "c")),
        layer("RNN", "many", cell=layer("StackedRNNCells", "stack", cells=cells)),
    )
    assert seen(node) == [
        ("td", "TimeDistributed", "layer"),
        ("td/seq", "Sequential", "wrapped"),
        ("td/seq/in", "Dense", "layer"),
        ("bi", "Bidirectional", "layer"),
        ("bi/f", "LSTM", "wrapped"),
        ("bi/b", "LSTM", "wrapped"),
        ("one", "RNN", "layer"),
        ("one/c", "GRUCell", "cell"),
        ("many", "RNN", "layer"),
        ("many/stack", "StackedRNNCells", "cell"),
        ("many/stack/c1", "LSTMCell", "cell"),
        ("many/stack/c2", "GRUCell", "cell"),
    ]


def test_a_shared_layer_tells_how_often_it_is_called() -> None:
    shared = {**dense("d"), "inbound_nodes": [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]}
    layers = [input_layer("a"), input_layer("b"), shared]
    node = functional(layers, [["a", 0, 0], ["b", 0, 0]], [["d", 0, 0], ["d", 1, 0]])
    assert [x.calls for x in config.layers(node)] == [1, 1, 2]
    assert keys(config.ports(node)[1]) == ["d", "d_1"]


def test_nesting_without_end_is_unreadable() -> None:
    node = dense()
    for depth in range(300):
        node = sequential(node, name=f"s{depth}")
    with pytest.raises(ConfigUnreadable, match="nested"):
        list(config.layers(node))


# Calls with training=True


@pytest.mark.parametrize(
    ("inbound", "random"),
    [
        ([[["x", 0, 0, {"training": True}]]], True),
        ([[["x", 0, 0, {"training": False}]]], False),
        ([[["x", 0, 0, {}]]], False),
        ([[["x", 0, 0, {"training": None}]]], False),
        ([{"args": [], "kwargs": {"training": True}}], True),
        ([{"args": [], "kwargs": {"training": False}}], False),
        ([[["x", 0, 0, {}]], [["y", 0, 0, {"training": True}]]], True),
        ([], False),
        (None, False),
    ],
)
def test_a_call_with_training_on_is_told(inbound: Any, random: bool) -> None:
    dropout = {**layer("Dropout", "drop", rate=0.5), "inbound_nodes": inbound}
    node = functional([input_layer("x"), dropout], [["x", 0, 0]], [["drop", 0, 0]])
    assert config.training_calls(node) == (("drop",) if random else ())


def test_training_calls_inside_nested_models_are_told() -> None:
    dropout = called(layer("Dropout", "drop", rate=0.5), "x", training=True)
    inner = functional([input_layer("x"), dropout], [["x", 0, 0]], [["drop", 0, 0]])
    assert config.training_calls(sequential(inner, dense())) == ("drop",)


def test_deep_call_arguments_are_no_internal_error() -> None:
    deep: Any = {}
    for _ in range(2000):
        deep = [deep]
    node = functional([{**dense("d"), "inbound_nodes": deep}], [["d", 0, 0]], [["d", 0, 0]])
    assert config.training_calls(node) == ()


# Configs that no Keras writes


@pytest.mark.parametrize(
    "node",
    [
        sequential({**dense(), "inbound_nodes": 3}),
        sequential({**dense(), "inbound_nodes": True}),
        sequential(layer("StackedRNNCells", "s", cells=3)),
        sequential({"class_name": None, "config": None}),
        sequential({}),
        {"class_name": "Model", "config": [dense()]},
        {"class_name": ["Model"], "config": {"layers": [dense()]}},
        functional([dense("d")], [[]], [["d"]]),
        functional([dense("d")], [[["d", 0, 0]]], [None, 3]),
        functional([dense("d")], {"a": {"b": 1}}, [["d", 0, 0]]),
    ],
)
def test_a_config_of_another_kind_is_unreadable_at_worst(node: Node) -> None:
    with contextlib.suppress(ConfigUnreadable):
        checked = config.check(node)
        list(config.layers(checked))
        config.ports(checked)
