"""The calls of a model, however its writer wrote them down."""

from __future__ import annotations

from typing import Any

import pytest

from converter.direct import layers
from converter.direct.architecture import Model, Node, Ref, layer_of, model_of
from converter.direct.compiler import Compiler
from converter.direct.meanings import Meaning
from converter.direct.protos import Type
from converter.errors import NotDirect
from converter.source.model import Writer
from testing import models

assert layers  # they register themselves

A, B = Ref("a", 0, 0), Ref("b", 0, 0)


def _call(call: Any) -> Node:
    """A layer's only call, read from how the file has it."""
    node = {**models.layer("Dense", "d"), "inbound_nodes": [call]}
    entries = [models.entry("a", 2), models.entry("b", 2)]
    known = model_of(layer_of(models.functional([*entries, node], ["a", "b"], ["d"])), "")
    (found,) = [node for node in known.nodes if node.layer == "d"]
    return found


def _tensor(name: str, node: int = 0, place: int = 0) -> Any:
    """A tensor as Keras 3 writes it."""
    history = {"keras_history": [name, node, place], "shape": [None, 2], "dtype": "float32"}
    return {"class_name": "__keras_tensor__", "config": history}


@pytest.mark.parametrize(
    ("call", "args", "kwargs"),
    [
        ([["a", 0, 0]], (A,), {}),  # Keras 1
        ([["a", 0, 0, {}]], (A,), {}),
        (["a", 0, 0, {}], (A,), {}),  # tf.keras 2.4 on
        ([["a", 0, 0, {}], ["b", 0, 0, {}]], ([A, B],), {}),
        ([[["a", 0, 0, {}], ["b", 0, 0, {}]]], ([A, B],), {}),
        ([[["a", 0, 0, {}], ["b", 0, 0, {}]], ["a", 0, 0, {}]], ([[A, B], A],), {}),
        ({"x": ["a", 0, 0, {}], "y": ["b", 0, 0, {}]}, ({"x": A, "y": B},), {}),
        ([["a", 0, 0, {"training": False}]], (A,), {"training": False}),
        ([["a", 0, 0, {"value": ["b", 0, 0]}]], (A,), {"value": B}),
        ([["a", 0, 0, {"state": [["a", 0, 0], ["b", 0, 0]]}]], (A,), {"state": [A, B]}),
        ([["a", 0, 0, {"y": 2.5, "axis": [0, 1]}]], (A,), {"y": 2.5, "axis": [0, 1]}),
        ([["a", 0, 0, {"y": ["_CONSTANT_VALUE", -1, [1.0, 2.0]]}]], (A,), {"y": [1.0, 2.0]}),
        ([["_CONSTANT_VALUE", -1, 3.5, {"x": ["a", 0, 0]}]], (3.5,), {"x": A}),
        ({"args": [_tensor("a")], "kwargs": {"mask": None}}, (A,), {"mask": None}),
        ({"args": [[_tensor("a"), _tensor("b")]], "kwargs": {}}, ([A, B],), {}),
        ({"args": [_tensor("a"), _tensor("b"), 2], "kwargs": {}}, (A, B, 2), {}),
        ({"args": [{"x": _tensor("a")}], "kwargs": {"m": [_tensor("b")]}}, ({"x": A},), {"m": [B]}),
    ],
)
def test_a_call(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    found = _call(call)
    assert found.args == args
    assert found.kwargs == kwargs


@pytest.mark.parametrize("call", [[["a"]], [[0, 0, 0]], [[]], [7], [["a", {}]]])
def test_a_call_that_is_none(call: Any) -> None:
    with pytest.raises(NotDirect):
        _call(call)


def _inner() -> models.Node:
    """A functional model that is a layer; its calls are to be added."""
    return models.functional(
        [models.entry("start", 2), models.layer("Dense", "e", ["start"])], ["start"], ["e"]
    )


def _calls(known: Model, layer: str) -> list[Node]:
    return [node for node in known.nodes if node.layer == layer]


def test_keras_2_counts_the_calls_of_models_from_1() -> None:
    inner = {**_inner(), "inbound_nodes": [[["a", 0, 0, {}]], [["model", 1, 0, {}]]]}
    last = {**models.layer("Dense", "d"), "inbound_nodes": [[["model", 2, 0, {}]]]}
    whole = models.functional([models.entry("a", 2), inner, last], ["a"], ["d"], name="whole")
    whole["config"]["output_layers"] = [["d", 0, 0], ["model", 1, 0]]
    known = model_of(layer_of(whole), "")
    assert [call.args for call in _calls(known, "model")] == [(A,), (Ref("model", 0, 0),)]
    assert _calls(known, "d")[0].args == (Ref("model", 1, 0),)
    assert known.outputs == (Ref("d", 0, 0), Ref("model", 0, 0))


def test_some_count_the_calls_of_models_from_0() -> None:
    """A Sequential model that was not built before its first call."""
    inner = models.sequential(models.layer("Dense", "e"))
    inner["inbound_nodes"] = [[["a", 0, 0, {}]], [["model", 0, 0, {}]]]
    whole = models.functional([models.entry("a", 2), inner], ["a"], ["model"], name="whole")
    whole["config"]["output_layers"] = [["model", 1, 0]]
    known = model_of(layer_of(whole), "")
    assert known.outputs == (Ref("model", 1, 0),)
    assert _calls(known, "model")[1].args == (Ref("model", 0, 0),)


def test_keras_3_counts_from_1_in_outputs_alone() -> None:
    """Measured with Keras 3.15: a functional model that is called twice, once on its own result."""
    calls = [{"args": [_tensor("a")], "kwargs": {}}, {"args": [_tensor("model")], "kwargs": {}}]
    inner = {**_inner(), "class_name": "Functional", "inbound_nodes": calls}
    whole = models.functional([models.entry("a", 2), inner], ["a"], ["model"], name="whole")
    whole["config"]["output_layers"] = ["model", 2, 0]
    known = model_of(layer_of(whole), "")
    assert known.outputs == (Ref("model", 1, 0),)
    assert _calls(known, "model")[1].args == (Ref("model", 0, 0),)


def test_inputs_and_outputs_by_name_are_in_the_order_of_names() -> None:
    entries = [models.entry("a", 2), models.entry("b", 2)]
    whole = models.functional(entries, ["a"], ["b"])
    whole["config"]["input_layers"] = {"z": ["a", 0, 0], "y": ["b", 0, 0]}
    whole["config"]["output_layers"] = {"n": ["b", 0, 0], "m": ["a", 0, 0]}
    known = model_of(layer_of(whole), "")
    assert known.inputs == (B, A)
    assert known.outputs == (A, B)


def test_models_without_names_get_their_own() -> None:
    """Up to Keras 2.2.2 a Sequential model in another has none."""
    inner = {"class_name": "Sequential", "config": [models.layer("Dense", "e")]}
    known = model_of(layer_of({"class_name": "Sequential", "config": [inner, inner, inner]}), "")
    assert list(known.layers) == ["Sequential", "Sequential_1", "Sequential_2"]
    assert [node.layer for node in known.nodes] == list(known.layers)


def test_two_layers_of_one_name_are_refused() -> None:
    twice = models.sequential(models.layer("Dense", "d"), models.layer("Dense", "d"))
    with pytest.raises(NotDirect, match="'d'"):
        model_of(layer_of(twice), "")


def _difference(version: str, *, of_dict: bool) -> list[str]:
    """What is subtracted where a model of two inputs, b - a, is called on a dict of them."""
    entries = [models.entry("b", 2), models.entry("a", 2)]
    inner = models.functional(
        [*entries, models.layer("Subtract", "s", ["b", "a"])], ["b", "a"], ["s"]
    )
    if of_dict:
        # Its keys are not the names of its inputs.
        inner["config"]["input_layers"] = {"b": ["a", 0, 0], "a": ["b", 0, 0]}
    inner["inbound_nodes"] = [{"b": ["start_b", 0, 0, {}], "a": ["start_a", 0, 0, {}]}]
    starts = [models.entry("start_b", 2), models.entry("start_a", 2)]
    whole = models.functional([*starts, inner], ["start_b", "start_a"], ["model"], name="whole")
    flavour = "keras3" if version.startswith("3") else "tf.keras"
    compiler = Compiler(Meaning(Writer(flavour, version, "tensorflow", False), "functional"))
    given = [
        compiler.graph.one(
            "Placeholder", [], "float32", (None, 2), {"dtype": Type("float32")}, name=n
        )
        for n in ("b", "a")
    ]
    compiler.model(model_of(layer_of(whole), ""), {}, given)
    (made,) = [node for node in compiler.graph.nodes if node.op == "Sub"]
    return list(made.input)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.2.4-tf", ["a", "b"]),
        ("2.4.0", ["b", "a"]),
        ("2.15.0", ["b", "a"]),
        ("3.4.1", ["b", "a"]),
    ],
)
def test_a_dict_for_a_model_of_a_list(version: str, expected: list[str]) -> None:
    assert _difference(version, of_dict=False) == expected


def test_a_dict_of_which_one_version_of_keras_means_two_things_is_refused() -> None:
    """TensorFlow 2.1 and 2.2 write the same one."""
    with pytest.raises(NotDirect, match="'model'"):
        _difference("2.3.0-tf", of_dict=False)


@pytest.mark.parametrize("version", ["2.2.4-tf", "2.3.0-tf", "3.4.1"])
def test_a_dict_for_a_model_of_a_dict(version: str) -> None:
    assert _difference(version, of_dict=True) == ["a", "b"]
