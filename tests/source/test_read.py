"""A whole file as a SourceModel: what it says, what it implies, and that nothing of it runs."""

from __future__ import annotations

import builtins
import importlib
import json
import marshal
import pickle
import types
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from converter.errors import ConfigUnreadable, NoKerasModel, SourceError
from converter.source.model import Port
from converter.source.read import read, with_architecture
from testing.hdf5 import (
    SMALL,
    base64_of,
    called,
    dense,
    first_dense,
    functional,
    input_layer,
    lambda_layer,
    layer,
    marshalled,
    raw_of,
    read_here,
    sequential,
    sha256,
    write_model,
    write_weights,
)

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(
    not (CORPUS / "corpus.json").is_file(), reason="the corpus of files by others is not here"
)


def records() -> list[dict[str, Any]]:
    path = CORPUS / "corpus.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


# What a file says


def test_a_saved_model_is_read_whole(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.h5", training_config={"loss": "mse"}, optimizer=True)
    before = sha256(path)
    source = read(path)
    assert (source.kind, source.class_name, source.name) == ("full", "Sequential", "sequential")
    assert str(source.writer) == "keras 2.2.4 on tensorflow"
    assert source.inputs == (Port("dense_1_input", "dense_1", (None, 3), "float32"),)
    assert (source.weights.layers, source.weights.arrays, source.weights.bytes) == (1, 2, 32)
    assert (source.optimizer, source.trained, source.findings) == (True, True, ())
    assert source.size == path.stat().st_size
    assert sha256(path) == before


def test_a_model_saved_without_its_optimizer_says_so(tmp_path: Path) -> None:
    source = read(write_model(tmp_path / "model.h5"))
    assert (source.optimizer, source.trained) == (False, False)


def test_weights_alone_are_no_error(tmp_path: Path) -> None:
    source = read(write_weights(tmp_path / "weights.h5"))
    assert (source.kind, source.layers, source.inputs) == ("weights", (), ())
    assert source.weights.arrays == 2


def test_weights_become_a_model_with_an_architecture(tmp_path: Path) -> None:
    source = with_architecture(read(write_weights(tmp_path / "weights.h5")), SMALL)
    assert (source.kind, source.class_name) == ("full", "Sequential")
    assert source.weights.arrays == 2


def test_an_architecture_is_scanned_like_a_config(tmp_path: Path) -> None:
    weights = read(write_weights(tmp_path / "weights.h5"))
    source = with_architecture(weights, sequential(lambda_layer(marshalled(lambda x: x))))
    assert [f.kind for f in source.refusals] == ["lambda"]


def test_an_architecture_without_layers_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ConfigUnreadable):
        with_architecture(read(write_weights(tmp_path / "weights.h5")), {"a": 1})


def test_hdf5_of_another_kind_holds_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["table"] = np.arange(10)
    with pytest.raises(NoKerasModel):
        read(tmp_path / "data.h5")


@pytest.mark.parametrize(
    ("class_name", "kernel", "shape"),
    [
        ("Dense", (5, 2), (None, 5)),
        ("LSTM", (5, 8), (None, None, 5)),
        ("GRU", (7, 6), (None, None, 7)),
        ("Conv2D", (3, 3, 4, 2), None),
    ],
)
def test_a_shape_that_no_layer_says_is_implied_by_the_kernel(
    tmp_path: Path, class_name: str, kernel: tuple[int, ...], shape: Any
) -> None:
    weights = {"first": {"first/kernel:0": np.zeros(kernel, "f4")}}
    config = sequential(layer(class_name, "first"), as_list=True)
    (found,) = read(write_model(tmp_path / "model.h5", config, weights=weights)).inputs
    assert found.shape == shape


def test_a_shape_that_is_said_is_not_implied(tmp_path: Path) -> None:
    weights = {"dense_1": {"dense_1/kernel:0": np.zeros((9, 2), "f4")}}
    (found,) = read(write_model(tmp_path / "model.h5", weights=weights)).inputs
    assert found.shape == (None, 3)


def test_keras_1_on_theano_is_told_by_its_weight_names(tmp_path: Path) -> None:
    config = sequential(layer("Convolution2D", "c", nb_filter=2, border_mode="same"), as_list=True)
    weights = {"c": {"c_W": np.zeros((2, 1, 3, 3), "f4"), "c_b": np.zeros(2, "f4")}}
    path = write_model(
        tmp_path / "m.h5", config, keras_version="1.2.2", backend=None, weights=weights
    )
    source = read(path)
    assert (source.dialect, source.writer.backend) == ("keras1", "theano")
    assert source.writer.backend_implied


def test_an_architecture_whose_weights_are_missing_is_told(tmp_path: Path) -> None:
    source = read(write_model(tmp_path / "model.h5", weights={}))
    assert [f.kind for f in source.findings] == ["no-weights"]


def test_calls_with_training_on_are_told(tmp_path: Path) -> None:
    drop = called(layer("Dropout", "drop", rate=0.5), "x", training=True)
    config = functional([input_layer("x"), drop], [["x", 0, 0]], [["drop", 0, 0]])
    assert read(write_model(tmp_path / "model.h5", config)).training_calls == ("drop",)


def test_weights_in_numbered_lists_are_all_counted(tmp_path: Path) -> None:
    def split(file: h5py.File) -> None:
        group = file["model_weights/big"]
        names = group.attrs.pop("weight_names")
        group.attrs["weight_names0"], group.attrs["weight_names1"] = names[:200], names[200:]

    weights = {"big": {f"big/w_{n}:0": np.zeros(1, "f4") for n in range(300)}}
    path = write_model(tmp_path / "model.h5", weights=weights, alter=split)
    assert read(path).weights.arrays == 300


