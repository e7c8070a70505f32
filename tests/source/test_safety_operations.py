"""TensorFlow operations in a config: arithmetic on tensors passes, anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from converter.source import safety
from testing.hdf5 import Node, layer, sequential


def kinds(config: Any) -> list[str]:
    return [f.kind for f in safety.scan(config, "model", loaded=True)]


def op_lambda(function: str) -> Node:
    return layer("TFOpLambda", "op", function=function)


@pytest.mark.parametrize(
    "function",
    [
        "math.add",
        "nn.relu",
        "__operators__.add",
        "reshape",
        "concat",
        "compat.v1.transpose",
        "image.resize",
        "linalg.matmul",
        "keras.backend.mean",
        "math.reduce_mean",
        "one_hot",
        "cast",
    ],
)
def test_arithmetic_on_tensors_is_allowed(function: str) -> None:
    assert kinds(sequential(op_lambda(function))) == []


@pytest.mark.parametrize(
    "function",
    [
        "io.write_file",
        "io.read_file",
        "raw_ops.ReadFile",
        "raw_ops.Add",
        "py_function",
        "print",
        "numpy_function",
        "compat.v1.py_func",
        "load_op_library",
        "load_library",
        "data.Dataset",
        "saved_model.load",
        "io.gfile.GFile",
        "keras.models.load_model",
        "keras.utils.get_file",
        "compat.v1.io.read_file",
        "compat.v1.read_file",
        "compat.v1.write_file",
        "compat.v1.matching_files",
        "compat.v1.WholeFileReader",
        "compat.v1.TextLineReader",
        "function",
        "map_fn",
        "",
        "math.add\nio.write_file",
        "keras.backend.function",
        "debugging.enable_dump_debug_info",
    ],
)
def test_a_call_that_is_more_than_arithmetic_is_refused(function: str) -> None:
    assert kinds(sequential(op_lambda(function))) == ["tensorflow-op"]


def test_a_class_method_is_not_judged_by_a_decoy() -> None:
    node = layer(
        "ClassMethod", "c", cls_symbol="io.gfile.GFile", method_name="write", function="math.add"
    )
    assert kinds(sequential(node)) == ["tensorflow-op"]


def field(tag: int, data: bytes) -> bytes:
    return bytes([tag, len(data)]) + data


def as_dict(op: str) -> Any:
    return {"name": "node", "op": op, "input": ["x"]}


def as_json(op: str) -> Any:
    return json.dumps(as_dict(op))


def as_protobuf(op: str) -> Any:
    return (field(0x0A, b"node") + field(0x12, op.encode()) + field(0x1A, b"x")).decode()


NODE_DEFS = {"dict": as_dict, "JSON": as_json, "protobuf": as_protobuf}


def op_layer(node_def: Any) -> Node:
    return layer("TensorFlowOpLayer", "op", node_def=node_def, constants={})


@pytest.mark.parametrize("form", NODE_DEFS)
@pytest.mark.parametrize(
    "op",
    [
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "PyFunc",
        "EagerPyFunc",
        "TFRecordReaderV2",
        "SaveV2",
        "RestoreV2",
        "MergeV2Checkpoints",
        "PrintV2",
        "ImmutableConst",
        "DebugIdentity",
        "DebugIdentityV2",
        "LoadAndRemapMatrix",
        "GenerateVocabRemapping",
        "DecodeProtoV2",
        "EncodeProto",
    ],
)
def test_an_operation_beyond_tensors_is_refused_in_every_form(form: str, op: str) -> None:
    assert kinds(sequential(op_layer(NODE_DEFS[form](op)))) == ["tensorflow-op"]


@pytest.mark.parametrize("form", NODE_DEFS)
@pytest.mark.parametrize("op", ["AddV2", "Mul", "Reshape", "ConcatV2", "Relu", "MatMul"])
def test_an_operation_on_tensors_is_allowed_in_every_form(form: str, op: str) -> None:
    assert kinds(sequential(op_layer(NODE_DEFS[form](op)))) == []


@pytest.mark.parametrize(
    "node_def",
    [
        None,
        3,
        [],
        "",
        "{",
        "{}",
        "\x0a",
        "\x0a\x7fabc",
        "\ud800",
        "\u0a12",
        {"op": None},
        as_protobuf("Add")[:5],
    ],
)
def test_an_operation_that_cannot_be_read_is_refused(node_def: Any) -> None:
    assert kinds(sequential(op_layer(node_def))) == ["tensorflow-op"]


@pytest.mark.parametrize("decoy", [("Add", "ReadFile"), ("ReadFile", "Add")])
def test_an_operation_stated_twice_is_refused(decoy: tuple[str, str]) -> None:
    """Protobuf takes the last of two values, a reader of the first would be led astray."""
    first, last = (field(0x12, op.encode()) for op in decoy)
    node_def = (field(0x0A, b"node") + first + last).decode()
    assert kinds(sequential(op_layer(node_def))) == ["tensorflow-op"]


@pytest.mark.parametrize("class_name", ["TFOpLambda", "SlicingOpLambda"])
@pytest.mark.parametrize("call", ["io.gfile.remove", "load_library", "keras.models.load_model"])
def test_every_layer_that_is_a_call_is_judged_by_the_call(class_name: str, call: str) -> None:
    node = {"class_name": class_name, "name": "x", "config": {"name": "x", "function": call}}
    assert kinds(sequential(node)) == ["tensorflow-op"]
    slicing = {**node, "config": {"name": "x", "function": "__operators__.getitem"}}
    assert kinds(sequential(slicing)) == []


@pytest.mark.parametrize("name", ["get", "serialize", "deserialize"])
def test_looking_up_an_activation_is_more_than_arithmetic(name: str) -> None:
    assert kinds(sequential(op_lambda(f"keras.activations.{name}"))) == ["tensorflow-op"]
    assert kinds(sequential(op_lambda("keras.activations.relu"))) == []
