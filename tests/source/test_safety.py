"""The scan finds code, and what leads to code, wherever a config can hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from converter.source import safety
from converter.source.model import Finding
from testing.hdf5 import (
    Node,
    base64_of,
    called,
    dense,
    digest_of,
    first_dense,
    functional,
    input_layer,
    lambda_layer,
    layer,
    marshalled,
    raw_of,
    sequential,
)

CODE = marshalled(lambda x: x * 2)
DIGEST = digest_of(CODE)
# Where TensorFlow has initializers of its own.
INITIALIZERS = "tensorflow.python.ops.init_ops_v2"


def scan(config: Any) -> list[Finding]:
    return list(safety.scan(config, "model", loaded=True))


def kinds(config: Any) -> list[str]:
    return [f.kind for f in scan(config)]


def keras_3(
    class_name: str, module: Any = "keras.layers", registered: Any = None, **config: Any
) -> Node:
    """An object as Keras 3 writes it."""
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": registered,
    }


def bytecode_object(class_name: str = "__lambda__") -> Node:
    code = {"code": base64_of(CODE), "defaults": None, "closure": None}
    return {"class_name": class_name, "config": code}


def with_function(function: Any, kind: str | None = "lambda", key: str = "function") -> Node:
    return layer("Lambda", "lambda_1", **{key: function, f"{key}_type": kind})


# Bytecode, in every form

FORMS = {
    "keras 1.0 raw text": with_function(raw_of(CODE)),
    "keras 1.2 raw list": with_function([raw_of(CODE), None, None]),
    "keras 2 list": with_function([base64_of(CODE), None, None]),
    "keras 2 text": with_function(base64_of(CODE)),
    "keras 2 list without a type": with_function([base64_of(CODE), None, None], None),
    "output shape": with_function([base64_of(CODE), None, None], key="output_shape"),
    "output shape as text": with_function(base64_of(CODE), key="output_shape"),
    "mask": with_function([base64_of(CODE), None, None], key="mask"),
    "mask as text": with_function(base64_of(CODE), key="mask"),
    "keras 3 object": keras_3("Lambda", name="lambda_1", function=bytecode_object()),
    "tf_keras object": with_function(bytecode_object()),
    "object of a decoy class": with_function(bytecode_object("Dense")),
    "keras 1 merge mode": layer(
        "Merge", "merge_1", mode=[raw_of(CODE), None, None], mode_type="lambda"
    ),
    "keras 1 merge mode as text": layer("Merge", "m", mode=raw_of(CODE), mode_type="lambda"),
    "keras 1 merge output shape": layer(
        "Merge",
        "m",
        mode="sum",
        output_shape=[raw_of(CODE), None, None],
        output_shape_type="lambda",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_bytecode_is_refused_in_every_form(form: str) -> None:
    found = scan(sequential(first_dense(), FORMS[form]))
    assert [(f.kind, f.digest, f.refuse) for f in found] == [("lambda", DIGEST, True)]
    assert found[0].permit == f"--allow-lambda {DIGEST}"


WRAPPED = lambda_layer(CODE)
PLACES: dict[str, Node] = {
    "top level": sequential(WRAPPED),
    "sequential as a list": sequential(WRAPPED, as_list=True),
    "functional": functional([input_layer("x"), called(WRAPPED, "x")], [["x", 0, 0]], []),
    "nested model": sequential(functional([WRAPPED], [], [])),
    "nested sequential as a list": sequential(sequential(WRAPPED, as_list=True)),
    "time distributed": sequential(layer("TimeDistributed", "td", layer=WRAPPED)),
    "bidirectional": sequential(layer("Bidirectional", "bi", layer=WRAPPED)),
    "backward layer": sequential(
        layer("Bidirectional", "bi", layer=layer("LSTM", "f"), backward_layer=WRAPPED)
    ),
    "cell": sequential(layer("RNN", "rnn", cell=WRAPPED)),
    "one of the cells": sequential(
        layer("RNN", "rnn", cell=layer("StackedRNNCells", "s", cells=[WRAPPED]))
    ),
    "model in a wrapper in a model": sequential(
        sequential(layer("TimeDistributed", "td", layer=sequential(WRAPPED, as_list=True)))
    ),
    "an argument of a call": sequential(called(dense(), "x", mask=WRAPPED)),
    "an initializer": sequential(dense(bias_initializer=WRAPPED)),
    "an activation": sequential(dense(activation=WRAPPED)),
    "a key that no Keras knows": {**sequential(dense()), "extra": [[{"more": WRAPPED}]]},
}


@pytest.mark.parametrize("place", PLACES)
def test_bytecode_is_refused_wherever_it_is(place: str) -> None:
    (found,) = scan(PLACES[place])
    assert (found.kind, found.digest) == ("lambda", DIGEST)
    assert "lambda_1" in found.where


def test_bytecode_very_deep_is_found() -> None:
    node: Node = WRAPPED
    for depth in range(5000):
        node = sequential(node, name=f"s{depth % 10}")
    assert kinds(node) == ["lambda"]


def test_two_lambdas_are_two_findings() -> None:
    other = marshalled(lambda x: x + 1)
    found = scan(sequential(lambda_layer(CODE), lambda_layer(other, "lambda_2")))
    assert {f.digest for f in found} == {DIGEST, digest_of(other)}
    assert {f.where for f in found} == {
        "model/sequential/lambda_1.function",
        "model/sequential/lambda_2.function",
    }


@pytest.mark.parametrize("function", [None, 3, {}, [None], [["a"]], {"code": "x"}])
def test_a_lambda_whose_function_cannot_be_read_is_refused(function: Any) -> None:
    assert "lambda" in kinds(sequential(with_function(function)))


def test_a_function_called_by_name_is_refused_by_that_name() -> None:
    (found,) = scan(sequential(with_function("my_function", "function")))
    assert (found.kind, found.name) == ("lambda-function", "my_function")
    assert found.permit == "--custom-objects FILE.py"


def test_a_raw_output_shape_is_data() -> None:
    node = with_function("relu", "function")
    node["config"] |= {"output_shape": [3, 4], "output_shape_type": "raw"}
    assert kinds(sequential(node)) == ["lambda-function"]


# The training config, which is never loaded


@pytest.mark.parametrize(
    "training",
    [
        {"loss": WRAPPED},
        {"loss": {"class_name": "MyLoss", "config": {}}},
        {"optimizer_config": {"class_name": "Evil>Adam", "config": {"lr": 0.1}}},
        {"metrics": [{"class_name": "function", "config": "my_metric", "module": "mine"}]},
    ],
)
def test_what_only_training_would_run_is_told_and_not_refused(training: Any) -> None:
    found = list(safety.scan(training, "training", loaded=False))
    assert found
    assert not any(f.refuse for f in found)
    assert all("never loaded" in f.detail for f in found)


@pytest.mark.parametrize("name", ["Adam", "Custom>Adam"])
def test_an_ordinary_training_config_has_no_findings(name: str) -> None:
    training = {"loss": "mse", "optimizer_config": {"class_name": name, "config": {"lr": 0.1}}}
    assert list(safety.scan(training, "training", loaded=False)) == []


# Classes and functions


@pytest.mark.parametrize(
    "node",
    [
        layer("LSTM", "l", recurrent_activation="hard_sigmoid", activation="tanh"),
        dense(kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": None}}),
        dense(kernel_regularizer={"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.1}}),
        layer("Highway", "h", init="glorot_uniform", W_regularizer=None),
        layer("Merge", "m", mode="concat", mode_type="raw", concat_axis=-1),
        layer("StringLookup", "s", vocabulary=["a", "b"], vocabulary_size=2),
        layer("StringLookup", "s", vocabulary=None),
        keras_3("Dense", name="d", units=1, dtype=keras_3("DTypePolicy", "keras", name="float32")),
        keras_3("NotEqual", "keras.src.ops.numpy", name="not_equal"),
        dense(bias_initializer=keras_3("Constant", INITIALIZERS, "Constant", value=-4.6)),
        keras_3(
            "Dense",
            "keras.layers",
            activation={
                "module": "builtins",
                "class_name": "function",
                "config": "relu",
                "registered_name": "function",
            },
        ),
    ],
)
def test_what_keras_itself_brings_has_no_findings(node: Node) -> None:
    assert kinds(sequential(node)) == []


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (layer("MyLayer", "a"), "MyLayer"),
        (layer("Pkg>MyLayer", "a"), "MyLayer"),
        (layer("Pkg>Dense", "a"), "Dense"),
        (layer("Dense ", "a"), "Dense "),
        (keras_3("Dense", "os"), "Dense"),
        (keras_3("Dense", "keras_evil.layers"), "Dense"),
        (keras_3("Dense", "keras\nimport os"), "Dense"),
        (keras_3("Dense", registered="Pkg>Dense"), "Dense"),
        (keras_3("system", "os"), "system"),
        (keras_3("ops", INITIALIZERS), "ops"),
        (keras_3("Constant", INITIALIZERS, "Pkg>Constant"), "Constant"),
        (keras_3("Constant", [INITIALIZERS]), "Constant"),
        (keras_3("Constant", f"{INITIALIZERS}.evil"), "Constant"),
        (dense(kernel_initializer={"class_name": "MyInit", "config": {}}), "MyInit"),
        (dense(kernel_regularizer={"class_name": "Mine>L2", "config": {}}), "L2"),
        (dense(bias_constraint={"class_name": "Evil", "config": {}}), "Evil"),
        (dense(activation={"class_name": "MyActivation", "config": {}}), "MyActivation"),
    ],
)
def test_a_class_from_elsewhere_is_refused_by_name(node: Node, name: str) -> None:
    (found,) = scan(sequential(node))
    assert (found.kind, found.name, found.refuse) == ("custom-class", name, True)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (dense(activation="my_activation"), "my_activation"),
        (dense(activation="Pkg>swishy"), "swishy"),
        (layer("LSTM", "l", recurrent_activation="mine"), "mine"),
        (layer("LSTM", "l", inner_activation="mine"), "mine"),
        (
            keras_3(
                "Dense",
                activation={
                    "module": "builtins",
                    "class_name": "function",
                    "config": "mine",
                },
            ),
            "mine",
        ),
        (
            keras_3(
                "Dense",
                activation={
                    "module": "os",
                    "class_name": "function",
                    "config": "system",
                },
            ),
            "system",
        ),
        (
            keras_3(
                "Dense",
                activation={
                    "module": "builtins",
                    "class_name": "builtin_function",
                    "config": "eval",
                },
            ),
            "eval",
        ),
    ],
)
def test_a_function_from_elsewhere_is_refused_by_name(node: Node, name: str) -> None:
    (found,) = scan(sequential(node))
    assert (found.kind, found.name, found.refuse) == ("custom-function", name, True)


@pytest.mark.parametrize(
    "name",
    [
        "load_model",
        "save_model",
        "func_load",
        "model_from_json",
        "model_from_yaml",
        "model_from_config",
        "deserialize",
        "deserialize_keras_object",
        "get_file",
        "enable_unsafe_deserialization",
    ],
)
def test_a_function_of_keras_that_loads_or_saves_is_no_activation(name: str) -> None:
    function = {"module": "keras.models", "class_name": "function", "config": name}
    by_layer = keras_3("Lambda", name="lambda_1", function=function, arguments={"a": 1})
    assert kinds(sequential(by_layer)) != []
    assert kinds(sequential(dense(activation=name))) != []


@pytest.mark.parametrize(
    "node",
    [
        keras_3("TFSMLayer", filepath="/tmp/evil", call_endpoint="serve"),
        keras_3("TorchModuleWrapper", module="gASV..."),
        keras_3("JaxLayer", call_fn="f"),
        keras_3("FlaxLayer", module="m"),
        layer("StringLookup", "s", vocabulary="/etc/passwd"),
        layer("IntegerLookup", "s", vocabulary="/etc/passwd"),
        layer("TextVectorization", "s", vocabulary="/etc/passwd"),
    ],
)
def test_a_layer_of_keras_that_reads_other_files_or_code_is_refused(node: Node) -> None:
    assert any(f.refuse for f in scan(sequential(node)))


# Configs that no Keras writes

NOT_TEXT: list[Any] = [None, 3, 1.5, True, [], ["Lambda"], {}, {"a": 1}, "\ud800", "x" * 100_000]


@pytest.mark.parametrize("value", NOT_TEXT)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda v: {**dense(), "class_name": v},
        lambda v: {**dense(), "config": v},
        lambda v: {**dense(), "module": v},
        lambda v: {**dense(), "registered_name": v},
        lambda v: dense(activation={"class_name": "function", "config": "relu", "module": v}),
        lambda v: dense(activation=v),
        lambda v: dense(name=v) if isinstance(v, str) else dense(),
        lambda v: layer("TFOpLambda", "o", function=v),
        lambda v: layer("Lambda", "l", function=v, function_type="lambda"),
        lambda v: layer("Lambda", "l", function=[v], function_type=v),
    ],
)
def test_a_value_of_another_kind_is_no_internal_error(
    spoil: Callable[[Any], Node], value: Any
) -> None:
    assert isinstance(kinds(sequential(spoil(value))), list)


def test_a_config_of_more_parts_than_any_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "MAX_NODES", 1000)
    assert kinds(sequential(*[dense(f"d{n}") for n in range(500)])) == ["config-size"]