# Nothing of the file is run


def test_bytecode_is_never_unmarshalled_and_no_module_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    source = compile(f"open({str(canary)!r}, 'w').close()", "<lambda>", "eval")
    code = marshal.dumps(source)
    eval(marshal.loads(code))
    assert canary.exists(), "the bytecode does what it would do, once run"
    canary.unlink()

    def forbid(*arguments: Any, **_: Any) -> None:
        raise AssertionError(f"the file led to a call with {arguments}")

    foreign = {"module": "os", "class_name": "function", "config": "system"}
    path = write_model(
        tmp_path / "model.h5",
        sequential(
            first_dense(activation=foreign),
            lambda_layer(code),
            layer("Lambda", "l2", function=[raw_of(code), None, None], function_type="lambda"),
            layer(
                "Lambda",
                "l3",
                function={"class_name": "__lambda__", "config": {"code": base64_of(code)}},
            ),
            {**layer("Evil", "evil"), "module": "subprocess"},
        ),
        training_config={"loss": lambda_layer(code)},
    )
    for module, name in (
        (marshal, "loads"),
        (marshal, "load"),
        (pickle, "loads"),
        (importlib, "import_module"),
        (builtins, "eval"),
        (builtins, "exec"),
        (types, "FunctionType"),
    ):
        monkeypatch.setattr(module, name, forbid)
    found = read(path)
    monkeypatch.undo()
    assert not canary.exists()
    assert Counter(f.kind for f in found.refusals) == {
        "lambda": 3,
        "custom-class": 1,
        "custom-function": 1,
    }


# Files that others wrote


@needs_corpus
@pytest.mark.parametrize("record", records(), ids=lambda r: r["file"])
def test_a_real_file_is_read_as_it_was_recorded(record: dict[str, Any]) -> None:
    path = CORPUS / record["file"]
    source = read(path)
    writer = source.writer
    assert source.kind == record["kind"]
    assert writer.version == record["keras_version"]
    assert record["backend"] == (None if writer.backend_implied else writer.backend)
    if source.kind == "weights":
        assert source.layers == ()
        return
    assert source.class_name == record["class"]
    counted = {name: n for name, n in record["layers"].items() if n}
    assert dict(Counter(x.class_name for x in source.layers)) == counted
    assert len(source.outputs) == record["n_outputs"]
    assert len(source.layers_of("Lambda")) == record["lambda"]
    assert bool(source.layers_of("CuDNNLSTM", "CuDNNGRU")) == record["cudnn"]
    inputs = {p.layer: p for p in source.inputs}
    assert inputs.keys() == {i["name"] for i in record["inputs"]}
    for stated in record["inputs"]:
        port = inputs[stated["name"]]
        assert (None if port.shape is None else list(port.shape)) == stated["shape"]
        assert stated["dtype"] in (None, port.dtype)
    refused = {f.kind for f in source.refusals}
    assert refused == ({"lambda"} if record["lambda"] else set())


@needs_corpus
def test_the_order_of_the_inputs_is_the_models_own() -> None:
    source = read(CORPUS / "marzekan+WCGAN-GP" / "models" / "generator.h5")
    assert [p.key for p in source.inputs] == ["input_1", "input_2"]


# Any file at all

# The same examples in every run; files are slow to write, so a failure is not made smaller.
QUICK = settings(
    deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)

KEYS = st.sampled_from(
    [
        "class_name",
        "config",
        "name",
        "layers",
        "layer",
        "cell",
        "cells",
        "inbound_nodes",
        "module",
        "input_layers",
        "output_layers",
        "registered_name",
        "function",
        "function_type",
        "dtype",
        "batch_input_shape",
        "batch_shape",
        "activation",
        "node_def",
        "training",
        "op",
        "code",
    ]
)
WORDS = st.sampled_from(
    [
        "Sequential",
        "Model",
        "Functional",
        "Dense",
        "Lambda",
        "InputLayer",
        "TFOpLambda",
        "RNN",
        "TensorFlowOpLayer",
        "function",
        "__lambda__",
        "lambda",
        "keras",
        "a",
        "",
        "Pkg>A",
        "\ud800",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


def read_or_refuse(path: Path) -> None:
    """Read a file; only an error of sources, in one line, may come of it."""
    try:
        read_here(path)
    except SourceError as error:
        line = error.line()
    else:
        line = ""
    assert "\n" not in line


LIKELY_LAYERS = st.lists(
    st.dictionaries(KEYS, JSON, min_size=1, max_size=6), min_size=1, max_size=3
)
CONFIGS = JSON | st.builds(
    lambda name, layers, more, as_list: {
        "class_name": name,
        "config": layers if as_list else {**more, "layers": layers},
    },
    st.sampled_from(["Sequential", "Model", "Functional"]),
    LIKELY_LAYERS,
    st.dictionaries(KEYS, JSON, max_size=4),
    st.booleans(),
)


@settings(QUICK, max_examples=200)
@given(config=CONFIGS)
@example(config=sequential(dense()))
def test_any_json_as_a_config_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, config: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-config.h5"
    read_or_refuse(write_model(path, json.dumps(config)))


@settings(QUICK, max_examples=200)
@given(content=st.binary(max_size=2000), signed=st.booleans())
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, signed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-bytes.h5"
    path.write_bytes((b"\x89HDF\r\n\x1a\n" if signed else b"") + content)
    read_or_refuse(path)


@settings(QUICK, max_examples=50)
@given(version=st.text(max_size=10) | st.from_regex(r"\d+\.\d+(\.\w+)?(-tf)?", fullmatch=True))
def test_any_version_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, version: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-version.h5"
    text = version.replace("\x00", "")
    read_or_refuse(write_model(path, keras_version=text or None, text=str))
