"""Bodies become tensors and examples by TensorFlow Serving's rules, beyond what is recorded."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.serving.server.json_request import PredictCall, classify_or_regress, predict
from converter.serving.server.json_text import LONGEST_TEXT, as_bytes
from converter.serving.status import Code, StatusError
from converter.serving.tensors import KINDS
from converter.wire.tensorflow_pb2 import DataType, TensorInfo

FLOAT = {"x": DataType.DT_FLOAT}
STRING = {"s": DataType.DT_STRING}
TWO = {"a": DataType.DT_FLOAT, "b": DataType.DT_INT32}


def asked(body: bytes | dict[str, Any], dtypes: Mapping[str, int] = FLOAT) -> PredictCall:
    """Read a body for a signature with such inputs, whatever its name."""
    infos = {alias: TensorInfo(dtype=dtype) for alias, dtype in dtypes.items()}  # type: ignore[arg-type]
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return predict(body, lambda _: infos)


def refusal(body: bytes | dict[str, Any], dtypes: Mapping[str, int] = FLOAT) -> str:
    """Why a body is refused, with the code where it is not INVALID_ARGUMENT."""
    with pytest.raises(StatusError) as raised:
        asked(body, dtypes)
    code = raised.value.code
    return raised.value.message if code == Code.INVALID_ARGUMENT else str(raised.value)


def test_the_signature_is_asked_for_once_and_only_when_the_body_is_json() -> None:
    names: list[str] = []

    def inputs_of(name: str) -> dict[str, TensorInfo]:
        names.append(name)
        return {"x": TensorInfo(dtype=DataType.DT_FLOAT)}

    for body in (b'{"instances":[1]}', b'{"signature_name":"","inputs":[[1],[true]]}', b"{}"):
        names.clear()
        try:
            call = predict(body, inputs_of)
            assert call.signature_name == "serving_default"
        except StatusError:
            pass
        assert names == ["serving_default"]
    for body in (b"", b"[]", b'{"instances":[1]', b'{"signature_name":1,"instances":[1]}'):
        names.clear()
        with pytest.raises(StatusError):
            predict(body, inputs_of)
        assert names == []


def test_a_refusal_of_the_signature_is_passed_on() -> None:
    def inputs_of(name: str) -> dict[str, TensorInfo]:
        raise StatusError(Code.NOT_FOUND, f"no {name}")

    for body in (b'{"instances":[1],"signature_name":"s"}', b'{"signature_name":"s"}'):
        with pytest.raises(StatusError, match="NOT_FOUND: no s"):
            predict(body, inputs_of)


@pytest.mark.parametrize(("named", "shown"), [("", "DEFAULT"), ("s", "s")])
def test_a_signature_without_inputs_cannot_be_asked(named: str, shown: str) -> None:
    body = {"signature_name": named, "inputs": {}}
    assert refusal(body, {}) == f"Failed to get input map for signature: {shown}"


def test_a_signature_name_that_is_no_utf8_is_asked_for_as_well_as_may_be() -> None:
    call = predict(
        b'{"signature_name":"\xff","inputs":[1]}',
        lambda _: {"x": TensorInfo(dtype=DataType.DT_FLOAT)},
    )
    assert call.signature_name == "�"


@pytest.mark.parametrize("shape", ["f", "i", "?", "O"])
@pytest.mark.parametrize("row", [True, False])
def test_every_dtype_json_has_is_read_in_its_own(shape: str, row: bool) -> None:
    values: dict[str, list[Any]] = {
        "f": [[1, 2.5], [-3e3, 0]],
        "i": [[1, 2], [3, 100]],
        "?": [[True, False], [False, True]],
        "O": [["a", ""], ["é", {"b64": "/w=="}]],
    }
    wanted = values[shape]
    if shape == "O":
        wanted = [[b"a", b""], ["é".encode(), b"\xff"]]
    for dtype in {
        "f": (DataType.DT_FLOAT, DataType.DT_DOUBLE),
        "i": (3, 4, 5, 6, 9, 22, 23),
        "?": (DataType.DT_BOOL,),
        "O": (DataType.DT_STRING,),
    }[shape]:
        call = asked({"instances" if row else "inputs": values[shape]}, {"x": dtype})
        tensor = call.inputs["x"]
        assert (call.row, tensor.dtype, tensor.array.dtype) == (row, dtype, KINDS[dtype].numpy)
        np.testing.assert_array_equal(tensor.array, np.array(wanted, KINDS[dtype].numpy))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (DataType.DT_INT32, [2**31 - 1, -(2**31)]),
        (DataType.DT_INT64, [2**63 - 1, -(2**63)]),
        (DataType.DT_UINT32, [2**32 - 1, 0]),
        (DataType.DT_UINT64, [2**64 - 1, 0]),
    ],
)
def test_integers_reach_to_their_limits_and_no_further(dtype: int, values: list[int]) -> None:
    assert asked({"inputs": values}, {"x": dtype}).inputs["x"].array.tolist() == values
    for beyond in (values[0] + 1, values[1] - 1):
        message = refusal({"inputs": [beyond]}, {"x": dtype})
        assert message.endswith(f" Type: Number is not of expected type: {KINDS[dtype].name}")


def test_numbers_beyond_small_integers_keep_their_lowest_bits() -> None:
    body = {"inputs": [300, -129, 2**31 - 1]}
    for dtype, wanted in ((6, [44, 127, -1]), (4, [44, 127, 255]), (5, [300, -129, -1])):
        assert asked(body, {"x": dtype}).inputs["x"].array.tolist() == wanted


def test_numbers_beyond_float32_are_infinite() -> None:
    array = asked(b'{"instances":[1e39,-1e39,9e308,Infinity,NaN]}').inputs["x"].array
    np.testing.assert_array_equal(array, [math.inf, -math.inf, math.inf, math.inf, math.nan])


def test_a_large_integer_is_rounded_twice_on_its_way_to_float32() -> None:
    # As a double it lies in the middle of two float32 numbers.
    assert asked({"inputs": 2**62 + 2**38 + 1}).inputs["x"].array == np.float32(2**62)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        (
            {"instances": [1], "inputs": [1]},
            'JSON Value: {\n    "instances": [\n        1\n    ],\n    "inputs": [\n'
            "        1\n    ]\n}"
            " Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        (
            {"instances": []},
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
        ),
        (
            {"instances": [[1], [[1]]]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT:"
            " Expecting shape [1] but got: [1,1]",
        ),
        (
            {"instances": [[[]], []]},
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT:"
            " Expecting shape [1,0] but got: [0]",
        ),
        (
            {"instances": [[[1], 2]]},
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT:"
            " JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        ({"inputs": [1, [2]]}, "Encountered list at unexpected level: 1 expected < 1"),
        (
            {"inputs": [[1], 2]},
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (
            {"inputs": [[], [1]]},
            "Encountered list at unexpected size: 1 at level: 1 expected size: 0",
        ),
        # The first error in the order of the text.
        (
            {"inputs": [[1, None], [2]]},
            "JSON Value: null Type: Null is not of expected type: float",
        ),
        (
            {"inputs": [{"b64": "AA=="}]},
            'JSON Value: {\n    "b64": "AA=="\n} Type: Object is not of expected type: float',
        ),
        (
            {"inputs": {"b64": "AA=="}},
            'JSON Value: {\n    "b64": "AA=="\n} Type: Object is not of expected type: float',
        ),
        ({"inputs": {"y": 1}}, "Missing named input: x in 'inputs' object."),
    ],
)
def test_what_is_no_tensor_is_refused(body: dict[str, Any], message: str) -> None:
    assert refusal(body) == message


@pytest.mark.parametrize("dtype", [DataType.DT_HALF, DataType.DT_UINT16, DataType.DT_QINT8])
def test_dtypes_json_has_no_form_for_are_refused_only_where_there_is_a_value(dtype: int) -> None:
    name = KINDS[dtype].name
    unimplemented = f"UNIMPLEMENTED: Conversion of JSON Value: 1 to type: {name}"
    assert refusal({"inputs": [[1]]}, {"x": dtype}) == unimplemented
    row = f"Failed to process element: 0 of 'instances' list. Error: {unimplemented}"
    assert refusal({"instances": [1]}, {"x": dtype}) == row
    tensor = asked({"inputs": [[], []]}, {"x": dtype}).inputs["x"]
    assert (tensor.array.shape, tensor.array.dtype) == ((2, 0), KINDS[dtype].numpy)


def test_a_dtype_that_is_none_is_refused() -> None:
    assert refusal({"inputs": []}, {"x": DataType.DT_INVALID}) == "tensor parsing error: x"


@pytest.mark.parametrize("key", ["instances", "inputs"])
@pytest.mark.parametrize("leaf", [b"1", b"", b"true"])
def test_any_depth_is_answered(key: str, leaf: bytes) -> None:
    depth = 20_000
    body = b'{"%b":%b%b%b}' % (key.encode(), b"[" * depth, leaf, b"]" * depth)
    wanted = {
        (b"true", "inputs"): "JSON Value: true Type: True is not of expected type: float",
        (b"true", "instances"): "Failed to process element: 0 of 'instances' list. Error:"
        " INVALID_ARGUMENT: JSON Value: true Type: True is not of expected type: float",
    }
    assert refusal(body) == wanted.get((leaf, key), "tensor parsing error: x")


def test_columns_need_every_name_and_leave_others_aside() -> None:
    call = asked({"inputs": {"c": {"d": None}, "b": 1, "a": [[1, 2]]}}, TWO)
    assert call.inputs["a"].array.tolist() == [[1.0, 2.0]]
    assert call.inputs["b"].array.shape == ()
    assert refusal({"inputs": {"b": 1}}, TWO) == "Missing named input: a in 'inputs' object."


def test_values_of_a_name_given_twice_in_a_row_push_later_ones_out() -> None:
    body = b'{"instances":[{"a":[1],"b":1,"b":5},{"a":[2],"b":2}]}'
    inputs = asked(body, TWO).inputs
    assert inputs["b"].array.tolist() == [1, 5]
    assert inputs["a"].array.tolist() == [[1.0], [2.0]]


def test_rows_that_have_each_name_as_often_as_there_are_rows_may_still_lack_one() -> None:
    message = refusal(b'{"instances":[{"a":1,"a":2},{"b":1,"b":2}]}', TWO)
    assert message.startswith("Failed to process element: 0 of 'instances' list. JSON object: {")
    assert message.endswith(" keys must be equal to: a,b")


def test_a_name_ends_at_a_nul() -> None:
    assert asked(b'{"instances":[{"x\\u0000y":1}]}').inputs["x"].array.tolist() == [1.0]


def test_names_that_are_no_utf8_stay_as_they_are_in_messages() -> None:
    message = refusal(b'{"instances":[{"\xff":1}]}')
    assert as_bytes(message).endswith(b"does not have named input: \xff")


def test_a_plain_list_that_begins_with_base64_is_taken_for_the_first_input() -> None:
    call = asked({"instances": [{"b64": "AA=="}, "b"]}, {"s": DataType.DT_STRING, "t": 7})
    assert {alias: tensor.array.tolist() for alias, tensor in call.inputs.items()} == {
        "s": [b"\0", b"b"]
    }


@settings(deadline=None)
@given(st.binary(), st.booleans(), st.integers(0, 8))
def test_base64_is_read_with_spaces_and_without_padding(data: bytes, pad: bool, at: int) -> None:
    text = base64.b64encode(data).decode()
    text = text if pad else text.rstrip("=")
    text = text[:at] + " \n\t" + text[at:]
    assert asked({"inputs": {"b64": text}}, STRING).inputs["s"].array.item() == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("YQ..", b"a"),
        ("YQ= =", b"a"),
        ("YR==", b"a"),
        (" ", b""),
        ("YWI=", b"ab"),
        ("YWJj", b"abc"),
    ],
)
def test_base64_has_more_forms_than_one(text: str, data: bytes) -> None:
    assert asked({"inputs": {"b64": text}}, STRING).inputs["s"].array.item() == data


@pytest.mark.parametrize(
    "text", ["Y", "YQ=", "YWI==", "YWJj=", "=", "YQ==YQ==", "Y-_Q", "Y*Q=", "é", "YQ==\0", "=" * 99]
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    assert refusal({"inputs": {"b64": text}}, STRING) == "Unable to base64 decode"


def test_an_object_among_texts_must_be_base64() -> None:
    for value in ({}, {"b64": 1}, {"b64": "AA==", "x": 1}, {"c": "AA=="}):
        message = refusal({"inputs": [value]}, STRING)
        assert message.startswith("JSON Value: {")
        assert message.endswith("} not formatted correctly for base64 data")


def test_a_message_repeats_no_more_of_a_body_than_its_limit() -> None:
    message = refusal({"instances": "x" * (2 * LONGEST_TEXT)})
    assert message.startswith('JSON Value: {\n    "instances": "xxx')
    assert message.endswith(" Expecting 'instances' to be an list/array")
    assert len(message) < LONGEST_TEXT + 100


def test_examples_hold_lists_of_their_first_values_kind() -> None:
    body = {
        "examples": [
            {
                "float": [1.5, -2.0],
                "int": [1, True, -(2**63)],
                "bytes": ["é", {"b64": "/w=="}],
                "one": 2.5,
                "none": [],
            },
            {},
        ],
        "context": {"c": 1},
    }
    call = classify_or_regress(json.dumps(body).encode())
    assert call.signature_name == "serving_default"
    first = call.examples[0].features.feature
    assert list(first["float"].float_list.value) == [1.5, -2.0]
    assert list(first["int"].int64_list.value) == [1, 1, -(2**63)]
    assert list(first["bytes"].bytes_list.value) == ["é".encode(), b"\xff"]
    assert list(first["one"].float_list.value) == [2.5]
    assert first["none"].WhichOneof("kind") is None
    assert call.examples[1].ByteSize() == 0
    assert call.context is not None
    assert list(call.context.features.feature["c"].int64_list.value) == [1]


def test_the_last_of_two_features_of_a_name_counts() -> None:
    (example,) = classify_or_regress(b'{"examples":[{"a":1,"a":2.5}]}').examples
    assert list(example.features.feature["a"].float_list.value) == [2.5]


def test_features_beyond_float32_are_infinite() -> None:
    (example,) = classify_or_regress(b'{"examples":[{"a":[1e39,-9e308,NaN]}]}').examples
    values = example.features.feature["a"].float_list.value
    np.testing.assert_array_equal(values, [math.inf, -math.inf, math.nan])


def test_a_feature_name_that_is_no_utf8_harms_no_other() -> None:
    (example,) = classify_or_regress(b'{"examples":[{"\xff":1,"a":2}]}').examples
    assert list(example.features.feature["a"].int64_list.value) == [2]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"examples": {"a": 1}}, " Expecting 'examples' value to be an list/array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": None}, "Example must be JSON object but got JSON Null"),
        ({"examples": [{"a": [[1]]}]}, "Feature: a has element with unexpected JSON type: Array"),
        ({"examples": [{"a": 2**63}]}, "Feature: a has uint64 element. Only int64 is supported."),
        (
            {"examples": [{"a": ["t", 1]}]},
            "Unexpected element type in feature: a expecting type: bytes",
        ),
        # The context is looked at before the examples.
        ({"context": {"a": None}}, "Feature: a has element with unexpected JSON type: Null"),
        ([], "JSON Value: [] Is not object"),
    ],
)
def test_what_is_no_example_is_refused(body: Any, message: str) -> None:
    with pytest.raises(StatusError) as raised:
        classify_or_regress(json.dumps(body).encode())
    assert raised.value.message.endswith(message)
